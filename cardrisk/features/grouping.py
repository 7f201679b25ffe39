"""Events of one key, grouped by entity: what the window kernels walk over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cardrisk.features import windows
from cardrisk.features.arrays import HORIZON, I32, I64, NULL, Array, Rooms
from cardrisk.features.columns import combined
from cardrisk.features.declare import Key
from cardrisk.features.events import Cards
from cardrisk.features.merging import FARTHEST, count_of_keys, keys_of
from cardrisk.features.plan import name_of
from cardrisk.features.sorting import Grouped, Order, group, inverse, pick, places


@dataclass
class Groups:
    """One key's events, grouped: who asks (``q``), whose history it is (``p``), and where groups start.

    ``told`` are the answers in groups, once a stream has asked for them.
    """

    q: Grouped
    q_row: Array
    p: Grouped
    codes: I32
    size: int
    base: int
    reach: int
    in_order: bool
    rooms: Rooms
    told: Grouped | None = None

    @property
    def asked(self) -> windows.Asked:
        """Moments asked for, and where their groups start."""
        return self.q.time, self.q.start

    @cached_property
    def q_keys(self) -> I64:
        """Moments asked for, as :func:`~cardrisk.features.merging.edges_of` compares them."""
        return self._keys(self.q, "q_keys", backwards=False)

    def p_keys(self, grouped: Grouped) -> I64:
        """Moments of events that are grouped by the same entities, alike; good until others are asked for."""
        return self._keys(grouped, "p_keys", backwards=True)

    def _keys(self, grouped: Grouped, name: str, backwards: bool) -> I64:
        room = self.rooms.empty(name, count_of_keys(grouped.start, self.reach), np.int64)
        return keys_of(grouped.time, grouped.start, self.base, self.reach, backwards, room)

    def places(self, rows: int) -> Order:
        """Return where in the groups each output row asks; as many as ask where it does not."""
        return places(self.codes, self.q, self.rooms) if self.in_order else inverse(self.q_row, rows)


def codes_of(cards: Cards, key: Key) -> tuple[I32, int]:
    """Return the entity of every card under ``key`` (-1: none), a new one after each silence."""
    name = name_of(key)
    if name not in cards.codes:
        if key.columns:
            codes, size = combined([_part(cards, key, column) for column in key.columns])
        else:
            codes, size = np.zeros(cards.time.size, np.int32), 1
        if cards.time.size and cards.time[-1] - cards.time[0] > key.silence:
            order, start, *_ = group(codes, size, cards.time)
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
    q = group(asks, size, cards.time, cards.rooms, "q")
    in_order = cards.plain and cards.in_order
    row = q.order if in_order else pick(cards.row, q.order)
    p = q if cards.plain else group(counting(cards, codes), size, cards.time, cards.rooms, "p")
    return Groups(q, row, p, codes, size, *_span(cards), in_order, cards.rooms)


def counting(cards: Cards, codes: I32) -> I32:
    """Return the codes of cards that count as history themselves, -1 for others."""
    return np.where(cards.push == 1, codes, -1).astype(np.int32)


def _span(cards: Cards) -> tuple[int, int]:
    """Return the earliest known moment of a card, and how far from it an answer can count."""
    known = cards.time[np.searchsorted(cards.time, NULL, side="right") :]
    if not known.size:
        return 0, 0
    return int(known[0]), min(int(known[-1]) - int(known[0]) + HORIZON, FARTHEST - 1)
