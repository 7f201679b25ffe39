"""Rows brought to their places: compiled, for hundreds of numbers of every row go through here.

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
from cardrisk.features.arrays import I64, NEVER, NULL

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
