"""What travels between tasks: parcels, each a packed table with a place to go to.

Correct when an unpacked table has the values, null marks and dtypes of the packed one.

Spark sees few large rows instead of many small ones: a parcel is one row. Raw codes never stand in one.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.features.arrays import NULL
from cardrisk.features.columns import times
from cardrisk.jobs.batch.columns import WHOLE, narrowed

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
_BASE: Final = b"base"
"""In the notes of a column of whole numbers: what to add to what is kept; a column of nulls is all that."""
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


def packed(place: int, name: str, source: int, frame: pd.DataFrame) -> Parcel:
    """Pack a table; whole numbers take as few bytes as their values allow."""
    fields, arrays = [], []
    for column, values in frame.items():
        array, base = _array(values)
        note = None if base is None else {_BASE: str(base).encode()}
        fields.append(pa.field(str(column), array.type, metadata=note))
        arrays.append(array)
    batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_COMPRESSED) as writer:
        writer.write_batch(batch)
    return Parcel(place, name, source, len(frame), sink.getvalue().to_pybytes())


def unpacked(data: bytes) -> pd.DataFrame:
    """Unpack a table."""
    table = pa.ipc.open_stream(data).read_all()
    plain = [_plain(field) for field in table.schema]
    if not all(plain):
        rest: pd.DataFrame = table.to_pandas(types_mapper=_dtype, ignore_metadata=True)
        wide = {field.name: _values(table, i) for i, field in enumerate(table.schema) if plain[i]}
        return rest.assign(**wide)
    return pd.DataFrame({field.name: _values(table, i) for i, field in enumerate(table.schema)}, copy=False)


def _array(values: pd.Series) -> tuple[pa.Array, int | None]:
    """Return a column, and what must be added to it where it was made narrow."""
    if isinstance(values.dtype, np.dtype) and values.dtype == WHOLE:
        narrow, base = narrowed(values.to_numpy())
        return (pa.nulls(len(values)) if narrow is None else pa.array(narrow)), base
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "f":
        return pa.array(values.to_numpy()), None
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        micro = times(values)
        return pa.array(micro, pa.int64(), mask=micro == NULL).cast(pa.timestamp("us", "UTC")), None
    found = pa.array(values.array, from_pandas=True)
    return (found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found), None


def _plain(field: pa.Field) -> bool:
    """Whether a column was made narrow, or is one of NumPy's floating numbers."""
    return (field.metadata is not None and _BASE in field.metadata) or pa.types.is_floating(field.type)


def _values(table: pa.Table, at: int) -> Any:
    field = table.schema.field(at)
    if field.metadata is None or _BASE not in field.metadata:
        return table.column(at).to_numpy()
    base = int(field.metadata[_BASE])
    if pa.types.is_null(field.type):
        return np.full(table.num_rows, base, WHOLE)
    wide = table.column(at).to_numpy().astype(WHOLE)
    if base:
        wide += base
    return wide


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

    def all(self, name: str) -> pd.DataFrame | None:
        """Every table of a name as one, None where there is none."""
        found = [frame for _, frame in self.each(name)]
        return pd.concat(found, ignore_index=True) if found else None

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


def cut(place: np.ndarray[Any, Any], frame: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
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
    order = np.argsort(place, kind="stable")
    ordered = place[order]
    edges = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    for first, stop in zip(edges, [*edges[1:], ordered.size], strict=True):
        if ordered[first] >= 0:
            yield int(ordered[first]), frame.take(order[first:stop])
