"""From the parts' results back to the table: the features of some rows, as `features.compute` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cardrisk.features.arrays import I64, NULL, Array
from cardrisk.features.batch import handed_through
from cardrisk.features.declare import FeatureSet
from cardrisk.features.events import known_at, number_of
from cardrisk.features.finish import finish_columns
from cardrisk.features.parts.keyed import only
from cardrisk.features.parts.narrow import mismatch
from cardrisk.features.parts.plan import MISMATCH, PartPlan, label, part_plan

BLOCK: Final = 512
SPARSE: Final = 4
"""Rows are looked up in a table of at most so many places a row."""


class Rows:
    """Some rows of the table asked about, filled from results in any order.

    Parameters
    ----------
    frame
        The rows after intake.
    seq
        Their places, as given to ``events_of``; ascending. Shape (rows,).
    features
        The declarations.
    """

    def __init__(self, frame: pd.DataFrame, seq: Array, features: FeatureSet) -> None:
        self.features, self.plan = features, part_plan(features)
        self._frame, self._seq = frame, np.asarray(seq, np.int64)
        self._places = _places(self._seq)
        declared = {feature.name: feature.dtype for feature in features}
        names = [name for part in self.plan.parts for name in part.columns]
        # room alone: most keys say something of every row, and the others' rows are seen to at the end
        self._found: dict[str, Array] = {name: np.empty(len(frame), declared.get(name, "int64")) for name in names}
        self._told = {part.columns[0]: np.zeros(len(frame), bool) for part in self.plan.parts}

    def add(self, result: pd.DataFrame | Mapping[str, Array]) -> None:
        """Take what a part (or a function of ``parts.facts``) says of some of these rows; others are left out."""
        place = self._place_of(np.asarray(result["seq"]))
        here = place >= 0
        whole = bool(here.all())
        place = place if whole else place[here]
        for name, column in result.items():
            if name == "seq":
                continue
            if name in self._told:  # a key's first column stands for all that it says
                self._told[str(name)][place] = True
            if name not in self._found:
                self._found[str(name)] = np.full(len(self._frame), NULL)
            values = np.asarray(column)
            self._found[str(name)][place] = values if whole else values[here]

    def _place_of(self, seq: I64) -> I64:
        """Return the position of each row, -1 of one that is not among these."""
        if not self._seq.size:
            return np.full(seq.size, -1)
        if self._places is not None:
            away = seq - self._seq[0]
            inside = (away >= 0) & (away < self._places.size)
            return np.where(inside, self._places[np.where(inside, away, 0)], -1)
        place = np.minimum(np.searchsorted(self._seq, seq), self._seq.size - 1)
        return np.where(self._seq[place] == seq, place, -1)

    def finished(self) -> pd.DataFrame:
        """Return the features of the rows: columns, dtypes and bits of :func:`cardrisk.features.compute`."""
        self._fill()
        found: dict[str, Any] = dict(self._found)
        found.update(self._late())
        for feature in self.plan.handed:
            found[feature.name] = handed_through(self._frame, feature)
        return pd.DataFrame({n: found[n] for n in self.features.names}, index=self._frame.index, copy=False)

    def _fill(self) -> None:
        """Say "not known" of the rows that a key has no entity in."""
        for part in self.plan.parts:
            rest = np.flatnonzero(~self._told[part.columns[0]])
            for name in part.columns if rest.size else ():
                self._found[name][rest] = NULL if self._found[name].dtype.kind == "i" else np.nan

    def _late(self) -> dict[str, Array]:
        slots = [self._slot(label(slot)) for slot in self.plan.slots]
        rows = len(self._frame)
        ends = [end for dtype in ("float32", "float64") if (end := only(self.plan.late, dtype)).features]
        done = [np.empty((len(end.features), rows), end.features[0].dtype) for end in ends]
        raw = np.empty((len(slots), BLOCK), np.int64)
        for first in range(0, rows, BLOCK):
            stop = min(first + BLOCK, rows)
            for i, slot in enumerate(slots):
                raw[i, : stop - first] = slot[first:stop]
            for end, into in zip(ends, done, strict=True):
                finish_columns(raw, end.ops, end.arguments, end.constants, into, first, stop)
        both = zip(ends, done, strict=True)
        return {f.name: column for end, into in both for f, column in zip(end.features, into, strict=True)}

    def _slot(self, name: str) -> I64:
        """A whole number per row: handed on by a part, told by facts, or read from the row itself."""
        if name in self._found:
            return self._found[name]
        if name == "moment":
            return known_at(self._frame)
        if name == MISMATCH:
            return mismatch(self._frame)
        if name in self.plan.derived:
            return np.full(len(self._frame), NULL)
        return number_of(self._frame, name)


def _places(seq: I64) -> I64 | None:
    """Return, for each number from the first to the last, its position or -1; None where rows lie far apart."""
    if not seq.size or int(seq[-1]) - int(seq[0]) >= SPARSE * seq.size:
        return None
    table = np.full(int(seq[-1] - seq[0]) + 1, -1)
    table[seq - seq[0]] = np.arange(seq.size)
    return table


def late_names(plan: PartPlan) -> list[str]:
    """Names of the features that are finished when the parts are joined."""
    return [feature.name for feature in plan.late.features]
