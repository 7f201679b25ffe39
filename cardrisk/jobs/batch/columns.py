"""Columns on disk, as narrow as their values allow, place after place: what stands at a place is read at once.

Correct when what is read are the values that were written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cardrisk.features.arrays import NULL
from cardrisk.features.parts.joined import KINDS
from cardrisk.jobs.batch.laying import counts, lay, lay_known, least_known, unpack
from cardrisk.tables.arrow import bytes_of, strings, to_pandas

Array = NDArray[Any]

WHOLE: Final = np.dtype(np.int64)
SINGLE: Final = np.dtype(np.float32)
TEXT: Final = "text"
_NARROW: Final = (("uint8", 1 << 8), ("uint16", 1 << 16), ("uint32", 1 << 32))
_COUNTED: Final = (1 << 16) - 2
"""What no float reaches that is kept as a count."""
_OF_TEXT: Final = -1
_KINDS: Final = {TEXT: _OF_TEXT, **{np.dtype(kind).str: number for number, kind in enumerate(KINDS)}}
_KIND, _WIDTH, _BASE = 0, 1, 2
_STEP: Final = 8
"""Bytes at a multiple of which every column begins."""


class Column(NamedTuple):
    """How a column is kept.

    Attributes
    ----------
    name, kind
        Its name, and the dtype of its values; of text, ``TEXT``: kept are the sizes of its cells in bytes, null -1,
        and behind all columns of the place the bytes.
    kept
        The dtype on disk; "" where all values are ``base``, or with ``gaps`` not known, and nothing is kept.
    base
        Added to what is kept.
    gaps
        Some values are not known (``NULL``, NaN): kept is 0 for those, and one more than otherwise for the others.
    """

    name: str
    kind: str
    kept: str
    base: int
    gaps: bool = False


def are_numbers(frame: pd.DataFrame) -> bool:
    """Whether a frame holds nothing but NumPy's numbers."""
    return all(isinstance(dtype, np.dtype) and dtype.kind in "if" for dtype in frame.dtypes)


def narrowed(values: Array) -> tuple[Array | None, int]:
    """Return whole numbers in fewer bytes and what to add to them; None where all are alike."""
    if values.dtype != WHOLE or not values.size:
        return values, 0
    low, high = int(values.min()), int(values.max())
    if low == high:
        return None, low
    kept = _narrowest(low, high)
    return (values, 0) if kept is None else ((values - low if low else values).astype(kept, copy=False), low)


def _narrowest(low: int, high: int) -> str | None:
    """Return the narrowest dtype that holds so many numbers; None where none is narrower than they are."""
    return next((kept for kept, most in _NARROW if high - low < most), None)


def _bounds(values: Array) -> tuple[int, int, bool]:
    """Return the least and the most of the known numbers (the least above the most: none is), and if some are not."""
    low, high = int(values.min()), int(values.max())
    return (low, high, False) if low != NULL else (least_known(values), high, True)


def _as_kept(name: str, values: Array) -> Column:
    """Say how numbers are kept."""
    kind = values.dtype.str
    if not values.size or values.dtype not in (WHOLE, SINGLE):
        return Column(name, kind, kind, 0)
    low, high, gaps = _bounds(values) if values.dtype == WHOLE else counts(values, values.view(np.int32), _COUNTED)
    if low > high or (low == high and not gaps):
        return Column(name, kind, "", 0 if gaps else low, gaps)
    gaps = gaps or values.dtype == SINGLE  # one way for all floats that count
    kept = _narrowest(low, high + gaps)
    if kept is None or np.dtype(kept).itemsize >= values.itemsize:
        return Column(name, kind, kind, 0)
    return Column(name, kind, kept, low, gaps)


class Rows(NamedTuple):
    """Which rows are meant, place after place: their order, and where those of each place begin in it."""

    order: NDArray[np.int64]
    cut: NDArray[np.int64]


class Packed(NamedTuple):
    """Columns as they stand on disk; place i has the bytes from ``begin[i]`` to ``begin[i + 1]``."""

    columns: list[Column]
    bytes: Array
    begin: NDArray[np.int64]


class Room:
    """Memory that is packed into again and again: fresh pages cost more than what is written to them."""

    def __init__(self) -> None:
        self._bytes = np.zeros(0, np.uint8)

    def pack(self, columns: Iterable[tuple[str, Any]], rows: Rows) -> Packed:
        """Lay out columns of numbers or text; the bytes hold until the next call."""
        told: list[Column] = []
        texts: list[Any] = []
        numbers: list[Array] = []
        sizes: list[Array] = []
        many = np.diff(rows.cut)
        for name, values in columns:
            mine = values
            if isinstance(values, pa.Array):
                texts.append(values.take(pa.array(rows.order)))
                mine = _sizes(values)
            column = _as_kept(name, mine)
            told.append(column if mine is values else column._replace(kind=TEXT))
            numbers.append(mine)
            sizes.append(many * np.dtype(column.kept).itemsize if column.kept else 0 * many)
        cells = [bytes_of(text) for text in texts]
        sizes += [np.diff(edges[rows.cut]) for _, edges in cells]
        begin, starts = self._lay_out(sizes)
        for column, values, start in zip(told, numbers, starts, strict=False):
            if column.kept:
                _lay(column, values, rows, start, self._bytes)
        for (data, edges_of), start in zip(cells, starts[len(told) :], strict=True):
            edges = edges_of[rows.cut].tolist()
            for where, first, last in zip(start.tolist(), edges[:-1], edges[1:], strict=True):
                self._bytes[where : where + last - first] = data[first:last]
        return Packed(told, self._bytes[: begin[-1]], begin)

    def _lay_out(self, sizes: list[Array]) -> tuple[Array, Array]:
        """Return where each place begins, and in it each column, shape (columns, places), of which sizes are given."""
        room = _room(np.array(sizes))
        begin = np.concatenate([[0], np.cumsum(room.sum(axis=0))])
        if begin[-1] > self._bytes.size:
            self._bytes = np.zeros(int(begin[-1]) + _STEP * (1 << 14), np.uint8)
        return begin, begin[:-1] + np.cumsum(room, axis=0) - room


