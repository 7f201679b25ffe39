"""What travels between tasks: parcels, each a packed table with a place to go to.

Correct when an unpacked table has the values, null marks and dtypes of the packed one.

Spark sees few large rows instead of many small ones: a parcel is one row. Raw codes never stand in one.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.features.arrays import NULL
from cardrisk.features.columns import times
from cardrisk.jobs.batch.packing import Array, are_numbers, narrowed

Columns: TypeAlias = dict[str, Array]
"""A table of numbers, column by column."""
Frame: TypeAlias = "pd.DataFrame | Columns"
SCHEMA: Final = "place long, name string, source long, pid long, rows long, data binary"
"""Columns of parcels on Spark; ``pid`` and ``rows`` tell who packed how much, for those who watch the spread."""
_ARROW: Final = pa.schema(
    [
        ("place", pa.int64()),
        ("name", pa.string()),
        ("source", pa.int64()),
        ("pid", pa.int64()),
        ("rows", pa.int64()),
        ("data", pa.binary()),
    ]
)
_COMPRESSED: Final = pa.ipc.IpcWriteOptions(compression="lz4")
_MARK: Final = b"numbers "
"""What a packed table of numbers begins with; others are Arrow's."""
_WORD: Final = 8
LOAD: Final = "load"
"""Name of the parcel in which a task says how many rows it worked on; its place is the task."""

LEFT_OUT: Final = "left out"
"""Name of the parcel in which a task says how many rows of a table that only feeds something broke which rule."""


class Parcel(NamedTuple):
    """A packed table.

    Attributes
    ----------
    place
        Chunk or task it goes to.
    name
        What it holds.
    source
        Chunk or task it comes from: parcels of one name are read in this order.
    rows
        Rows of the table.
    data
        The table.
    """

    place: int
    name: str
    source: int
    rows: int
    data: bytes


def packed(place: int, name: str, source: int, frame: Frame) -> Parcel:
    """Pack a table."""
    if isinstance(frame, pd.DataFrame) and not are_numbers(frame):
        return Parcel(place, name, source, len(frame), _arrow(frame))
    columns = {str(column): np.asarray(values) for column, values in frame.items()}
    return Parcel(place, name, source, rows_of(columns), _numbers(columns))


def rows_of(columns: Columns) -> int:
    """Return how many rows columns have."""
    return len(next(iter(columns.values()))) if columns else 0


def _numbers(columns: Columns) -> bytes:
    """Columns of numbers one after the other, whole ones in as few bytes as their values allow."""
    notes, kept = [], []
    for name, values in columns.items():
        narrow, base = narrowed(values)
        notes.append([name, values.dtype.str, "" if narrow is None else narrow.dtype.str, base])
        if narrow is not None:
            kept += [narrow.tobytes(), bytes(-narrow.nbytes % _WORD)]
    body = b"".join(kept)
    head = json.dumps([rows_of(columns), len(body), notes]).encode()
    return _MARK + len(head).to_bytes(_WORD, "little") + head + bytes(pa.compress(body, "lz4", asbytes=True))


def _columns(data: bytes) -> Columns:
    first = len(_MARK) + _WORD
    body = first + int.from_bytes(data[len(_MARK) : first], "little")
    rows, size, notes = json.loads(data[first:body])
    raw = pa.decompress(memoryview(data)[body:], size, "lz4") if size else b""
    found: Columns = {}
    at = 0
    for name, kind, kept, base in notes:
        if not kept:
            found[name] = np.full(rows, base, kind)
            continue
        narrow = np.frombuffer(raw, kept, rows, at)
        at += narrow.nbytes + -narrow.nbytes % _WORD
        found[name] = narrow.astype(kind)
        if base:
            found[name] += base
    return found


def unpacked(data: bytes) -> pd.DataFrame:
    """Unpack a table."""
    if data.startswith(_MARK):
        return pd.DataFrame(_columns(data), copy=False)
    frame: pd.DataFrame = pa.ipc.open_stream(data).read_all().to_pandas(types_mapper=_dtype)
    return frame


