"""Finished features on their way: a line for each card in the order of groups, then columns in the order of rows.

Both orders are far from each other, and what is read or written far apart is waited for. A card's features lie side by
side in whole lines of memory, so that one card is one wait, or few.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cardrisk._compiled import compiled, fetch, short_table_at, whole_table_at, whole_vector_at
from cardrisk.features.arrays import F64, I64, LINE, Array, Rooms
from cardrisk.features.finish import finish_columns
from cardrisk.features.sorting import Order
from cardrisk.features.turning import UNKNOWN, gather_cents, gather_doubles, gather_singles, turn_doubles, turn_singles
from cardrisk.features.windows import plain_sums

FEW = 512
"""Cards at a time where nothing but sums is asked: their whole numbers stay near until they are finished."""

AHEAD = 64
"""Cards whose lines are read together; the lines of as many more are on their way meanwhile."""


class Part(NamedTuple):
    """Features of one key that are numbers of one size.

    Attributes
    ----------
    ops, arguments, constants
        How each ends, as :func:`~cardrisk.features.finish.finish_columns` takes it.
    room
        Where a few cards are finished; shape (slots, cards at a time).
    lines
        A line per card in grouped order and a null one after them; shape (cards + 1, slots). Slots beyond the features
        mean nothing.
    places
        Which of the columns each feature is.
    columns
        Shape (columns, at least rows); each begins with a line of memory.
    """

    ops: I64
    arguments: I64
    constants: F64
    room: Array
    lines: Array
    places: I64
    columns: Array


class Cents(NamedTuple):
    """Features of one key that are whole numbers of four bytes, divided: their lines hold the whole numbers.

    Attributes
    ----------
    slots
        Which slot of the whole numbers each is.
    units
        What each is divided by.
    lines
        The lines of single numbers, as uint32: theirs stand after those.
    places, columns
        As for :class:`Part`.
    """

    slots: I64
    units: F64
    lines: Array
    places: I64
    columns: Array


def room_for_lines(rooms: Rooms, name: str, cards: int, features: int, dtype: str) -> Array:
    """Return lines for so many cards, with a null one after them, wide enough for so many features.

    Many features fill whole lines of memory; a few stand as close as they are, since many cards then share a line.
    """
    side = LINE // np.dtype(dtype).itemsize
    slots = features if features <= side // 2 else -(-features // side) * side
    lines = rooms.empty(name, (cards + 1, slots), dtype)
    lines[cards] = np.nan
    return lines


@compiled
def finish_lines(first: int, stop: int, streams: I64, raw: I64, single: Part, double: Part, cents: Cents) -> None:
    """Finish the cards ``first`` to ``stop`` into their lines, as many at a time as ``raw`` has room for.

    Parameters
    ----------
    first, stop
        Cards, in grouped order.
    streams
        Sums to be taken first: :meth:`~cardrisk.features.streams.Sums.addresses` of each, shape (streams, 9).
    raw
        Whole numbers, shape (slots, cards at a time); what others than ``streams`` have written stands there.
    single, double, cents
        What is made of them.
    """
    few, place = raw.shape[1], single.ops.size
    whole = single.room.view(np.uint32)
    for begin in range(first, stop, few):
        end = min(begin + few, stop)
        for s in range(streams.shape[0]):
            edges = short_table_at(streams[s, 0], streams[s, 1], streams[s, 2])
            total = whole_table_at(streams[s, 3], streams[s, 4], streams[s, 5])
            channel = whole_vector_at(streams[s, 6], streams[s, 7])
            plain_sums(edges, begin, end, total, channel, raw, streams[s, 8])
        if single.room.size:
            finish_columns(raw, single.ops, single.arguments, single.constants, single.room, 0, end - begin)
            for j in range(cents.slots.size):
                amounts, into = raw[cents.slots[j]], whole[place + j]
                for i in range(end - begin):
                    into[i] = amounts[i]
            _turn(single.room, end - begin, single.lines, begin)
        if double.room.size:
            finish_columns(raw, double.ops, double.arguments, double.constants, double.room, 0, end - begin)
            _turn(double.room, end - begin, double.lines, begin)


@compiled
def _turn(room: Array, cards: int, lines: Array, first: int) -> None:
    """Turn the first columns of ``room``, shape (slots, any number of cards), into ``lines[first:]``."""
    item, slots = room.itemsize, lines.shape[1]
    side = LINE // item
    whole = 0 if slots % side else cards - cards % side
    source, apart, target, wide = room.ctypes.data, room.strides[0], lines.ctypes.data, slots * item
    for i in range(0, whole, side):
        for j in range(0, slots, side):
            square, line = source + j * apart + i * item, target + (first + i) * wide + j * item
            if item == 4:
                turn_singles(square, apart, line, wide)
            else:
                turn_doubles(square, apart, line, wide)
    for i in range(whole, cards):
        for j in range(slots):
            lines[first + i, j] = room[j, i]


@compiled
def lay_out(card: Order, single: Part, double: Part, cents: Cents) -> None:
    """Copy features from lines to columns in the order of rows; ``card`` says which line is each row's.

    Addresses are worked out here, once: handing arrays to a function for a few cards costs more than what it does.
    """
    cards, rows = card.ctypes.data, card.size
    one, one_apart, one_line = single.lines.ctypes.data, single.lines.strides[0], single.lines.shape[1] * 4
    two, two_apart, two_line = double.lines.ctypes.data, double.lines.strides[0], double.lines.shape[1] * 8
    ones, ones_apart = single.columns.ctypes.data, single.columns.strides[0]
    twos, twos_apart = double.columns.ctypes.data, double.columns.strides[0]
    three = one + single.ops.size * 4
    whole = rows - rows % LINE
    for first in range(0, whole, AHEAD):
        stop = min(first + AHEAD, whole)
        for k in range(stop, min(stop + AHEAD, whole)):
            line = np.int64(card[k])
            for ahead in range(0, one_line, LINE):
                fetch(one + line * one_apart + ahead)
            for ahead in range(0, two_line, LINE):
                fetch(two + line * two_apart + ahead)
        for j in range(single.places.size):
            column = ones + single.places[j] * ones_apart
            for i in range(first, stop, LINE // 4):
                gather_singles(one + j * 4, one_apart, cards + i * 4, column + i * 4)
        for j in range(double.places.size):
            column = twos + double.places[j] * twos_apart
            for i in range(first, stop, LINE // 8):
                gather_doubles(two + j * 8, two_apart, cards + i * 4, column + i * 8)
        for j in range(cents.places.size):
            column = twos + cents.places[j] * twos_apart
            for i in range(first, stop, LINE // 8):
                gather_cents(three + j * 4, one_apart, cards + i * 4, column + i * 8, cents.units[j])
    _lay_out_last(whole, card, single, double, cents)


@compiled
def _lay_out_last(first: int, card: Order, single: Part, double: Part, cents: Cents) -> None:
    """Lay out the rows from ``first`` on, which fill no whole line of memory."""
    for i in range(first, card.size):
        for j in range(single.places.size):
            single.columns[single.places[j], i] = single.lines[card[i], j]
        for j in range(double.places.size):
            double.columns[double.places[j], i] = double.lines[card[i], j]
        for j in range(cents.places.size):
            amount = cents.lines[card[i], single.ops.size + j]
            cents.columns[cents.places[j], i] = np.nan if amount == UNKNOWN else amount / cents.units[j]
