"""From the parts' results back to the table: the features of some rows, as `features.compute` gives them."""

from __future__ import annotations

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

BLOCK: Final = 4_096


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
        self._found: dict[str, Array] = {}
        declared = {feature.name: feature.dtype for feature in features}
        for part in self.plan.parts:
            for name in part.columns:
                dtype = declared.get(name)
                self._found[name] = np.full(len(frame), NULL) if dtype is None else np.full(len(frame), np.nan, dtype)

    def add(self, result: pd.DataFrame) -> None:
        """Take what a part (or a function of ``parts.facts``) says of some of these rows; others are left out."""
        seq = result["seq"].to_numpy()
        place = np.minimum(np.searchsorted(self._seq, seq), max(self._seq.size - 1, 0))
        here = self._seq[place] == seq if self._seq.size else np.zeros(seq.size, bool)
        whole = bool(here.all())
        place = place if whole else place[here]
        for name, column in result.items():
            if name == "seq":
                continue
            if name not in self._found:
                self._found[str(name)] = np.full(len(self._frame), NULL)
            values = column.to_numpy()
            self._found[str(name)][place] = values if whole else values[here]

    def finished(self) -> pd.DataFrame:
        """Return the features of the rows: columns, dtypes and bits of :func:`cardrisk.features.compute`."""
        found: dict[str, Any] = dict(self._found)
        found.update(self._late())
        for feature in self.plan.handed:
            found[feature.name] = handed_through(self._frame, feature)
        return pd.DataFrame({n: found[n] for n in self.features.names}, index=self._frame.index, copy=False)

    def _late(self) -> dict[str, Array]:
        slots = [self._slot(label(slot)) for slot in self.plan.slots]
        rows = len(self._frame)
        out: dict[str, Array] = {}
        for dtype in ("float32", "float64"):
            end = only(self.plan.late, dtype)
            finished = np.empty((len(end.features), rows), dtype)
            for first in range(0, rows if end.features else 0, BLOCK):
                stop = min(first + BLOCK, rows)
                raw = np.stack([slot[first:stop] for slot in slots])
                finish_columns(raw, end.ops, end.arguments, end.constants, finished, first, stop)
            out |= {f.name: column for f, column in zip(end.features, finished, strict=True)}
        return out

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


def late_names(plan: PartPlan) -> list[str]:
    """Names of the features that are finished when the parts are joined."""
    return [feature.name for feature in plan.late.features]
