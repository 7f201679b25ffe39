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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.jobs.batch.columns import Array, Column, Room, Rows, Stretch, are_numbers, given, stacked
from cardrisk.jobs.batch.laying import order_of
from cardrisk.tables.arrow import to_pandas

PRIVATE: Final = 0o600
_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
_TAIL: Final = 8
Stacked = TypeVar("Stacked")
"""Columns, told at once or when they are asked for."""
_FEW: Final = 2
"""Events and answers of a key are asked for in turns."""
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
        os.close(os.open(self._scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE))
        self._file = pa.OSFile(str(self._scratch), "wb")
        self._index: dict[str, list[list[Any]]] = {}
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
        self._index.setdefault(name, []).append([table.num_rows, start, self._file.tell() - start])

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
        """Write columns place after place, and before them where the rows and the bytes of each place begin."""
        packed = self._room.pack(columns.items(), rows)
        cut, begin = rows.cut, packed.begin
        where = [] if places is None else [len(places), self._bytes(np.concatenate([places, cut, begin]))]
        start = self._bytes(packed.bytes)
        self._index.setdefault(name, []).append([int(cut[-1]), start, len(packed.bytes), where, packed.columns])

    def _bytes(self, values: Array) -> int:
        start = int(self._file.tell())
        self._file.write(values)
        return start

    def close(self, note: Any = None) -> None:
        """Let the file appear, with a note: anything JSON holds."""
        frames = {name: json.dumps(blocks) for name, blocks in self._index.items()}
        end = json.dumps({"frames": frames, "note": note}).encode()
        self._file.write(end)
        self._file.write(len(end).to_bytes(_TAIL, "little"))
        self._file.close()
        self._scratch.replace(self._path)


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

    Parameters
    ----------
    path
        The file.
    remembers
        Where the rows of each place stand is remembered for every prefix, not only for the few asked for last.
    """

    def __init__(self, path: Path, *, remembers: bool = False) -> None:
        self._path = path
        with _opened(path) as file:
            size = os.fstat(file).st_size
            length = int.from_bytes(os.pread(file, _TAIL, size - _TAIL), "little")
            end = json.loads(os.pread(file, length, size - _TAIL - length))
        self.note: Any = end["note"]
        self._index: dict[str, str] = end["frames"]  # what stands under a name is read when it is asked for
        self._splits: dict[str, list[_Split]] = {}
        self._remembers = remembers

    def _blocks(self, name: str) -> list[list[Any]]:
        return json.loads(self._index[name]) if name in self._index else []

    def _split(self, prefix: str) -> list[_Split]:
        """Blocks that were split under a prefix."""
        if prefix not in self._splits:
            if not self._remembers and len(self._splits) >= _FEW:
                del self._splits[next(iter(self._splits))]
            blocks = [block for block in self._blocks(prefix) if len(block) > 3 and block[3]]
            self._splits[prefix] = []
            if blocks:
                with _opened(self._path) as file:
                    self._splits[prefix] = [_Split.of(block, file) for block in blocks]
        return self._splits[prefix]

    def places(self, prefix: str) -> dict[int, int]:
        """Places under which rows were split, ascending, and how many stand under each."""
        found: dict[int, int] = {}
        for block in self._split(prefix):
            for place, rows in zip(block.places.tolist(), np.diff(block.cut).tolist(), strict=True):
                found[place] = found.get(place, 0) + rows
        return dict(sorted(found.items()))

    def rows(self, name: str) -> int:
        """Rows split under a name."""
        prefix, _, place = name.rpartition(" ")
        return sum(block.find(int(place))[0] for block in self._split(prefix))

    def stretches(self, name: str) -> list[Stretch] | None:
        """Return what stands under a name as it was kept; None where that is an Arrow table."""
        if name in self._index:
            blocks = self._blocks(name)
            if any(len(block) == 3 for block in blocks):
                return None
            with _opened(self._path) as file:
                return [
                    Stretch(rows, [Column(*each) for each in columns], os.pread(file, size, start))
                    for rows, start, size, _, columns in blocks
                ]
        prefix, _, place = name.rpartition(" ")
        mine = [(*block.find(int(place)), block.columns) for block in self._split(prefix)]
        if not any(rows for rows, *_ in mine):
            return []  # as most files have nothing for a rare key: they need not be opened
        with _opened(self._path) as file:
            return [Stretch(rows, columns, os.pread(file, size, at)) for rows, at, size, columns in mine if rows]

    def read(self, name: str) -> pd.DataFrame | None:
        """Return a frame (text as ``str``, null = NaN); None where nothing was written under that name."""
        found = self.stretches(name)
        if found is not None:
            return _frame(found)
        table = self.table(name)
        columns = {field.name: _column(table.column(i), field.type) for i, field in enumerate(table.schema)}
        return pd.DataFrame(columns, copy=False)

    def table(self, name: str) -> pa.Table:
        """Return what was written under a name that is there, as Arrow holds it."""
        with _opened(self._path) as file:
            streams = [os.pread(file, size, start) for _, start, size in self._blocks(name)]
        return pa.concat_tables([pa.ipc.open_stream(pa.py_buffer(stream)).read_all() for stream in streams])


@dataclass(frozen=True)
class _Split:
    """Where the rows and the bytes of each place begin in a block, and where the block does."""

    start: int
    places: Array
    cut: Array
    begin: Array
    columns: list[Column]

    @classmethod
    def of(cls, block: list[Any], file: int) -> _Split:
        _, start, _, (size, at), columns = block
        numbers = np.frombuffer(os.pread(file, (3 * size + 2) * 8, at), np.int64)
        places, cut, begin = np.split(numbers, (size, 2 * size + 1))
        return cls(start, places, cut, begin, [Column(*each) for each in columns])

    def find(self, place: int) -> tuple[int, int, int]:
        """Return how many rows a place has, and where its bytes begin and how many they are."""
        i = int(self.places.searchsorted(place))
        if i == self.places.size or self.places[i] != place:
            return 0, 0, 0
        rows, begin, end = int(self.cut[i + 1] - self.cut[i]), int(self.begin[i]), int(self.begin[i + 1])
        return rows, self.start + begin, end - begin


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

    return Lazily({column.name: partial(told, column.name) for column in stretches[0].columns})


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
        for box in self._boxes:
            held += box.stretches(name) or []
            if sum(stretch.rows for stretch in held) >= rows:
                yield lazily(held)
                held = []
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
        for box in self._boxes:
            first = sum(stretch.rows for stretch in held)
            if first >= rows:
                yield how(held), how(other) if other else None
                held, other, first = [], [], 0
            held += box.stretches(name) or []
            other += [stretch.shifted(by, first) for stretch in box.stretches(about) or []]
        if held:
            yield how(held), how(other) if other else None

    def rows(self, name: str) -> int:
        """Return how many rows stand under a name."""
        return sum(box.rows(name) for box in self._boxes)

    def gather(self, *names: str) -> pd.DataFrame | None:
        """Return the frames of some names, split or of numbers, one after the other; None where no file has any."""
        return _frame([stretch for box in self._boxes for name in names for stretch in box.stretches(name) or []])
