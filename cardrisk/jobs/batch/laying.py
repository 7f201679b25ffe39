"""Rows brought to their places: compiled, for every row of a job goes through here some forty times.

Whole numbers are kept from a base on, in few bytes; where some are not known, 0 stands for those and the others begin
at 1. Floats that count something are kept in the same way. Of wide numbers that are few at a place, those are kept, and
which of them each row has.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.features.arrays import F64, I64, NEVER, NULL, Bool
from cardrisk.features.parts.joined import places_in

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]

MOST_FEW = 255
"""Distinct values at a place at most that are kept but once."""
FEW = -1
"""Stands for the bytes a row of such a column."""
_SLOTS, _HIGH = 1 << 10, np.uint64(54)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Multiplied by this, numbers differ in their high bits (Knuth, The Art of Computer Programming 3, 6.4)."""
_LARGEST = 2**63 - 1
_NAN = 0x7FC00000
"""Bits of the one NaN that stands for "not known"; others are kept as they are."""


@compiled
def order_of(codes: NDArray[Any], cut: I64, order: I64) -> None:
    """Write the rows of each place one after the other, in their order, and where each place's rows begin.

    Parameters
    ----------
    codes
        Place of each row, counted from 0.
    cut, order
        Written; shapes (places + 1,) and (rows,).
    """
    cut[:] = 0
    for code in codes:
        cut[code + 1] += 1
    for i in range(1, cut.size):
        cut[i] += cut[i - 1]
    at = cut[:-1].copy()
    for i in range(codes.size):
        order[at[codes[i]]] = i
        at[codes[i]] += 1


@compiled
def standing(codes: I64, places: int) -> I64:
    """Return which row of its place each row is, counted from 0; ``codes`` as in `order_of`."""
    count, stands = np.zeros(places, np.int64), np.empty(codes.size, np.int64)
    for i in range(codes.size):
        stands[i] = count[codes[i]]
        count[codes[i]] += 1
    return stands


@compiled
def until_of(card: I64, time: I64, cards: int) -> I64:
    """Return when each answer, in the order of time, is replaced by the next one about its card; ``NEVER``: by none."""
    later, until = np.full(cards, NEVER), np.empty(card.size, np.int64)
    for i in range(card.size - 1, -1, -1):
        until[i] = later[card[i]]
        later[card[i]] = time[i]
    return until


@compiled
def least_known(values: I64) -> int:
    """Return the least of the known numbers, the largest that there is where none is known."""
    low = _LARGEST
    for value in values:
        low = min(low, _LARGEST if value == NULL else value)
    return low


@compiled
def counts(values: F32, bits: I32, most: int) -> tuple[int, int, bool]:
    """Return the least and the most of numbers that count something, and whether some are not known.

    The most there is where some count nothing; the least above the most where none is known.

    Parameters
    ----------
    values, bits
        The numbers, and their bits.
    most
        What none may reach.
    """
    low, high, gaps = _LARGEST, -1, False
    for i in range(values.size):
        if bits[i] == _NAN:
            gaps = True
        elif bits[i] < 0 or not values[i] < most or values[i] != math.floor(values[i]):  # -0.0 is none
            return 0, _LARGEST, True
        else:
            value = int(values[i])
            low, high = min(low, value), max(high, value)
    return low, high, gaps


@compiled
def few_in(values: I64, order: I64, cut: I64, few: I64, many: I64, codes: NDArray[np.uint8]) -> bool:
    """Write the distinct values of each place, and which of them each row has; False: some place has too many.

    Parameters
    ----------
    values, order, cut
        As `lay` takes them.
    few, many
        Written: the values, shape (places, `MOST_FEW`), and how many there are.
    codes
        Written, place after place.
    """
    slots = np.empty(_SLOTS, np.int16)
    for p in range(many.size):
        slots[:] = -1
        many[p] = 0
        for i in range(cut[p], cut[p + 1]):
            value = values[order[i]]
            slot = (np.uint64(value) * _SPREAD) >> _HIGH
            while slots[slot] >= 0 and few[p, slots[slot]] != value:
                slot = (slot + np.uint64(1)) % np.uint64(_SLOTS)
            if slots[slot] < 0:
                if many[p] == MOST_FEW:
                    return False
                slots[slot] = many[p]
                few[p, many[p]] = value
                many[p] += 1
            codes[i] = slots[slot]
    return True


@compiled
def lay_few(
    few: I64, many: I64, codes: NDArray[np.uint8], cut: I64, start: I64, room: NDArray[np.uint8], words: I64
) -> None:
    """Write what `few_in` found from byte ``start[p]`` of ``room``, the bytes of ``words``, on for each place p."""
    for p in range(start.size):
        at = start[p] // 8
        words[at] = many[p]
        words[at + 1 : at + 1 + many[p]] = few[p, : many[p]]
        at = 8 * (at + 1 + many[p])
        room[at : at + cut[p + 1] - cut[p]] = codes[cut[p] : cut[p + 1]]


