"""Frames on disk between tasks: one file a task, many named frames in it, there whole or not at all.

Correct when a file that exists holds everything its task wrote, whenever a process was killed.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cardrisk.tables.arrow import to_pandas

Array = NDArray[Any]

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
        self._index: dict[str, list[tuple[int, int, int]]] = {}

    def add(self, name: str, frame: pd.DataFrame) -> None:
        """Write a frame of int64, float32, float64, times or text, without its index; empty ones are left out.

        Frames of one name are read as one, in the order they were added.
        """
        if len(frame):
            self.add_table(name, pa.Table.from_batches([_batch(frame)]))

    def add_table(self, name: str, table: pa.Table) -> None:
        """Write an Arrow table."""
        start = self._file.tell()
        with pa.ipc.new_stream(self._file, table.schema, options=_COMPRESSED) as stream:
            stream.write_table(table)
        self._index.setdefault(name, []).append((start, self._file.tell() - start, table.num_rows))

    def split(self, prefix: str, frame: pd.DataFrame, place: Array) -> None:
        """Write each row under ``prefix`` and its place, a whole number."""
        order = np.argsort(place, kind="stable")
        places, starts = np.unique(np.asarray(place)[order], return_index=True)
        cut = np.append(starts, len(order))
        frame = frame.take(order) if len(places) > 1 else frame
        for i, value in enumerate(places.tolist()):
            self.add(f"{prefix} {value}", frame.iloc[cut[i] : cut[i + 1]])

    def close(self, note: Any = None) -> None:
        """Let the file appear, with a note: anything JSON holds."""
        end = json.dumps({"frames": self._index, "note": note}).encode()
        self._file.write(end)
        self._file.write(len(end).to_bytes(_TAIL, "little"))
        self._file.close()
        self._scratch.replace(self._path)


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
    """A file that :class:`Writer` wrote; its frames are read when asked for.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length = int.from_bytes(self._map[-_TAIL:], "little")
        end = json.loads(self._map[-_TAIL - length : -_TAIL])
        self.note: Any = end["note"]
        self._index: dict[str, list[tuple[int, int, int]]] = end["frames"]

    def names(self) -> list[str]:
        """Names of the frames that are there."""
        return list(self._index)

    def rows(self, name: str) -> int:
        """Rows written under a name."""
        return sum(rows for _, _, rows in self._index.get(name, ()))

    def read(self, name: str) -> pd.DataFrame | None:
        """Return a frame (text as ``str``, null = NaN); None where nothing was written under that name."""
        if name not in self._index:
            return None
        table = self.table(name)
        columns = {field.name: _column(table.column(i), field.type) for i, field in enumerate(table.schema)}
        return pd.DataFrame(columns, copy=False)

    def table(self, name: str) -> pa.Table:
        """Return what was written under a name that is there, as Arrow holds it."""
        streams = [pa.py_buffer(self._map[start : start + size]) for start, size, _ in self._index[name]]
        return pa.concat_tables([pa.ipc.open_stream(stream).read_all() for stream in streams])

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()


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


def each(boxes: list[Path], name: str) -> Iterator[pd.DataFrame]:
    """Give the frames of one name in many files, one at a time."""
    for path in boxes:
        box = Box(path)
        frame = box.read(name)
        box.close()
        if frame is not None:
            yield frame


def count(boxes: list[Path], name: str) -> int:
    """Return how many rows stand under a name in many files."""
    total = 0
    for path in boxes:
        box = Box(path)
        total += box.rows(name)
        box.close()
    return total


def gather(boxes: list[Path], *names: str) -> pd.DataFrame | None:
    """Return the frames of some names in many files, one after the other; None where no file has any."""
    found = []
    for path in boxes:
        box = Box(path)
        found += [frame for name in names if (frame := box.read(name)) is not None]
        box.close()
    return pd.concat(found, ignore_index=True) if found else None
