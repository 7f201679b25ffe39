"""Frames on disk between tasks: one file a task, many named frames in it, there whole or not at all.

Correct when a file that exists holds everything its task wrote, whenever a process was killed.

Files are read, never mapped: of a mapped file the system keeps whole neighbourhoods of what was touched, which for
short stretches of many files comes to all of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.jobs.batch.columns import Array, Column, are_numbers, narrowed, stretch
from cardrisk.tables.arrow import to_pandas

PRIVATE: Final = 0o600
_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
_TAIL: Final = 8
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

    def add(self, name: str, frame: pd.DataFrame) -> None:
        """Write a frame of int64, float32, float64, times or text, without its index; empty ones are left out.

        Frames of one name are read as one, in the order they were added.
        """
        if not len(frame):
            return
        if are_numbers(frame):
            columns = ((str(column), values.to_numpy()) for column, values in frame.items())
            self._numbers(name, len(frame), columns, None)
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
            Numbers, or text too; numbers may come as columns.
        place
            One per row.
        among
            Rows of the frame that are meant, None: all; ``place`` has one number for each of them.
        """
        if not len(place):
            return
        places, codes = _coded(place)
        order = np.argsort(codes, kind="stable") if len(places) > 1 else slice(None)
        cut = np.searchsorted(codes[order], np.arange(len(places) + 1))
        if among is not None:
            order = among[order]
        if isinstance(frame, dict) or are_numbers(frame):
            rows = len(place)
            columns = ((str(column), np.asarray(values)[order]) for column, values in frame.items())
            self._numbers(prefix, rows, columns, (places, cut))
            return
        frame = frame.iloc[order]
        for i, value in enumerate(places.tolist()):
            self.add(f"{prefix} {value}", frame.iloc[cut[i] : cut[i + 1]])

    def _numbers(
        self, name: str, rows: int, columns: Iterable[tuple[str, Array]], cut: tuple[Array, Array] | None
    ) -> None:
        """Write columns of numbers one after the other, and before them where each place's rows begin."""
        at = None if cut is None else [self._bytes(np.concatenate(cut).astype(np.int64)), len(cut[0])]
        kept = []
        for column, values in columns:
            narrow, base = narrowed(values)
            where = (0, "") if narrow is None else (self._bytes(narrow), narrow.dtype.str)
            kept.append(Column(column, values.dtype.str, where[1], where[0], base).document())
        self._index.setdefault(name, []).append([rows, at, kept])

    def _bytes(self, values: Array) -> int:
        start = int(self._file.tell())
        gap = -start % _TAIL
        self._file.write(bytes(gap))
        self._file.write(np.ascontiguousarray(values))
        return start + gap

    def close(self, note: Any = None) -> None:
        """Let the file appear, with a note: anything JSON holds."""
        frames = {name: json.dumps(blocks) for name, blocks in self._index.items()}
        end = json.dumps({"frames": frames, "note": note}).encode()
        self._file.write(end)
        self._file.write(len(end).to_bytes(_TAIL, "little"))
        self._file.close()
        self._scratch.replace(self._path)


def _coded(place: Array) -> tuple[Array, Array]:
    """Return the distinct places, ascending, and each row's number among them, in few bytes: those sort fast."""
    low, high = int(place.min()), int(place.max())
    if low == high:
        return np.array([low]), np.zeros(len(place), np.uint16)
    if high - low < 1 << 16:
        codes = (place - low).astype(np.uint16)
        there = np.bincount(codes, minlength=high - low + 1) > 0
        number = np.cumsum(there) - 1
        return np.flatnonzero(there) + low, number[codes].astype(np.uint16)
    places, numbers = np.unique(place, return_inverse=True)
    return places, numbers.astype(np.uint16) if len(places) < 1 << 16 else numbers


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


