"""Rows brought back from what :mod:`~cardrisk.jobs.batch.laying` laid out: compiled, as that is.

Correct when every value lands as it was laid, and what is too short or of another kind is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.features.arrays import F64, I64, NULL, Bool
from cardrisk.features.parts.joined import places_in
from cardrisk.jobs.batch.laying import F32, FEW

Places = NDArray[Any]
"""Whole numbers: where each value goes, -1: nowhere."""


@compiled
def unpack(
    data: I64, kept: I64, into: I64, place: I64, whole: NDArray[np.int64], single: NDArray[np.float32], double: F64
) -> None:
    """Write the columns of a stretch of rows where they belong.

    Parameters
    ----------
    data
        The stretch as it stands on disk: column after column, each from a multiple of 8 bytes on.
    kept
        How each column is kept, shape (columns, 4): its kind (0: ``whole``, 1: ``single``, 2: ``double``; below
        0: as 0), bytes of a value or `FEW`, base and gaps.
    into
        Kind that each column must be of, and its row in the table of that, shape (columns, 2); row -1: not wanted.
    place
        Column of each row in those tables; -1: not wanted.
    whole, single, double
        Written; int64, float32 and float64 of shape (columns, rows).

    Raises
    ------
    ValueError
        A column is of another kind, or the stretch ends too early.
    """
    at = 0
    for j in range(kept.shape[0]):
        at += _unpack_column(data[at:], kept[j], into[j], place, whole, single, double)


@compiled
def land(
    rows: I64,
    begin: I64,
    data: I64,
    kept: NDArray[np.int64],
    row: int,
    own: I64,
    table: I64,
    into: I64,
    told: Bool,
    whole: NDArray[np.int64],
    single: NDArray[np.float32],
    double: F64,
) -> None:
    """Write the columns of many stretches of rows, which column ``row`` names, where they belong.

    One column after the other: what it is written to stays at hand while all stretches are.

    Parameters
    ----------
    rows, begin
        Rows of each stretch, and where in ``data`` it begins; as many and one more.
    data
        The stretches, one after the other.
    kept
        How the columns of each stretch are kept, shape (stretches, columns, 4).
    own, table
        As :func:`~cardrisk.features.parts.joined.places_in` takes them.
    told
        Set True for each row of which something is told.
    into, whole, single, double
        As `unpack` takes them.

    Raises
    ------
    ValueError
        As by `unpack`.
    """
    stretches, columns = kept.shape[:2]
    first, at = np.zeros(stretches + 1, np.int64), np.empty((columns, stretches), np.int64)
    for s in range(stretches):
        first[s + 1], where = first[s] + rows[s], begin[s]
        for j in range(columns):
            at[j, s] = min(where, begin[s + 1])
            where += max(_words(data[at[j, s] : begin[s + 1]], rows[s], kept[s, j, 1]), 0)
    number, only = np.empty((1, first[-1]), np.int64), np.array([0, 0])
    place = np.arange(first[-1])
    for s in range(stretches):
        here, mine = place[first[s] : first[s + 1]], data[at[row, s] : begin[s + 1]]
        _unpack_column(mine, kept[s, row], only, here, number, single, double)
    places_in(own, table, number[0], place)
    for k in place:
        if k >= 0:
            told[k] = True
    short = place.astype(np.int32)
    for j in range(columns):
        for s in range(stretches):
            there, mine = short[first[s] : first[s + 1]], data[at[j, s] : begin[s + 1]]
            _unpack_column(mine, kept[s, j], into[j], there, whole, single, double)


@compiled
def _unpack_column(
    data: I64,
    kept: I64,
    into: I64,
    place: Places,
    whole: NDArray[np.int64],
    single: NDArray[np.float32],
    double: F64,
) -> int:
    """Write the column that ``data`` begins with where it belongs, if it is wanted; return how many words it takes."""
    kind, width, base, gaps = kept
    size = _words(data, place.size, width)
    if into[1] < 0:
        return size
    mine = data[:size]
    if into[0] != kind or size < 0 or mine.size < size:
        raise ValueError("expected whole stretches of rows with columns of the same dtypes")
    if kind <= 0:
        _unpack_whole(mine, width, base, gaps, place, whole[into[1]])
    elif kind == 1:
        _unpack_single(mine, width, base, gaps, place, single[into[1]])
    else:
        _spread(mine.view(np.float64), place, double[into[1]])
    return size


@compiled
def words_of(data: I64, kept: I64, rows: int) -> int:
    """Return how many words the columns of a stretch take, without the cells of text; all as `unpack` takes it."""
    at = 0
    for j in range(kept.shape[0]):
        at += _words(data[at:], rows, kept[j, 1])
    return at


@compiled
def _words(data: I64, rows: int, width: int) -> int:
    """Return how many words a column takes that begins with ``data``."""
    if width == FEW:
        return 1 + (data[0] if data.size else 0) + (rows + 7) // 8
    return (rows * width + 7) // 8


@compiled
def _unpack_whole(data: I64, width: int, base: int, gaps: int, place: Places, out: I64) -> None:
    if width == 0:
        _fill(NULL if gaps else base, place, out)
    elif width == 1:
        _widen(data.view(np.uint8), base, gaps, NULL, place, out)
    elif width == 2:
        _widen(data.view(np.uint16), base, gaps, NULL, place, out)
    elif width == 3:
        _join(data.view(np.uint16), data.view(np.uint8)[2 * place.size :], 16, base, gaps, place, out)
    elif width == 4:
        _widen(data.view(np.uint32), base, gaps, NULL, place, out)
    elif width == 5:
        _join(data.view(np.uint32), data.view(np.uint8)[4 * place.size :], 32, base, gaps, place, out)
    elif width == 6:
        _join(data.view(np.uint32), data.view(np.uint16)[2 * place.size :], 32, base, gaps, place, out)
    elif width == FEW:
        _choose(data[1 : 1 + data[0]] + base, data[1 + data[0] :].view(np.uint8), place, out)
    else:
        _spread(data, place, out)


@compiled
def _unpack_single(data: I64, width: int, base: int, gaps: int, place: Places, out: F32) -> None:
    if width == 0:
        _fill(np.nan if gaps else np.float64(base), place, out)
    elif width == 1:
        _widen(data.view(np.uint8), base, gaps, np.nan, place, out)
    elif width == 2:
        _widen(data.view(np.uint16), base, gaps, np.nan, place, out)
    else:
        _spread(data.view(np.float32), place, out)


@compiled
def _widen(values: NDArray[Any], base: int, gaps: int, nothing: Any, place: Places, out: NDArray[Any]) -> None:
    """Write what ``lay`` or, with gaps, ``lay_known`` kept."""
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = nothing if gaps and values[i] == 0 else np.int64(values[i]) + (base - gaps)


@compiled
def _join(low: NDArray[Any], high: NDArray[Any], shift: int, base: int, gaps: int, place: Places, out: I64) -> None:
    """Do the same with numbers whose low bits and others stand apart."""
    for i in range(place.size):
        if place[i] >= 0:
            value = np.int64(low[i]) | (np.int64(high[i]) << shift)
            out[place[i]] = NULL if gaps and value == 0 else value + (base - gaps)


@compiled
def _choose(few: I64, codes: NDArray[np.uint8], place: Places, out: I64) -> None:
    """Write what ``lay_few`` kept."""
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = few[codes[i]]


@compiled
def _spread(values: NDArray[Any], place: Places, out: NDArray[Any]) -> None:
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = values[i]


@compiled
def _fill(value: Any, place: Places, out: NDArray[Any]) -> None:
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = value