def _arrow(frame: pd.DataFrame) -> bytes:
    table = pa.table({str(column): _array(values) for column, values in frame.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_COMPRESSED) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _array(values: pd.Series) -> pa.Array:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        micro = times(values)
        return pa.array(micro, pa.int64(), mask=micro == NULL).cast(pa.timestamp("us", "UTC"))
    found = pa.array(values.array, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _dtype(kind: Any) -> Any:
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    return pd.StringDtype(na_value=np.nan) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def load(task: int, stage: str, rows: int) -> Parcel:
    """Say how many rows a task worked on."""
    return Parcel(task, f"{LOAD} {stage}", task, rows, b"")


class Box:
    """The parcels that came to one place.

    Parameters
    ----------
    table
        Arrow table of parcels.
    """

    def __init__(self, table: pa.Table) -> None:
        self.place = int(table["place"][0].as_py())
        held: dict[str, list[tuple[int, bytes]]] = {}
        columns = (table["name"].to_pylist(), table["source"].to_pylist(), table["data"].to_pylist())
        for name, source, data in zip(*columns, strict=True):
            held.setdefault(name, []).append((source, data))
        self._held = {name: sorted(found, key=lambda one: one[0]) for name, found in held.items()}

    def each(self, name: str) -> list[tuple[int, pd.DataFrame]]:
        """Every table of a name with where it came from, in that order."""
        return [(source, unpacked(data)) for source, data in self._held.get(name, [])]

    def numbers(self, name: str) -> list[tuple[int, Columns]]:
        """Every table of a name, all of them of numbers, with where it came from, in that order."""
        return [(source, _columns(data)) for source, data in self._held.get(name, [])]

    def all(self, name: str) -> pd.DataFrame | None:
        """Every table of a name as one, None where there is none."""
        if all(data.startswith(_MARK) for _, data in self._held.get(name, [])):
            return joined([columns for _, columns in self.numbers(name)])
        return pd.concat([frame for _, frame in self.each(name)], ignore_index=True)

    def one(self, name: str) -> pd.DataFrame:
        """The only table of a name."""
        ((_, data),) = self._held[name]
        return unpacked(data)

    def __contains__(self, name: str) -> bool:
        return name in self._held


def to_arrow(parcels: Iterable[Parcel]) -> pa.Table:
    """Parcels as Spark takes them."""
    rows = list(parcels)
    pid = os.getpid()
    columns = {
        "place": [p.place for p in rows],
        "name": [p.name for p in rows],
        "source": [p.source for p in rows],
        "pid": [pid] * len(rows),
        "rows": [p.rows for p in rows],
        "data": [p.data for p in rows],
    }
    return pa.Table.from_pydict(columns, schema=_ARROW)


def on_arrow(work: Callable[..., Iterable[Parcel]], *settings: Any) -> Callable[[pa.Table], pa.Table]:
    """Make ``work(box, *settings)`` a function that Spark applies to the parcels of one place."""

    def run(table: pa.Table) -> pa.Table:
        return to_arrow(work(Box(table), *settings))

    return run


def joined(found: list[Columns]) -> pd.DataFrame | None:
    """One table of many, None of none."""
    if not found:
        return None
    return pd.DataFrame({name: np.concatenate([each[name] for each in found]) for name in found[0]}, copy=False)


def cut(place: Array, frame: Frame) -> Iterator[tuple[int, Frame]]:
    """Cut a table by place; rows keep their order, negative places are left out.

    Parameters
    ----------
    place
        Whole number per row.
    frame
        n rows.
    """
    if not len(place):
        return
    low, high = int(place.min()), int(place.max())
    order = np.argsort((place - low).astype(np.uint16) if high - low < 1 << 16 else place, kind="stable")
    ordered = place[order]
    edges = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    text = isinstance(frame, pd.DataFrame) and not are_numbers(frame)
    columns = {} if text else {str(name): np.asarray(values)[order] for name, values in frame.items()}
    for first, stop in zip(edges, [*edges[1:], ordered.size], strict=True):
        if ordered[first] < 0:
            continue
        if isinstance(frame, pd.DataFrame) and text:
            yield int(ordered[first]), frame.take(order[first:stop])
        else:
            yield int(ordered[first]), {name: values[first:stop] for name, values in columns.items()}
