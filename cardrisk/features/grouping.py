"""Events of one key, grouped by entity: what the window kernels walk over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cardrisk.features import windows
from cardrisk.features.arrays import HORIZON, I32, I64, NULL, Array
from cardrisk.features.columns import combined
from cardrisk.features.declare import Key
from cardrisk.features.events import Cards
from cardrisk.features.plan import name_of


@dataclass
class Groups:
    """One key's events, grouped: who asks (``q``), whose history it is (``p``), and where groups start.

    ``told`` are the answers in groups, once a stream has asked for them.
    """

    asked: windows.Asked
    q_row: Array
    p_order: windows.Order
    p_time: I64
    p_start: I64
    codes: I32
    size: int
    base: int
    reach: int
    told: tuple[windows.Order, I64, I64] | None = None

    @cached_property
    def q_keys(self) -> I64:
        """Moments asked for, as :func:`~cardrisk.features.windows.edges_of` compares them."""
        return self.keys(*self.asked)

    @cached_property
    def p_keys(self) -> I64:
        """Moments of history, alike."""
        return self.q_keys if self.p_time is self.asked[0] else self.keys(self.p_time, self.p_start)

    def keys(self, time: I64, start: I64) -> I64:
        """Bring moments that are grouped by the same entities into the order of these."""
        return windows.keys_of(time, start, self.base, self.reach)


def codes_of(cards: Cards, key: Key) -> tuple[I32, int]:
    """Return the entity of every card under ``key`` (-1: none), a new one after each silence."""
    name = name_of(key)
    if name not in cards.codes:
        if key.columns:
            codes, size = combined([_part(cards, key, column) for column in key.columns])
        else:
            codes, size = np.zeros(cards.time.size, np.int32), 1
        if cards.time.size and cards.time[-1] - cards.time[0] > key.silence:
            order, start = windows.group(codes, size)
            codes = codes.copy()
            size = windows.split_lives(cards.time, cards.push, order, start, key.silence, codes)
        cards.codes[name] = codes, size
    return cards.codes[name]


def _part(cards: Cards, key: Key, column: str) -> tuple[I32, int]:
    codes, size = cards.code(column)
    if column in key.lenient:
        return np.where(codes < 0, np.int32(size), codes), size + 1
    return codes, size


def group_cards(cards: Cards, key: Key) -> Groups:
    """Group who asks and whose history it is by the entity that ``key`` names."""
    codes, size = codes_of(cards, key)
    asks = codes if cards.plain else np.where(cards.row >= 0, codes, -1).astype(np.int32)
    order, start = windows.group(asks, size)
    time = windows.pick(cards.time, order)
    row = order if cards.plain and cards.in_order else windows.pick(cards.row, order)
    span = _span(cards)
    if cards.plain:
        return Groups((time, start), row, order, time, start, codes, size, *span)
    p_order, p_start = windows.group(np.where(cards.push == 1, codes, -1).astype(np.int32), size)
    return Groups((time, start), row, p_order, windows.pick(cards.time, p_order), p_start, codes, size, *span)


def _span(cards: Cards) -> tuple[int, int]:
    """Return the earliest known moment of a card, and how far from it an answer can count."""
    known = cards.time[np.searchsorted(cards.time, NULL, side="right") :]
    if not known.size:
        return 0, 0
    return int(known[0]), min(int(known[-1]) - int(known[0]) + HORIZON, windows.FARTHEST - 1)
