"""From the parts' results back to the table: the features of some rows, as `features.compute` gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, NULL, Array
from cardrisk.features.batch import handed_through
from cardrisk.features.declare import FeatureSet
from cardrisk.features.events import known_at, number_of
from cardrisk.features.finish import finish_columns
from cardrisk.features.parts.keyed import only
from cardrisk.features.parts.narrow import Frame, as_columns, mismatch
from cardrisk.features.parts.plan import MISMATCH, PartPlan, label, part_plan

BLOCK: Final = 512
KINDS: Final = ("int64", "float32", "float64")
SPARSE: Final = 4
"""Rows are looked up in a table of at most so many places a row."""


class Room:
    """What one part says of some rows.

    Parameters
    ----------
    dtypes
        Of its columns, each of `KINDS`.
    rows
        How many.

    Attributes
    ----------
    columns
        Each a row of a table.
    tables
        One of each of the dtypes `KINDS`.
    told
        Of which rows something was said.
    """

    def __init__(self, dtypes: Mapping[str, str], rows: int) -> None:
        names = [[name for name, dtype in dtypes.items() if dtype == kind] for kind in KINDS]
        # room alone: most keys say something of every row, and the others' rows are seen to at the end
        whole, single, double = (np.empty((len(mine), rows), kind) for mine, kind in zip(names, KINDS, strict=True))
        self.tables = whole, single, double
        self._into = {name: (kind, row) for kind, mine in enumerate(names) for row, name in enumerate(mine)}
        self.columns: dict[str, Array] = {name: self.tables[kind][row] for name, (kind, row) in self._into.items()}
        self.told = np.zeros(rows, bool)

    def into(self, names: Sequence[str]) -> I64:
        """Return which table each column is in, and its row there, shape (names, 2); -1 of one that is no column."""
        return np.array([self._into.get(name, (-1, -1)) for name in names], np.int64)

    def fill(self) -> None:
        """Say "not known" of all other rows."""
        rest = np.flatnonzero(~self.told)
        for column in self.columns.values() if rest.size else ():
            column[rest] = NULL if column.dtype.kind == "i" else np.nan


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
    """

    def __init__(self, frame: pd.DataFrame, seq: Array, features: FeatureSet) -> None:
        self.features, self.plan = features, part_plan(features)
        self._frame, self.seq = frame, np.asarray(seq, np.int64)
        self.table = _table_of(self.seq)
        declared = {feature.name: feature.dtype for feature in features}
        facts = dict.fromkeys(self.plan.derived - {MISMATCH}, "int64")
        self._facts = Room(facts, len(frame))
        for column in self._facts.columns.values():
            column[:] = NULL
        # a key's first column stands for all that it says
        self._rooms = {
            part.columns[0]: Room({name: declared.get(name, "int64") for name in part.columns}, len(frame))
            for part in self.plan.parts
        }

    def room_for(self, names: Iterable[str]) -> Room:
        """Return where a result of such columns belongs."""
        return next((self._rooms[name] for name in names if name in self._rooms), self._facts)

    def add(self, result: Frame) -> None:
        """Take what a part (or a function of ``parts.facts``) says of some of these rows; others are left out."""
        columns = as_columns(result)
        place = np.empty(columns["seq"].size, np.int64)
        places_in(self.seq, self.table, np.asarray(columns["seq"], np.int64), place)
        here, room = place >= 0, self.room_for(columns)
        room.told[place[here]] = True
        for name in columns.keys() & room.columns.keys():
            room.columns[name][place[here]] = columns[name][here]

    def finished(self) -> pd.DataFrame:
        """Return the features of the rows: columns, dtypes and bits of :func:`cardrisk.features.compute`."""
        rooms = [self._facts, *self._rooms.values()]
        for room in self._rooms.values():
            room.fill()
        self._found = {name: column for room in rooms for name, column in room.columns.items()}
        found: dict[str, Any] = {**self._found, **self._late()}
        for feature in self.plan.handed:
            found[feature.name] = handed_through(self._frame, feature)
        return pd.DataFrame({n: found[n] for n in self.features.names}, index=self._frame.index, copy=False)

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
