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
Places = NDArray[Any]
"""Whole numbers: where each value goes, -1: nowhere."""

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
def places_of(place: I64, low: int, numbers: I32, places: I64, cut: I64, codes: I32) -> int:
    """Number the places that occur, ascending, and tell which one each row has.

    Parameters
    ----------
    place
        Of each row.
    low
        The least of them.
    numbers
        Overwritten; one for each number from ``low`` to the largest place.
    places, cut
        Written: each place, and how many rows stand at those before it; shapes (n,) and (n + 1,) of as many as there
        may be.
    codes
        Written: number of each row's place.

    Returns
    -------
    int
        How many places occur.
    """
    numbers[:] = 0
    for each in place:
        numbers[each - low] += 1
    many = 0
    cut[0] = 0
    for i in range(numbers.size):
        if numbers[i]:
            places[many], cut[many + 1] = low + i, cut[many] + numbers[i]
            numbers[i] = many
            many += 1
    for i in range(place.size):
        codes[i] = numbers[place[i] - low]
    return many


@compiled
def order_of(codes: I32, cut: I64) -> I64:
    """Return the rows place after place, in their order; all as `places_of` writes it."""
    order, at = np.empty(codes.size, np.int64), cut.copy()
    for i in range(codes.size):
        order[at[codes[i]]] = i
        at[codes[i]] += 1
    return order


@compiled
def standing(codes: I64, places: int) -> I64:
    """Return which row of its place each row is, counted from 0; ``codes`` are the numbers of places."""
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
def few_in(values: I64, chosen: I64, codes: I32, few: I64, many: I64, which: NDArray[np.uint8]) -> bool:
    """Write the distinct values of each place, and which of them each row has; False: some place has too many.

    Parameters
    ----------
    values, chosen, codes
        As `lay` takes them.
    few, many
        Written: the values, shape (places, `MOST_FEW`), and how many there are.
    which
        Written, shape (rows,).
    """
    slots = np.full((many.size, _SLOTS), -1, np.int16)
    many[:] = 0
    for i in range(chosen.size):
        p, value = codes[i], values[chosen[i]]
        slot = (np.uint64(value) * _SPREAD) >> _HIGH
        while slots[p, slot] >= 0 and few[p, slots[p, slot]] != value:
            slot = (slot + np.uint64(1)) % np.uint64(_SLOTS)
        if slots[p, slot] < 0:
            if many[p] == MOST_FEW:
                return False
            slots[p, slot] = many[p]
            few[p, many[p]] = value
            many[p] += 1
        which[i] = slots[p, slot]
    return True


@compiled
def lay_few(
    few: I64, many: I64, which: NDArray[np.uint8], codes: I32, start: I64, room: NDArray[np.uint8], words: I64
) -> None:
    """Write what `few_in` found from byte ``start[p]`` of ``room``, the bytes of ``words``, on for each place p."""
    at = start // 8
    for p in range(start.size):
        words[at[p]] = many[p]
        words[at[p] + 1 : at[p] + 1 + many[p]] = few[p, : many[p]]
        at[p] = 8 * (at[p] + 1 + many[p])
    for i in range(codes.size):
        p = codes[i]
        room[at[p]] = which[i]
        at[p] += 1


@compiled
def lay(values: NDArray[Any], chosen: I64, base: int, codes: I32, start: I64, out: NDArray[Any]) -> None:
    """Write ``values[chosen[i]] - base`` one after the other at its place: at place p from ``out[start[p]]`` on.

    Rows are read in their order and written to many places, which takes a fifth of the time of the opposite.
    """
    at = start.copy()
    for i in range(chosen.size):
        p = codes[i]
        out[at[p]] = values[chosen[i]] - base
        at[p] += 1


@compiled
def lay_known(values: NDArray[Any], chosen: I64, base: int, codes: I32, start: I64, out: NDArray[Any]) -> None:
    """Do the same with whole numbers, or floats that count something, of which some are not known."""
    at = start.copy()
    for i in range(chosen.size):
        p = codes[i]
        out[at[p]] = _from_one(values[chosen[i]], base)
        at[p] += 1


@compiled
def lay_apart(
    values: I64,
    chosen: I64,
    base: int,
    gaps: bool,
    codes: I32,
    start: I64,
    low: NDArray[Any],
    above: I64,
    high: NDArray[Any],
) -> None:
    """Do the same with the bits that ``low`` has room for, and with those above them from ``high[above[p]]`` on."""
    shift, at, away = 8 * low.itemsize, start.copy(), above - start
    for i in range(chosen.size):
        p, value = codes[i], values[chosen[i]]
        kept = _from_one(value, base) if gaps else value - base
        low[at[p]], high[at[p] + away[p]] = kept, kept >> shift
        at[p] += 1


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
        size = _words(data[at:], place.size, kept[j, 1])
        if into[j, 1] >= 0:
            _unpack_column(data[at:], size, kept[j], into[j], place, whole, single, double)
        at += size


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
        mine = data[at[row, s] : begin[s + 1]]
        _unpack_column(
            mine,
            _words(mine, rows[s], kept[s, row, 1]),
            kept[s, row],
            only,
            place[first[s] : first[s + 1]],
            number,
            single,
            double,
        )
    places_in(own, table, number[0], place)
    for k in place:
        if k >= 0:
            told[k] = True
    there = place.astype(np.int32)
    for j in range(columns):
        for s in range(stretches if into[j, 1] >= 0 else 0):
            mine = data[at[j, s] : begin[s + 1]]
            size = _words(mine, rows[s], kept[s, j, 1])
            _unpack_column(mine, size, kept[s, j], into[j], there[first[s] : first[s + 1]], whole, single, double)


@compiled
def _unpack_column(
    data: I64,
    size: int,
    kept: I64,
    into: I64,
    place: Places,
    whole: NDArray[np.int64],
    single: NDArray[np.float32],
    double: F64,
) -> None:
    """Write the column that takes the first ``size`` words of ``data`` where it belongs."""
    kind, width, base, gaps = kept
    mine = data[:size]
    if into[0] != kind or size < 0 or mine.size < size:
        raise ValueError("expected whole stretches of rows with columns of the same dtypes")
    if kind <= 0:
        _unpack_whole(mine, width, base, gaps, place, whole[into[1]])
    elif kind == 1:
        _unpack_single(mine, width, base, gaps, place, single[into[1]])
    else:
        _spread(mine.view(np.float64), place, double[into[1]])


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
    """Write what `lay` or, with gaps, `lay_known` kept."""
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
    """Write what `lay_few` kept."""
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