@compiled
def lay(values: NDArray[Any], order: I64, base: int, cut: I64, start: I64, out: NDArray[Any]) -> None:
    """Write ``values[order[i]] - base`` of each place's rows, those of place p from ``out[start[p]]`` on."""
    for p in range(start.size):
        k = start[p] - cut[p]
        for i in range(cut[p], cut[p + 1]):
            out[k + i] = values[order[i]] - base


@compiled
def lay_known(values: NDArray[Any], order: I64, base: int, cut: I64, start: I64, out: NDArray[Any]) -> None:
    """Do the same with whole numbers, or floats that count something, of which some are not known."""
    for p in range(start.size):
        k = start[p] - cut[p]
        for i in range(cut[p], cut[p + 1]):
            out[k + i] = _from_one(values[order[i]], base)


@compiled
def lay_apart(
    values: I64,
    order: I64,
    base: int,
    gaps: bool,
    cut: I64,
    start: I64,
    low: NDArray[Any],
    above: I64,
    high: NDArray[Any],
) -> None:
    """Do the same with the bits that ``low`` has room for, and with those above them from ``high[above[p]]`` on."""
    shift = 8 * low.itemsize
    for p in range(start.size):
        k, j = start[p] - cut[p], above[p] - cut[p]
        for i in range(cut[p], cut[p + 1]):
            value = values[order[i]]
            kept = _from_one(value, base) if gaps else value - base
            low[k + i], high[j + i] = kept, kept >> shift


@compiled
def _from_one(value: Any, base: int) -> np.int64:
    """Return 0 for what is not known, 1 for the base."""
    return np.int64(0) if math.isnan(value) or value == NULL else np.int64(value) - base + 1


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
        kind, width, base, gaps = kept[j]
        size = _words(data[at:], place.size, width)
        mine = data[at : at + size]
        at += size
        asked, row = into[j]
        if row < 0:
            continue
        if asked != kind or size < 0 or mine.size < size:
            raise ValueError("expected whole stretches of rows with columns of the same dtypes")
        if kind <= 0:
            _unpack_whole(mine, width, base, gaps, place, whole[row])
        elif kind == 1:
            _unpack_single(mine, width, base, gaps, place, single[row])
        else:
            _spread(mine.view(np.float64), place, double[row])


@compiled
def land(
    rows: int,
    data: I64,
    kept: I64,
    row: int,
    own: I64,
    table: I64,
    into: I64,
    told: Bool,
    whole: NDArray[np.int64],
    single: NDArray[np.float32],
    double: F64,
) -> None:
    """Write the columns of some rows, which column ``row`` names, where they belong.

    Parameters
    ----------
    rows
        How many.
    own, table
        As :func:`~cardrisk.features.parts.joined.places_in` takes them.
    told
        Set True for each row of which something is told.
    data, kept, into, whole, single, double
        As `unpack` takes them.
    """
    number, place, only = np.empty((1, rows), np.int64), np.arange(rows), np.full(into.shape, -1)
    only[row] = 0
    unpack(data, kept, only, place, number, single, double)
    places_in(own, table, number[0], place)
    for k in place:
        if k >= 0:
            told[k] = True
    unpack(data, kept, into, place, whole, single, double)


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
def _unpack_whole(data: I64, width: int, base: int, gaps: int, place: I64, out: I64) -> None:
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
def _unpack_single(data: I64, width: int, base: int, gaps: int, place: I64, out: F32) -> None:
    if width == 0:
        _fill(np.nan if gaps else np.float64(base), place, out)
    elif width == 1:
        _widen(data.view(np.uint8), base, gaps, np.nan, place, out)
    elif width == 2:
        _widen(data.view(np.uint16), base, gaps, np.nan, place, out)
    else:
        _spread(data.view(np.float32), place, out)


@compiled
def _widen(values: NDArray[Any], base: int, gaps: int, nothing: Any, place: I64, out: NDArray[Any]) -> None:
    """Write what `lay` or, with gaps, `lay_known` kept."""
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = nothing if gaps and values[i] == 0 else np.int64(values[i]) + (base - gaps)


@compiled
def _join(low: NDArray[Any], high: NDArray[Any], shift: int, base: int, gaps: int, place: I64, out: I64) -> None:
    """Do the same with numbers whose low bits and others stand apart."""
    for i in range(place.size):
        if place[i] >= 0:
            value = np.int64(low[i]) | (np.int64(high[i]) << shift)
            out[place[i]] = NULL if gaps and value == 0 else value + (base - gaps)


@compiled
def _choose(few: I64, codes: NDArray[np.uint8], place: I64, out: I64) -> None:
    """Write what `lay_few` kept."""
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = few[codes[i]]


@compiled
def _spread(values: NDArray[Any], place: I64, out: NDArray[Any]) -> None:
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = values[i]


@compiled
def _fill(value: Any, place: I64, out: NDArray[Any]) -> None:
    for i in range(place.size):
        if place[i] >= 0:
            out[place[i]] = value