def _lay(column: Column, values: Array, rows: Rows, start: Array, room: Array) -> None:
    """Write the values of each place from the byte ``start`` on."""
    if values.dtype.str == column.kept:  # floats as they are: compiled code sees whole numbers
        values = values.view(f"i{values.itemsize}") if values.dtype.kind == "f" else values
        write, out = lay, room.view(values.dtype)
    else:
        write, out = lay_known if column.gaps else lay, room.view(column.kept)
    write(values, rows.order, column.base, rows.cut, start // out.itemsize, out)


def _sizes(text: Any) -> Array:
    return np.where(text.is_valid().to_numpy(zero_copy_only=False), np.diff(bytes_of(text)[1]), -1)


class Layout(NamedTuple):
    """How the rows of a block are kept.

    Attributes
    ----------
    names
        Of its columns.
    kept
        As :func:`~cardrisk.jobs.batch.laying.unpack` takes it; kind -1: sizes of cells of text.
    """

    names: tuple[str, ...]
    kept: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Layout:
        """Return that of columns."""
        kept = [(_KINDS[c.kind], np.dtype(c.kept).itemsize if c.kept else 0, c.base, c.gaps) for c in columns]
        return cls(tuple(column.name for column in columns), np.array(kept, np.int64))

    def shifted(self, name: str, by: int) -> Layout:
        """Return one of the same rows with so much added to a column of whole numbers, all of them known."""
        kept = self.kept.copy()
        kept[self.names.index(name), _BASE] += by
        return Layout(self.names, kept)

    def end(self, rows: int) -> int:
        """Return how many bytes so many rows take, without the cells of text."""
        return int(_room(rows * self.kept[:, _WIDTH]).sum())


class Stretch(NamedTuple):
    """Rows of one place as they were read."""

    rows: int
    layout: Layout
    bytes: bytes

    @property
    def data(self) -> NDArray[np.int64]:
        """The bytes as :func:`~cardrisk.jobs.batch.laying.unpack` takes them."""
        return np.frombuffer(self.bytes, np.int64)


def stacked(stretches: list[Stretch], among: Collection[str] | None = None) -> dict[str, Any]:
    """Columns of some stretches as those of one: numbers, and text as pandas holds it; at least one, all alike.

    With ``among``, those of numbers alone that are named.

    Raises
    ------
    ValueError
        They are not all alike.
    """
    names, rows = stretches[0].layout.names, sum(stretch.rows for stretch in stretches)
    told = stretches[0].layout.kept[:, _KIND]
    wanted = [j for j, name in enumerate(names) if among is None or name in among]
    kinds, into = np.maximum(told, 0), np.full((told.size, 2), -1)
    many = [0] * len(KINDS)
    for j in wanted:
        into[j] = told[j], many[kinds[j]]
        many[kinds[j]] += 1
    tables = [np.empty((count, rows), kind) for count, kind in zip(many, KINDS, strict=True)]
    place, first = np.arange(rows), 0
    for stretch in stretches:
        if stretch.layout.names != names:
            raise ValueError(f"expected columns {names}, got {stretch.layout.names}")
        unpack(stretch.data, stretch.layout.kept, into, place[first : first + stretch.rows], *tables)
        first += stretch.rows
    columns: dict[str, Any] = {names[j]: tables[kinds[j]][into[j, 1]] for j in wanted}
    texts = [j for j in wanted if told[j] == _OF_TEXT]
    ends = [stretch.layout.end(stretch.rows) for stretch in stretches] if texts else []
    for j in texts:
        columns[names[j]] = _text(columns[names[j]], stretches, ends)
    return columns


def _room(size: Any) -> Any:
    return -(-size // _STEP) * _STEP


def _text(sizes: Array, stretches: list[Stretch], begin: list[int]) -> Any:
    """Put together one column of text, whose bytes begin at ``begin`` in each stretch: then those of the next one."""
    size = np.maximum(sizes, 0)
    bounds = np.concatenate([[0], np.cumsum(size)])
    cells, first = [], 0
    for i, stretch in enumerate(stretches):
        many = int(bounds[first + stretch.rows] - bounds[first])
        cells.append(stretch.bytes[begin[i] : begin[i] + many])
        begin[i] += _room(many)
        first += stretch.rows
    valid = np.packbits(sizes >= 0, bitorder="little")
    buffers = (pa.py_buffer(each) for each in (bounds, b"".join(cells), valid))
    return to_pandas(pa.LargeStringArray.from_buffers(len(sizes), *buffers))


def given(column: pd.Series | Array) -> Any:
    """Return a column as :func:`pack` takes it: numbers as NumPy holds them, text as Arrow does.

    Raises
    ------
    TypeError
        Neither.
    """
    values = column if isinstance(column, np.ndarray) else column.array
    if isinstance(values, np.ndarray | pd.arrays.NumpyExtensionArray) and values.dtype.kind in "if":
        return np.asarray(values)
    text = strings(pd.Series(values))
    if text is None:
        raise TypeError(f"expected a column of int64, floats or text, got {values.dtype}")
    return text
