"""From the parts' results back to the table: the features of some rows, as `features.compute` gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, NULL, Array, Bool
from cardrisk.features.batch import handed_through
from cardrisk.features.declare import FeatureSet
from cardrisk.features.events import known_at, number_of
from cardrisk.features.finish import finish_columns
from cardrisk.features.parts.keyed import only
from cardrisk.features.parts.narrow import mismatch
from cardrisk.features.parts.plan import MISMATCH, PartPlan, label, part_plan

BLOCK: Final = 512
KINDS: Final = ("int64", "float32", "float64")
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

    Attributes
    ----------
    seq, table
        As `places_in` takes them.
    tables
        What was found, a row per column: tables of the dtypes `KINDS`.
    """

    def __init__(self, frame: pd.DataFrame, seq: Array, features: FeatureSet) -> None:
        self.features, self.plan = features, part_plan(features)
        self._frame, self.seq = frame, np.asarray(seq, np.int64)
        self.table = _table_of(self.seq)
        declared = {feature.name: feature.dtype for feature in features}
        kinds = {name: np.dtype(declared.get(name, "int64")) for part in self.plan.parts for name in part.columns}
        facts = sorted(self.plan.derived - {MISMATCH})
        kinds |= dict.fromkeys(facts, np.dtype(np.int64))
        names = {kind: [name for name in kinds if kinds[name] == kind] for kind in map(np.dtype, KINDS)}
        # room alone: most keys say something of every row, and the others' rows are seen to at the end
        tables = {kind: np.empty((len(mine), len(frame)), kind) for kind, mine in names.items()}
        self.tables = tuple(tables.values())
        self._row = {name: row for mine in names.values() for row, name in enumerate(mine)}
        self._found: dict[str, Array] = {name: tables[kind][self._row[name]] for name, kind in kinds.items()}
        for name in facts:
            self._found[name][:] = NULL
        self._part = {part.columns[0]: number for number, part in enumerate(self.plan.parts)}
        self._told = np.zeros((len(self._part) + 1, len(frame)), bool)

    def into(self, names: Sequence[str]) -> I64:
        """Return the row of each column in the table of its dtype, of `tables`; -1 of one that nothing reads."""
        return np.array([self._row.get(name, -1) for name in names], np.int64)

    def told_by(self, names: Sequence[str]) -> Bool:
        """Return what must be set True for each row of which a result of such columns tells."""
        # a key's first column stands for all that it says
        told: Bool = self._told[max((self._part.get(name, -1) for name in names), default=-1)]
        return told

    def add(self, result: pd.DataFrame | Mapping[str, Array]) -> None:
        """Take what a part (or a function of ``parts.facts``) says of some of these rows; others are left out."""
        columns = {str(name): np.asarray(column) for name, column in result.items()}
        place = np.empty(columns["seq"].size, np.int64)
        places_in(self.seq, self.table, np.asarray(columns["seq"], np.int64), place)
        here = place >= 0
        self.told_by(list(columns))[place[here]] = True
        for name in columns.keys() & self._found.keys():
            self._found[name][place[here]] = columns[name][here]

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
            rest = np.flatnonzero(~self._told[self._part[part.columns[0]]])
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
        return number_of(self._frame, name)


def _table_of(seq: I64) -> I64:
    """Return, for each number from the first to the last, its position or -1; nothing where rows lie far apart."""
    if not seq.size or int(seq[-1]) - int(seq[0]) >= SPARSE * seq.size:
        return np.empty(0, np.int64)
    table = np.full(int(seq[-1] - seq[0]) + 1, -1)
    table[seq - seq[0]] = np.arange(seq.size)
    return table


@compiled
def places_in(own: I64, table: I64, seq: I64, place: I64) -> None:
    """Write the position of each row among the ``own`` ones, ascending, -1 of one that is not among them.

    ``table`` has the position of each number from ``own[0]`` on; it may be empty.
    """
    for i in range(seq.size):
        found = -1
        if table.size:
            away = seq[i] - own[0]
            if 0 <= away < table.size:
                found = table[away]
        elif own.size:
            k = np.searchsorted(own, seq[i])
            if k < own.size and own[k] == seq[i]:
                found = k
        place[i] = found


def late_names(plan: PartPlan) -> list[str]:
    """Names of the features that are finished when the parts are joined."""
    return [feature.name for feature in plan.late.features]
