"""Frames on disk between tasks: one file a task, many named frames in it, there whole or not at all.

Correct when a file that exists holds everything its task wrote, whenever a process was killed.

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
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.jobs.batch.columns import Array, Layout, Room, Rows, Stretch, are_numbers, given, stacked
from cardrisk.jobs.batch.laying import order_of
from cardrisk.tables.arrow import to_pandas

PRIVATE: Final = 0o600
_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
_TAIL: Final = 8
_NUMBER: Final = 8
"""Bytes of each whole number that tells where something stands."""
_ALONE: Final = -(2**62)
"""The place of rows that were written under their whole name."""
Stacked = TypeVar("Stacked")
"""Columns, told at once or when they are asked for."""
_UTC: Final = pa.timestamp("us", "UTC")


class Writer:
    """A file of named frames in the making; it appears when :meth:`close` is called.

    Parameters
    ----------
    path
        Where; its folder exists. Only the owner may read it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._scratch = path, path.with_name(f".{path.name}.{os.getpid()}")
        self._scratch.unlink(missing_ok=True)
        os.close(os.open(self._scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        self._file = pa.OSFile(str(self._scratch), "ab")  # ext4 writes what was truncated to disk when it is closed
        self._tables: dict[str, list[list[int]]] = {}
        self._blocks: dict[str, list[int]] = {}
        self._written: list[_Written] = []
        self._room = Room()

    def add(self, name: str, frame: pd.DataFrame) -> None:
        """Write a frame of int64, float32, float64, times or text, without its index; empty ones are left out.

        Frames of one name are read as one, in the order they were added.
        """
        if not len(frame):
            return
        if are_numbers(frame):
            rows = Rows(np.arange(len(frame)), np.array([0, len(frame)]))
            self._columns(name, {str(n): column.to_numpy() for n, column in frame.items()}, rows)
        else:
            self.add_table(name, pa.Table.from_batches([_batch(frame)]))

    def add_table(self, name: str, table: pa.Table) -> None:
        """Write an Arrow table."""
        start = self._file.tell()
        with pa.ipc.new_stream(self._file, table.schema, options=_COMPRESSED) as stream:
            stream.write_table(table)
        self._tables.setdefault(name, []).append([table.num_rows, start, self._file.tell() - start])

    def split(
        self, prefix: str, frame: pd.DataFrame | dict[str, Array], place: Array, among: Array | None = None
    ) -> None:
        """Write each row under ``prefix`` and its place, a whole number.

        Parameters
        ----------
        prefix, frame
            Numbers and text.
        place
            One per row.
        among
            Rows of the frame that are meant, None: all; ``place`` has one number for each of them.
        """
        if not len(place):
            return
        places, rows = _rows(place)
        if among is not None:
            rows = Rows(among[rows.order], rows.cut)
        self._columns(prefix, {str(name): given(column) for name, column in frame.items()}, rows, places)

    def _columns(self, name: str, columns: dict[str, Any], rows: Rows, places: Array | None = None) -> None:
        """Write columns place after place."""
        packed = self._room.pack(columns.items(), rows)
        start = self._bytes(packed.bytes)
        self._blocks.setdefault(name, []).append(len(self._written))
        where = np.stack([np.diff(rows.cut), start + packed.begin[:-1], np.diff(packed.begin)], axis=1)
        alone = np.array([_ALONE]) if places is None else places
        self._written.append(_Written(Layout.of(packed.columns), alone, where))

    def _bytes(self, values: Array) -> int:
        start = int(self._file.tell())
        self._file.write(values)
        return start

    def close(self, note: Any = None) -> None:
        """Let the file appear, with a note: anything JSON holds."""
        places = np.unique(np.concatenate([np.empty(0, np.int64), *(block.places for block in self._written)]))
        where = np.zeros((places.size, len(self._written), 3), np.int64)
        for number, block in enumerate(self._written):
            where[np.searchsorted(places, block.places), number] = block.where
        kept = [block.layout.kept for block in self._written]
        edges = np.cumsum([0, *map(len, kept)])
        told = {
            "blocks": self._blocks,
            "tables": self._tables,
            "names": [json.dumps(block.layout.names) for block in self._written],
            "where": [places.size, self._bytes(where)],
            "kept": self._bytes(np.concatenate([places, edges, *(each.ravel() for each in kept)])),
            "note": note,
        }
        end = json.dumps(told).encode()
        self._file.write(end)
        self._file.write(len(end).to_bytes(_TAIL, "little"))
        self._file.close()
        self._scratch.replace(self._path)


class _Written(NamedTuple):
    """A block: its columns, its places, and of each one the rows, where their bytes begin and how many they are."""

    layout: Layout
    places: Array
    where: Array


def _rows(place: Array) -> tuple[Array, Rows]:
    """Return the distinct places, ascending, and the rows of each one."""
    low, high = int(place.min()), int(place.max())
    codes: Array
    if high - low < 1 << 16:
        codes = (place - low).astype(np.uint16)
        places = np.arange(low, high + 1)
    else:
        places, numbers = np.unique(place, return_inverse=True)
        codes = numbers.astype(np.uint16 if places.size < 1 << 16 else np.uint32)
    cut, order = np.empty(places.size + 1, np.int64), np.empty(place.size, np.int64)
    order_of(codes, cut, order)
    there = np.diff(cut) > 0
    return places[there], Rows(order, np.append(cut[:-1][there], place.size))


def _batch(frame: pd.DataFrame) -> pa.RecordBatch:
    arrays = []
    for place in range(frame.shape[1]):
        array = _array(frame.iloc[:, place])
        arrays.append(array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array)
    return pa.RecordBatch.from_arrays(arrays, names=[str(name) for name in frame.columns])


def _array(column: pd.Series) -> Any:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        micro = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
        return pa.array(micro).cast(_UTC)
    return pa.array(column.array, from_pandas=True)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file to read from it anywhere: Python's own files take longer to open than most of what is read here."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        yield file
    finally:
        os.close(file)


class Box:
    """A file that :class:`Writer` wrote; what is asked for is read then, and nothing is held open between.

    Of where things stand, what is the same for all places is held, and what was said of the place asked for last.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _opened(path) as file:
            size = os.fstat(file).st_size
            length = int.from_bytes(os.pread(file, _TAIL, size - _TAIL), "little")
            end = json.loads(os.pread(file, length, size - _TAIL - length))
            numbers = np.frombuffer(os.pread(file, size - _TAIL - length - end["kept"], end["kept"]), np.int64)
        self.note: Any = end["note"]
        self._tables: dict[str, list[list[int]]] = end["tables"]
        self._blocks: dict[str, list[int]] = end["blocks"]
        self._names: list[str] = end["names"]
        many, self._where = end["where"]
        self._places, self._edges, kept = np.split(numbers, (many, many + len(self._names) + 1))
        self._kept = kept.reshape(-1, 4)
        self._layouts: dict[int, Layout] = {}
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
                size = blocks * 3 * _NUMBER
                with _opened(self._path) as file:
                    numbers = os.pread(file, size, self._where + i * size)
                found = np.frombuffer(numbers, np.int64).reshape(-1, 3).tolist()
            self._last = place, found
        return self._last[1]

    def _find(self, name: str) -> list[tuple[int, list[int]]]:
        """Return each block that has rows under a name, and what `_at` says of it."""
        blocks, place = self._blocks.get(name, []), _ALONE
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
            found += [prefix if place == _ALONE else f"{prefix} {place}" for place in self.places(prefix)]
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
