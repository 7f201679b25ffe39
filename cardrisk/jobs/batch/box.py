"""Frames that stand in files of :mod:`~cardrisk.jobs.batch.writing`: what is asked for is read then.

Files are read, never mapped: of a mapped file the system keeps whole neighbourhoods of what was touched, which for
short stretches of many files comes to all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.jobs.batch.columns import Layout, Stretch, stacked
from cardrisk.jobs.batch.packing import Array
from cardrisk.jobs.batch.writing import ALONE, TAIL
from cardrisk.tables.arrow import to_pandas

NEAR: Final = 16
"""Of so many places in a row it is read at once where they stand."""
_NUMBER: Final = 8
"""Bytes of each whole number that tells where something stands."""
Stacked = TypeVar("Stacked")
"""Columns, told at once or when they are asked for."""


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file to read from it anywhere: Python's own files take longer to open than most of what is read here."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        yield file
    finally:
        os.close(file)


class Box:
    """A file that :class:`~cardrisk.jobs.batch.writing.Writer` wrote; nothing is held open between questions.

    Of where things stand, what is the same for all places is held, and what was said of a few places in a row.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _opened(path) as file:
            size = os.fstat(file).st_size
            length = int.from_bytes(os.pread(file, TAIL, size - TAIL), "little")
            end = json.loads(os.pread(file, length, size - TAIL - length))
            numbers = np.frombuffer(os.pread(file, size - TAIL - length - end["kept"], end["kept"]), np.int64)
        self.note: Any = end["note"]
        self._tables: dict[str, list[list[int]]] = end["tables"]
        self._blocks: dict[str, list[int]] = end["blocks"]
        self._names: list[str] = end["names"]
        many, self._where = end["where"]
        self._places, self._edges, kept = np.split(numbers, (many, many + len(self._names) + 1))
        self._kept = kept.reshape(-1, 4)
        self._layouts: dict[int, Layout] = {}
        self._begin, self._near = 0, np.empty((0, 0, 3), np.int64)
        self._last: tuple[int, list[list[int]]] | None = None

    def _layout(self, block: int) -> Layout:
        if block not in self._layouts:
            kept = self._kept[self._edges[block] : self._edges[block + 1]]
            self._layouts[block] = Layout(_names(self._names[block]), kept)
        return self._layouts[block]

    def _at(self, place: int) -> list[list[int]]:
        """Rows of each block at a place, where their bytes begin and how many they are."""
        if self._last is None or self._last[0] != place:
            i, blocks = int(self._places.searchsorted(place)), len(self._names)
            if i == self._places.size or self._places[i] != place:
                found = [[0, 0, 0]] * blocks
            else:
                found = self._told(i, blocks)
            self._last = place, found
        return self._last[1]

    def _told(self, i: int, blocks: int) -> list[list[int]]:
        """What is said of the i-th place; of those after it too it is read now, for they are asked about next."""
        if not self._begin <= i < self._begin + len(self._near):
            size = blocks * 3 * _NUMBER
            with _opened(self._path) as file:
                numbers = os.pread(file, min(NEAR, self._places.size - i) * size, self._where + i * size)
            self._begin, self._near = i, np.frombuffer(numbers, np.int64).reshape(-1, blocks, 3)
        found: list[list[int]] = self._near[i - self._begin].tolist()
        return found

    def _find(self, name: str) -> list[tuple[int, list[int]]]:
        """Return each block that has rows under a name, and what `_at` says of it."""
        blocks, place = self._blocks.get(name, []), ALONE
        if not blocks:
            prefix, _, last = name.rpartition(" ")
            if prefix not in self._blocks:
                return []
            blocks, place = self._blocks[prefix], int(last)
        found = self._at(place)
        return [(block, found[block]) for block in blocks if found[block][0]]

    def names(self) -> list[str]:
        """Everything that can be read."""
        found = [*self._tables]
        for prefix in self._blocks:
            found += [prefix if place == ALONE else f"{prefix} {place}" for place in self.places(prefix)]
        return found

    def places(self, prefix: str) -> dict[int, int]:
        """Places under which rows were split, ascending, and how many stand under each."""
        found = {
            place: [self._at(place)[b][0] for b in self._blocks.get(prefix, ())] for place in self._places.tolist()
        }
        return {place: sum(rows) for place, rows in found.items() if any(rows)}

    def rows(self, name: str) -> int:
        """Rows under a name."""
        return sum(rows for _, (rows, *_) in self._find(name))

    def stretches(self, *names: str) -> list[list[Stretch]]:
        """Return what stands under each name as it was kept, nothing where that is an Arrow table."""
        found = [self._find(name) for name in names]
        if not any(found):
            return [[] for _ in found]
        with _opened(self._path) as file:
            return [
                [Stretch(rows, self._layout(b), os.pread(file, size, start)) for b, (rows, start, size) in each]
                for each in found
            ]

    def read(self, name: str) -> pd.DataFrame | None:
        """Return a frame (text as ``str``, null = NaN); None where nothing was written under that name."""
        if name not in self._tables:
            return _frame(*self.stretches(name))
        table = self.table(name)
        columns = {field.name: _column(table.column(i), field.type) for i, field in enumerate(table.schema)}
        return pd.DataFrame(columns, copy=False)

    def table(self, name: str) -> pa.Table:
        """Return what was written under a name that is there, as Arrow holds it."""
        with _opened(self._path) as file:
            streams = [os.pread(file, size, start) for _, start, size in self._tables[name]]
        return pa.concat_tables([pa.ipc.open_stream(pa.py_buffer(stream)).read_all() for stream in streams])