class Box:
    """A file that :class:`Writer` wrote; what is asked for is read then, and nothing is held open between.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            length = int.from_bytes(os.pread(file.fileno(), _TAIL, size - _TAIL), "little")
            end = json.loads(os.pread(file.fileno(), length, size - _TAIL - length))
        self.note: Any = end["note"]
        self._index: dict[str, str] = end["frames"]  # what stands under a name is read when it is asked for

    def _blocks(self, name: str) -> list[list[Any]]:
        return json.loads(self._index[name]) if name in self._index else []

    def places(self, prefix: str) -> dict[int, int]:
        """Places under which rows of numbers were split, ascending, and how many stand under each."""
        found: dict[int, int] = {}
        with self._path.open("rb") as file:
            for _, at, _ in self._blocks(prefix):
                places, cut = _cut(file.fileno(), at)
                for place, rows in zip(places.tolist(), np.diff(cut).tolist(), strict=True):
                    found[place] = found.get(place, 0) + rows
        return dict(sorted(found.items()))

    def _found(self, name: str, file: int) -> Iterator[tuple[list[Any], int, int]]:
        """Give the blocks that hold rows of a name, and which rows."""
        if name in self._index:
            for block in self._blocks(name):
                yield block, 0, block[0]
            return
        prefix, _, value = name.rpartition(" ")
        for block in self._blocks(prefix):
            places, cut = _cut(file, block[1])
            i = int(np.searchsorted(places, int(value)))
            if i < len(places) and places[i] == int(value):
                yield block, int(cut[i]), int(cut[i + 1])

    def rows(self, name: str) -> int:
        """Rows written under a name."""
        with self._path.open("rb") as file:
            return sum(stop - first for _, first, stop in self._found(name, file.fileno()))

    def numbers(self, name: str) -> list[dict[str, Array]] | None:
        """Return frames of numbers, each as columns; None where they hold text."""
        found = []
        with self._path.open("rb") as file:
            for (_, _, kept), first, stop in self._found(name, file.fileno()):
                if not isinstance(kept, list):
                    return None
                columns = [Column(*each) for each in kept]
                found.append({column.name: stretch(file.fileno(), column, first, stop) for column in columns})
        return found

    def read(self, name: str) -> pd.DataFrame | None:
        """Return a frame (text as ``str``, null = NaN); None where nothing was written under that name."""
        found = self.numbers(name)
        if found is not None:
            return _joined(found)
        table = self.table(name)
        columns = {field.name: _column(table.column(i), field.type) for i, field in enumerate(table.schema)}
        return pd.DataFrame(columns, copy=False)

    def table(self, name: str) -> pa.Table:
        """Return what was written under a name that is there, as Arrow holds it."""
        with self._path.open("rb") as file:
            streams = [os.pread(file.fileno(), size, start) for _, start, size in self._blocks(name)]
        return pa.concat_tables([pa.ipc.open_stream(pa.py_buffer(stream)).read_all() for stream in streams])


def _cut(file: int, at: list[int]) -> tuple[Array, Array]:
    """Read the places of a split block, and where the rows of each begin."""
    start, size = at
    both = np.frombuffer(os.pread(file, (2 * size + 1) * _TAIL, start), np.int64)
    return both[:size], both[size:]


def _joined(found: list[dict[str, Array]]) -> pd.DataFrame | None:
    """One frame of many, each given as columns and emptied, so that no column is held twice; None of none."""
    if not found:
        return None
    return pd.DataFrame(_stacked(found), copy=False)


def _stacked(found: list[dict[str, Array]]) -> dict[str, Array]:
    """Columns of some frames as those of one; the frames are emptied."""
    return found[0] if len(found) == 1 else {n: np.concatenate([each.pop(n) for each in found]) for n in list(found[0])}


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
    """Many files, looked into once.

    Parameters
    ----------
    paths
        The files, in the order in which their frames are read.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._boxes = [Box(path) for path in paths]

    def each(self, name: str, rows: int) -> Iterator[dict[str, Array]]:
        """Give the numbers of one name as columns, of so many files at a time that each time ``rows`` rows come."""
        held: list[dict[str, Array]] = []
        many = 0
        for box in self._boxes:
            for found in box.numbers(name) or []:
                held.append(found)
                many += len(next(iter(found.values())))
            if many >= rows:
                yield _stacked(held)
                held, many = [], 0
        if held:
            yield _stacked(held)

    def rows(self, name: str) -> int:
        """Return how many rows stand under a name."""
        return sum(box.rows(name) for box in self._boxes)

    def gather(self, *names: str) -> pd.DataFrame | None:
        """Return the frames of some names, one after the other; None where no file has any."""
        numbers: list[dict[str, Array]] = []
        frames: list[pd.DataFrame] = []
        for box in self._boxes:
            for name in names:
                found = box.numbers(name)
                if found is None:
                    frames.append(box.read(name))  # type: ignore[arg-type]
                else:
                    numbers += found
        return pd.concat(frames, ignore_index=True) if frames else _joined(numbers)


def gather(paths: list[Path], *names: str) -> pd.DataFrame | None:
    """Return the frames of some names in many files, one after the other; None where no file has any."""
    return Boxes(paths).gather(*names)
