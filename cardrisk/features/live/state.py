"""All of history in three growing tables and a few dictionaries; what leaves the horizon leaves memory."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import numpy as np

from cardrisk.features.arrays import HORIZON, I64, NULL
from cardrisk.features.events import GRAVITY
from cardrisk.features.live import layout as at_
from cardrisk.features.live import steps
from cardrisk.features.live.kernel import UNKNOWN, UNSEEN
from cardrisk.features.live.layout import Layout
from cardrisk.features.live.values import Row, answer_weight_of, entity_of, part_of, plain, weight_of
from cardrisk.features.statistics import CARD

SMALLEST: Final = 1_024
"""Rows that a table begins with; a power of two, as every size is."""


class LiveState:
    """Cards, answers and entities of the last 90 days, and running sums over them.

    Parameters
    ----------
    layout
        What the declarations need.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.tables = (
            layout.key_table,
            layout.streams,
            layout.spans,
            layout.channels,
            layout.sizes,
            np.array(layout.slot_size, np.int64),
        )
        self.m = np.zeros(1 << 12, np.int64)
        self.m_used = 0
        self.cards = np.zeros((SMALLEST, layout.card_width), np.int64)
        self.answers = np.zeros((SMALLEST, layout.answer_width), np.int64)
        self.nodes = np.zeros((SMALLEST, int(layout.sizes[at_.NODE_FROM])), np.int64)
        self.first_card = self.next_card = self.first_answer = self.next_answer = 0
        self.scratch = np.zeros(max(layout.slot_size, default=1), np.int64)
        self.closed = np.zeros((max(64, 2 * len(layout.keys)), 2), np.int64)
        self.entities: list[dict[Any, int]] = [{} for _ in layout.keys]
        self.owner: dict[int, Any] = {}
        self.free: list[list[int]] = [[] for _ in layout.keys]
        self.last: list[dict[tuple[int, Any], int]] = [{} for _ in layout.distinct]
        self.by_id: dict[str, int] = {}
        self.kept: deque[tuple[Any, list[tuple[int, tuple[int, Any]]], tuple[Any, ...]]] = deque()
        self.texts: dict[Any, int] = {}
        self.read_entity = [entity_of(key.columns, key.lenient) for key in layout.keys]
        self.read_value = [part_of(column) for column in layout.distinct]
        self.value_key = _keys_of(layout)
        self.weights = [
            None if name.startswith("gap ") or name.endswith("flag resubmitted") else weight_of(name)
            for name in layout.card_channels
        ]
        self.answer_weights = [answer_weight_of(name) for name in layout.answer_channels]
        self.card_key = layout.keys.index(CARD) if CARD in layout.keys else -1

    def slots_of(self, card: Row) -> I64:
        """Return the slot of each key's entity: ``UNKNOWN`` where not named, ``UNSEEN`` where new."""
        slots = np.empty(len(self.entities), np.int64)
        for i, (read, known) in enumerate(zip(self.read_entity, self.entities, strict=True)):
            entity = read(card)
            slots[i] = UNKNOWN if entity is None else known.get(entity, UNSEEN)
        return slots

    def read(self, slots: I64, t: int, raw: I64) -> None:
        """Write raw numbers of every key, as known before ``t``; changes nothing."""
        steps.read(slots, t, self.m, self.cards, self.answers, self.nodes, self.tables, self.scratch, raw)

    def resubmitted(self, slots: I64, t: int) -> int:
        """Return whether the same card was handed in before, ``NULL`` where its token is unknown."""
        at = int(slots[self.card_key])
        if at < 0:
            return NULL if at == UNKNOWN else 0
        alive = t - int(self.m[at + at_.LAST]) <= self.layout.keys[self.card_key].silence
        return int(alive and int(self.m[at + at_.FIRST]) < t)

    def push(self, name: str | None, card: Row, t: int, linked: tuple[Any, ...]) -> None:
        """Let a card become history at ``t``, no earlier than anything before it."""
        self.expire(t)
        slots = self.slots_of(card)
        layout, n = self.layout, len(self.layout.keys)
        if self.next_card - self.first_card >= len(self.cards):
            self.cards = _grown(self.cards, self.first_card, self.next_card)
        row = self.cards[self.next_card & (len(self.cards) - 1)]
        row[:] = 0
        row[at_.TIME], row[at_.ANSWER] = t, -1
        again = self.resubmitted(slots, t) if self.card_key >= 0 else NULL
        weights = row[int(layout.sizes[at_.CARD_WEIGHTS]) :]
        for i, weight in enumerate(self.weights):
            if weight is not None:
                weights[i] = weight(card, t)
            elif layout.card_channels[i] == "flag resubmitted":
                weights[i] = again if again != NULL else 0
            elif layout.card_channels[i] == "has flag resubmitted":
                weights[i] = again != NULL
        for key in range(n):
            slots[key] = self._slot(key, int(slots[key]), card, t)
        chain = row[at_.CARD_HEADER :]
        chain[:n] = -1
        chain[n : 2 * n] = slots
        pairs = self._values(card, slots, chain[3 * n :])
        steps.push_card(self.next_card, self.m, self.cards, self.tables)
        if name is not None:
            self.by_id[name] = self.next_card
        self.kept.append((name, pairs, linked))
        self.next_card += 1

    def _values(self, card: Row, slots: I64, fields: I64) -> list[tuple[int, tuple[int, Any]]]:
        """Fill what each distinct stream compares with; returns what must be forgotten with the card."""
        pairs = []
        count = len(self.read_value)
        fields[count : 2 * count] = -1
        for d, read in enumerate(self.read_value):
            value, slot = read(card), int(slots[self.value_key[d]])
            if value is None or slot < 0:
                fields[d] = UNSEEN
                continue
            pair = (slot, value)
            fields[d] = self.last[d].get(pair, -1)
            self.last[d][pair] = self.next_card
            pairs.append((d, pair))
        return pairs

    def _slot(self, key: int, slot: int, card: Row, t: int) -> int:
        """Return a slot in a life that goes on at ``t``."""
        if slot == UNKNOWN:
            return slot
        if slot == UNSEEN:
            slot = self._new_slot(key, self.read_entity[key](card))
        elif t - int(self.m[slot + at_.LAST]) <= self.layout.keys[key].silence:
            return slot
        steps.renew(self.m, slot, key, self.nodes, self.tables)
        return slot

    def _new_slot(self, key: int, entity: Any) -> int:
        size = self.layout.slot_size[key]
        if self.free[key]:
            slot = self.free[key].pop()
        else:
            slot = self.m_used
            self.m_used += size
            if self.m_used > len(self.m):
                self.m = np.concatenate([self.m, np.zeros(len(self.m), np.int64)])
            self.m[slot + at_.NODES] = -1
        self.entities[key][entity] = slot
        self.owner[slot] = entity
        return slot

    def push_answer(self, card: int, answer: Row, moment: int, said: int, grade: int) -> bool:
        """Let an answer count from ``moment``; returns whether it changes anything."""
        mask = len(self.answers) - 1
        previous = int(self.cards[card & (len(self.cards) - 1), at_.ANSWER])
        same_moment = False
        if previous >= 0:
            old = self.answers[previous & mask]
            stood = (int(old[at_.TIME]), int(old[at_.SAID]), int(old[at_.GRADE]))
            same_moment = stood[0] == moment
            if stood[1:] == (said, grade) or (same_moment and stood[1:] > (said, grade)):
                return False
        if self.next_answer - self.first_answer >= len(self.answers):
            self.answers = _grown(self.answers, self.first_answer, self.next_answer)
            mask = len(self.answers) - 1
        if int(self.nodes[0, at_.USED]) + len(self.layout.top) + 1 >= len(self.nodes):
            self.nodes = np.concatenate([self.nodes, np.zeros_like(self.nodes)])
        row = self.answers[self.next_answer & mask]
        row[:] = 0
        row[: at_.ANSWER_HEADER] = moment, card, previous, -1, said, grade
        n = len(self.layout.keys)
        row[at_.ANSWER_HEADER : at_.ANSWER_HEADER + n] = -1
        tops = row[at_.ANSWER_HEADER + 3 * n :]
        for i, column in enumerate(self.layout.top):
            value = plain(answer.get(column)) if grade >= 2 else None
            tops[i] = -1 if value is None else self.texts.setdefault(value, len(self.texts))
        weights = row[int(self.layout.sizes[at_.ANSWER_WEIGHTS]) :]
        for i, weight in enumerate(self.answer_weights):
            weights[i] = weight(answer, grade)
        steps.push_answer(self.next_answer, self.m, self.cards, self.answers, self.nodes, self.tables)
        self.next_answer += 1
        return True

    def expire(self, now: int) -> None:
        """Forget what lies beyond the horizon."""
        mask = len(self.cards) - 1
        while self.first_card < self.next_card and self.cards[self.first_card & mask, at_.TIME] < now - HORIZON:
            before = self.first_card
            self.first_card, closed = steps.expire_cards(
                before, self.next_card, now, self.m, self.cards, self.nodes, self.tables, self.closed
            )
            for number in range(before, self.first_card):
                self._forget(number)
            for key, slot in self.closed[:closed].tolist():
                del self.entities[key][self.owner.pop(slot)]
                self.free[key].append(slot)
        mask = len(self.answers) - 1
        if self.first_answer < self.next_answer and (self.answers[self.first_answer & mask, at_.TIME] < now - HORIZON):
            self.first_answer = steps.expire_answers(
                self.first_answer, self.next_answer, now, self.m, self.answers, self.nodes, self.tables
            )

    def _forget(self, number: int) -> None:
        name, pairs, _ = self.kept.popleft()
        if name is not None and self.by_id.get(name) == number:
            del self.by_id[name]
        for d, pair in pairs:
            if self.last[d].get(pair) == number:
                del self.last[d][pair]


def _keys_of(layout: Layout) -> list[int]:
    """Return the key of each distinct stream."""
    found = [0] * len(layout.distinct)
    for key in range(len(layout.keys)):
        for s in range(int(layout.key_table[key, at_.FROM]), int(layout.key_table[key, at_.TO])):
            if layout.streams[s, at_.KIND] == at_.DISTINCT:
                found[int(layout.streams[s, at_.CHANNEL])] = key
    return found


def _grown(table: I64, first: int, stop: int) -> I64:
    """Return a ring of twice the rows with every row where its number says."""
    larger = np.zeros((2 * len(table), table.shape[1]), np.int64)
    numbers = np.arange(first, stop)
    larger[numbers & (len(larger) - 1)] = table[numbers & (len(table) - 1)]
    return larger


def grade_of(answer: Row) -> int:
    """Return how grave an answer is: 0 unknown, 1 success, 2 partial, 3 failed."""
    return GRAVITY.get(plain(answer.get("status")) or "unknown", 0)