@lru_cache(maxsize=1 << 10)
def _names(told: str) -> tuple[str, ...]:
    """Names of columns, of which most files have the same."""
    return tuple(json.loads(told))


class Lazily(Mapping[str, Array]):
    """Columns that are told when they are asked for, each once.

    Parameters
    ----------
    ways
        What tells each.
    """

    def __init__(self, ways: dict[str, Callable[[], Array]]) -> None:
        self._ways, self._told = ways, dict[str, Array]()

    def __getitem__(self, name: str) -> Array:
        if name not in self._told:
            self._told[name] = self._ways[name]()
        return self._told[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ways)

    def __len__(self) -> int:
        return len(self._ways)


def lazily(stretches: list[Stretch]) -> Lazily:
    """Columns of numbers of some stretches as `stacked` gives them, each when it is asked for."""

    def told(name: str) -> Array:
        found: Array = stacked(stretches, (name,))[name]
        return found

    return Lazily({name: partial(told, name) for name in stretches[0].layout.names})


def _many(found: list[Stretch]) -> int:
    return sum(stretch.rows for stretch in found)


def _frame(found: list[Stretch]) -> pd.DataFrame | None:
    """One frame of many stretches; None of none."""
    return pd.DataFrame(stacked(found), copy=False) if found else None


def _column(values: pa.ChunkedArray, kind: pa.DataType) -> Any:
    if pa.types.is_null(kind):
        return to_pandas(values.combine_chunks().cast(pa.large_string()))
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        return to_pandas(values.combine_chunks().cast(pa.large_string()))
    if pa.types.is_timestamp(kind):
        return pd.Series(values.cast(pa.timestamp("us")).to_numpy()).dt.tz_localize("UTC").array
    if pa.types.is_boolean(kind):
        return values.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get).array
    return values.to_numpy()


class Boxes:
    """Many files as one.

    Parameters
    ----------
    boxes
        The files, in the order in which their frames are read.
    """

    def __init__(self, boxes: Iterable[Box]) -> None:
        self._boxes = list(boxes)

    def each(self, name: str, rows: int) -> Iterator[Mapping[str, Array]]:
        """Give the numbers of one name as columns, of so many files at a time that each time ``rows`` rows come.

        A column is read when it is asked for.
        """
        held: list[Stretch] = []
        many = 0
        for box in self._boxes:
            (found,) = box.stretches(name)
            held += found
            many += _many(found)
            if many >= rows:
                yield lazily(held)
                held, many = [], 0
        if held:
            yield lazily(held)

    def both(
        self, name: str, about: str, by: str, rows: int, how: Callable[[list[Stretch]], Stacked]
    ) -> Iterator[tuple[Stacked, Stacked | None]]:
        """Give the numbers of two names as `each` gives those of one, by the rows of the first; there are some.

        Column ``by`` of ``about`` counts the rows of ``name`` in its file; here those that come with it. ``how`` is
        `stacked` or `lazily`; None stands for no rows.
        """
        held: list[Stretch] = []
        other: list[Stretch] = []
        many = 0
        for box in self._boxes:
            if many >= rows:
                yield how(held), how(other) if other else None
                held, other, many = [], [], 0
            found, told = box.stretches(name, about)
            held += found
            other += [stretch._replace(layout=stretch.layout.shifted(by, many)) for stretch in told]
            many += _many(found)
        if held:
            yield how(held), how(other) if other else None

    def rows(self, name: str) -> int:
        """Return how many rows stand under a name."""
        return sum(box.rows(name) for box in self._boxes)

    def gather(self, *names: str) -> pd.DataFrame | None:
        """Return the frames of some names, split or of numbers, one after the other; None where no file has any."""
        return _frame([stretch for box in self._boxes for each in box.stretches(*names) for stretch in each])
