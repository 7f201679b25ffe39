"""Columns on their way to disk, as narrow as their values allow, place after place.

Correct when :mod:`~cardrisk.jobs.batch.columns` reads the values that were written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cardrisk.features.arrays import NULL
from cardrisk.jobs.batch.laying import (
    FEW,
    MOST_FEW,
    counts,
    few_in,
    lay,
    lay_apart,
    lay_few,
    lay_known,
    least_known,
    order_of,
    places_of,
)
from cardrisk.tables.arrow import bytes_of, strings

Array = NDArray[Any]

WHOLE: Final = np.dtype(np.int64)
SINGLE: Final = np.dtype(np.float32)
TEXT: Final = "text"
_NARROW: Final = (("uint8", 1 << 8), ("uint16", 1 << 16), ("uint32", 1 << 32))
_WIDTHS: Final = (1, 2, 3, 4, 5, 6)
_MANY: Final = 32
"""Rows a place from which on it is worth while to look whether they have few distinct values."""
_COUNTED: Final = (1 << 16) - 2
"""What no float reaches that is kept as a count."""
_SPARSE: Final = 16
"""Times as many numbers as rows, from the least place to the largest, from which on places are sorted."""
STEP: Final = 8
"""Bytes at a multiple of which every column begins."""


class Column(NamedTuple):
    """How a column is kept.

    Attributes
    ----------
    name, kind
        Its name, and the dtype of its values; of text, ``TEXT``: kept are the sizes of its cells in bytes, null -1,
        and behind all columns of the place the bytes.
    width
        Bytes of what is kept of a value: 0 where all values are ``base``, or with ``gaps`` not known; of 3, 5 and 6
        bytes the low 2 or 4 of all rows come first, then the others. ``FEW``: each place tells how many distinct
        values it has, then those in 8 bytes each, then for each row in one byte which of them it has.
    base
        Added to what is kept.
    gaps
        Some values are not known (``NULL``, NaN): kept is 0 for those, and one more than otherwise for the others.
    """

    name: str
    kind: str
    width: int
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
    kept = next((kept for kept, most in _NARROW if high - low < most), None)
    return (values, 0) if kept is None else ((values - low if low else values).astype(kept, copy=False), low)


def _bounds(values: Array) -> tuple[int, int, bool]:
    """Return the least and the most of the known numbers (the least above the most: none is), and if some are not."""
    low, high = int(values.min()), int(values.max())
    return (low, high, False) if low != NULL else (least_known(values), high, True)


def _as_kept(name: str, values: Array) -> Column:
    """Say how numbers are kept."""
    kind = values.dtype.str
    asis = Column(name, kind, values.itemsize, 0)
    if not values.size or values.dtype not in (WHOLE, SINGLE):
        return asis
    low, high, gaps = _bounds(values) if values.dtype == WHOLE else counts(values, values.view(np.int32), _COUNTED)
    if low > high or (low == high and not gaps):
        return Column(name, kind, 0, 0 if gaps else low, gaps)
    gaps = gaps or values.dtype == SINGLE  # one way for all floats that count
    width = next((width for width in _WIDTHS if high - low + gaps < 1 << 8 * width), values.itemsize)
    return Column(name, kind, width, low, gaps) if width < values.itemsize else asis


class Rows(NamedTuple):
    """Which rows are meant, and where each belongs.

    Attributes
    ----------
    chosen
        The rows.
    codes
        Number of each one's place, int32.
    cut
        How many of them stand at the places before each one; shape (places + 1,).
    """

    chosen: NDArray[np.int64]
    codes: NDArray[np.int32]
    cut: NDArray[np.int64]

    @classmethod
    def at(cls, place: Array, chosen: Array | None = None) -> tuple[Array, Rows]:
        """Return the places, ascending, and the rows that belong to them: all, or the chosen ones."""
        chosen = np.arange(place.size) if chosen is None else chosen
        low = int(place.min())
        size = int(place.max()) - low + 1
        if size > _SPARSE * place.size + _SPARSE:
            places, numbers, rows = np.unique(place, return_inverse=True, return_counts=True)
            return places, cls(chosen, numbers.astype(np.int32), np.concatenate([[0], np.cumsum(rows)]))
        most = min(size, place.size)
        places, cut, codes = np.empty(most, np.int64), np.empty(most + 1, np.int64), np.empty(place.size, np.int32)
        many = places_of(place, low, np.empty(size, np.int32), places, cut, codes)
        return places[:many], cls(chosen, codes, cut[: many + 1])


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
        fews: list[_Few | None] = []
        sizes: list[Array] = []
        many = np.diff(rows.cut)
        for name, values in columns:
            mine = values
            if isinstance(values, pa.Array):
                texts.append(values.take(pa.array(rows.chosen[order_of(rows.codes, rows.cut)])))
                mine = _sizes(values)
            column = _as_kept(name, mine)
            few = _few(mine, rows, column.width)
            column = column if few is None else Column(name, column.kind, FEW, 0)
            told.append(column if mine is values else column._replace(kind=TEXT))
            numbers.append(mine)
            fews.append(few)
            sizes.append(many * column.width if few is None else few.sizes)
        cells = [bytes_of(text) for text in texts]
        sizes += [np.diff(edges[rows.cut]) for _, edges in cells]
        begin, starts = self._lay_out(sizes)
        for column, values, few, start in zip(told, numbers, fews, starts, strict=False):
            if few is not None:
                few.lay(rows, start, self._bytes)
            elif column.width:
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
            self._bytes = np.zeros(int(begin[-1]) + STEP * (1 << 14), np.uint8)
        return begin, begin[:-1] + np.cumsum(room, axis=0) - room


class _Few(NamedTuple):
    """The distinct values of each place, how many they are, and which one each row has."""

    values: NDArray[np.int64]
    many: NDArray[np.int64]
    which: NDArray[np.uint8]
    sizes: NDArray[np.int64]

    def lay(self, rows: Rows, start: Array, room: Array) -> None:
        """Write them from the byte ``start`` of each place on."""
        lay_few(self.values, self.many, self.which, rows.codes, start, room, room.view(np.int64))


def _few(values: Array, rows: Rows, width: int) -> _Few | None:
    """Return the few distinct values of all places; None where that takes more bytes than ``width`` a row."""
    places = rows.cut.size - 1
    if values.dtype != WHOLE or width < values.itemsize or rows.chosen.size < _MANY * places:
        return None
    told = np.empty((places, MOST_FEW), np.int64), np.empty(places, np.int64), np.empty(rows.chosen.size, np.uint8)
    if not few_in(values, rows.chosen, rows.codes, *told):
        return None
    sizes = np.diff(rows.cut) + STEP * (1 + told[1])
    return _Few(*told, sizes) if sizes.sum() < width * rows.chosen.size else None


def _lay(column: Column, values: Array, rows: Rows, start: Array, room: Array) -> None:
    """Write the values of each place from the byte ``start`` on."""
    width, low = column.width, 1 << (column.width.bit_length() - 1)
    at = start // low
    if width == values.itemsize:
        kept = values.view(f"i{values.itemsize}") if values.dtype.kind == "f" else values  # compiled code sees bits
        lay(kept, rows.chosen, column.base, rows.codes, at, room.view(kept.dtype))
    elif width == low:
        write = lay_known if column.gaps else lay
        write(values, rows.chosen, column.base, rows.codes, at, room.view(f"u{low}"))
    else:
        above, high = (start + low * np.diff(rows.cut)) // (width - low), room.view(f"u{width - low}")
        lay_apart(values, rows.chosen, column.base, column.gaps, rows.codes, at, room.view(f"u{low}"), above, high)


def _sizes(text: Any) -> Array:
    return np.where(text.is_valid().to_numpy(zero_copy_only=False), np.diff(bytes_of(text)[1]), -1)


def _room(size: Any) -> Any:
    return -(-size // STEP) * STEP


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
