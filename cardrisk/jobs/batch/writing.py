"""Frames on their way to disk between tasks: one file a task, many named frames in it, there whole or not at all.

Correct when a file that exists holds everything its task wrote, whenever a process was killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.features.parts.narrow import Frame
from cardrisk.jobs.batch.columns import Layout
from cardrisk.jobs.batch.packing import Array, Packed, Room, Rows, are_numbers, given

PRIVATE: Final = 0o600
ALONE: Final = -(2**62)
"""The place of rows that were written under their whole name."""
TAIL: Final = 8
"""Bytes at the end of a file that say how long what stands before them is, which tells of all the rest."""
AT_ONCE: Final = 1 << 16
"""Bytes of one write: for so many the system takes pages that were free a moment ago; for a megabyte it takes a large
page from afar, which costs a guest of a host that lends memory several times as much a byte."""
_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
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
            self.keep(name, _split(self._room, frame, np.full(len(frame), ALONE), None), 0, 1)
        else:
            self.add_table(name, pa.Table.from_batches([_batch(frame)]))

    def add_table(self, name: str, table: pa.Table) -> None:
        """Write an Arrow table."""
        start = self._file.tell()
        with pa.ipc.new_stream(self._file, table.schema, options=_COMPRESSED) as stream:
            stream.write_table(table)
        self._tables.setdefault(name, []).append([table.num_rows, start, self._file.tell() - start])

    def split(self, prefix: str, frame: Frame, place: Array, among: Array | None = None) -> None:
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
        if len(place):
            laid = _split(self._room, frame, place, among)
            self.keep(prefix, laid, 0, laid.places.size)

    def keep(self, name: str, laid: Laid, first: int, stop: int) -> None:
        """Write what is laid out at the places from ``first`` up to ``stop``, counted in their order."""
        begin = laid.packed.begin[first : stop + 1]
        away = self._bytes(laid.packed.bytes[begin[0] : begin[-1]]) - begin[0]
        self._blocks.setdefault(name, []).append(len(self._written))
        where = np.stack([laid.rows[first:stop], away + begin[:-1], np.diff(begin)], axis=1)
        self._written.append(_Written(laid.layout, laid.places[first:stop], where))

    def _bytes(self, values: Array) -> int:
        start, flat = int(self._file.tell()), values.reshape(-1).view(np.uint8)
        for first in range(0, flat.size, AT_ONCE):
            self._file.write(flat[first : first + AT_ONCE])
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
        self._file.write(len(end).to_bytes(TAIL, "little"))
        self._file.close()
        self._scratch.replace(self._path)


class Laid(NamedTuple):
    """Rows laid out place after place: how many stand at each; good until the next ones are."""

    packed: Packed
    layout: Layout
    places: Array
    rows: Array


class Bands:
    """Some files of named frames as one: each has the rows of its own band of places.

    Parameters
    ----------
    paths
        One for each band; the last appears last, when all others stand.
    edges
        The first place of each band, ascending.
    """

    def __init__(self, paths: Sequence[Path], edges: Sequence[int]) -> None:
        self._writers = [Writer(path) for path in paths]
        self._edges = np.array(edges)
        self._room = Room()

    def split(self, prefix: str, frame: Frame, place: Array, among: Array) -> None:
        """Write rows as :meth:`Writer.split` does, each to the file of its place's band."""
        if not len(place):
            return
        laid = _split(self._room, frame, place, among)
        cut = np.append(np.searchsorted(laid.places, self._edges), laid.places.size).tolist()
        for writer, first, stop in zip(self._writers, cut[:-1], cut[1:], strict=True):
            if first < stop:
                writer.keep(prefix, laid, first, stop)

    def close(self) -> None:
        """Let the files appear."""
        for writer in self._writers:
            writer.close()


class _Written(NamedTuple):
    """A block: its columns, its places, and of each one the rows, where their bytes begin and how many they are."""

    layout: Layout
    places: Array
    where: Array


def _split(room: Room, frame: Frame, place: Array, among: Array | None) -> Laid:
    places, rows = Rows.at(place, among)
    packed = room.pack([(str(name), given(column)) for name, column in frame.items()], rows)
    return Laid(packed, Layout.of(packed.columns), places, np.diff(rows.cut))


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
