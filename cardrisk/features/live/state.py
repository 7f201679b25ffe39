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
        self.asked = np.zeros(len(layout.keys), np.int64)
        self.closed = np.zeros((max(64, 2 * len(layout.keys)), 2), np.int64)
        self.entities: list[dict[Any, int]] = [{} for _ in layout.keys]
        self.owner: dict[int, Any] = {}
        self.free: list[list[int]] = [[] for _ in layout.keys]
        self.last: list[dict[tuple[int, Any], int]] = [{} for _ in layout.distinct]
        self.by_id: dict[str, int] = {}
        self.answer_times: deque[int] = deque()
        self.kept: deque[tuple[int, Any, list[tuple[int, tuple[int, Any]]], tuple[Any, ...]]] = deque()
        self.texts: dict[Any, int] = {}
        self.read_entity = [entity_of(key.columns, key.lenient) for key in layout.keys]
        self.read_value = [part_of(column) for column in layout.distinct]
        self.readers = list(zip(self.read_entity, self.entities, strict=True))
        self.value_key = _keys_of(layout)
        self.weights = [
            None if name.startswith("gap ") or name.endswith("flag resubmitted") else weight_of(name)
            for name in layout.card_channels
        ]
        self.again = [
            (i, name.startswith("has "))
            for i, name in enumerate(layout.card_channels)
            if name.endswith("flag resubmitted")
        ]
        self.answer_weights = [answer_weight_of(name) for name in layout.answer_channels]
        self.card_key = layout.keys.index(CARD) if CARD in layout.keys else -1

    def slots_of(self, card: Row) -> list[int]:
        """Return the slot of each key's entity: ``UNKNOWN`` where not named, ``UNSEEN`` where new."""
        return [
            UNKNOWN if (entity := read(card)) is None else known.get(entity, UNSEEN) for read, known in self.readers
        ]

    def read(self, slots: list[int], t: int, raw: I64) -> None:
        """Write raw numbers of every key, as known before ``t``; changes nothing."""
        self.asked[:] = slots
        steps.read(self.asked, t, self.m, self.cards, self.answers, self.nodes, self.tables, self.scratch, raw)

    def resubmitted(self, slots: list[int], t: int) -> int:
        """Return whether the same card was handed in before, ``NULL`` where its token is unknown."""
        at = slots[self.card_key]
        if at < 0:
            return NULL if at == UNKNOWN else 0
        alive = t - int(self.m[at + at_.LAST]) <= self.layout.keys[self.card_key].silence
        return int(alive and int(self.m[at + at_.FIRST]) < t)

    def push(
        self, name: str | None, card: Row, t: int, linked: tuple[Any, ...], slots: list[int] | None = None
    ) -> None:
        """Let a card become history at ``t``, no earlier than anything before it.

        ``slots`` are those of the card, where they were looked up just before.
        """
        self.expire(t)
        if slots is None:
            slots = self.slots_of(card)
        if self.next_card - self.first_card >= len(self.cards):
            self.cards = _grown(self.cards, self.first_card, self.next_card)
        again = self.resubmitted(slots, t) if self.card_key >= 0 else NULL
        for key, slot in enumerate(slots):
            if slot == UNSEEN:
                slots[key] = self._new_slot(key, self.read_entity[key](card))
        before, pairs = self._values(card, slots)
        n, d = len(slots), len(before)
        weights = [w(card, t) if w is not None else 0 for w in self.weights]
        for i, flag in self.again:
            weights[i] = int(again != NULL) if flag else max(again, 0)
        self.cards[self.next_card & (len(self.cards) - 1)] = [
            t, -1, *([-1] * n), *slots, *([0] * n), *before, *([-1] * d), *weights
        ]  # fmt: skip
        steps.push_card(self.next_card, self.m, self.cards, self.nodes, self.tables)
        if name is not None:
            self.by_id[name] = self.next_card
        self.kept.append((t, name, pairs, linked))
        self.next_card += 1

    def _values(self, card: Row, slots: list[int]) -> tuple[list[int], list[tuple[int, tuple[int, Any]]]]:
        """Return what each distinct stream compares with, and what must be forgotten with the card."""
        before, pairs = [], []
        for d, read in enumerate(self.read_value):
            value, slot = read(card), slots[self.value_key[d]]
            if value is None or slot < 0:
                before.append(UNSEEN)
                continue
            pair = (slot, value)
            before.append(self.last[d].get(pair, -1))
            self.last[d][pair] = self.next_card
            pairs.append((d, pair))
        return before, pairs

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
        self.m[slot + at_.LAST] = NULL  # no life yet: the card that opened it begins one
        self.entities[key][entity] = slot
        self.owner[slot] = entity
        return slot

    def stands(self, card: int) -> tuple[int, int, int, int] | None:
        """Return a card's last answer: the moment it counts from, when handed over, its grade, what it said."""
        number = int(self.cards[card & (len(self.cards) - 1), at_.ANSWER])
        if number < 0:
            return None
        row = self.answers[number & (len(self.answers) - 1)].tolist()
        return row[at_.TIME], row[at_.HANDED], row[at_.GRADE], row[at_.SAID]

    def push_answer(self, card: int, answer: Row, moment: int, handed: int, said: int) -> None:
        """Let an answer, handed over at ``handed``, count from ``moment``; of one moment the gravest stands."""
        grade = grade_of(answer)
        mask = len(self.answers) - 1
        previous = int(self.cards[card & (len(self.cards) - 1), at_.ANSWER])
        if previous >= 0:
            old = self.answers[previous & mask]
            if int(old[at_.TIME]) == moment and (int(old[at_.HANDED]), int(old[at_.GRADE])) >= (handed, grade):
                return
        if self.next_answer - self.first_answer >= len(self.answers):
            self.answers = _grown(self.answers, self.first_answer, self.next_answer)
            mask = len(self.answers) - 1
        if int(self.nodes[0, at_.USED]) + len(self.layout.top) + 1 >= len(self.nodes):
            self.nodes = np.concatenate([self.nodes, np.zeros_like(self.nodes)])
        n = len(self.layout.keys)
        tops = [self._text(answer.get(column)) if grade >= 2 else -1 for column in self.layout.top]
        weights = [weight(answer, grade) for weight in self.answer_weights]
        self.answers[self.next_answer & mask] = [
            moment, card, previous, -1, handed, grade, said, *([-1] * n), *([0] * (2 * n)), *tops, *weights
        ]  # fmt: skip
        steps.push_answer(self.next_answer, self.m, self.cards, self.answers, self.nodes, self.tables)
        self.answer_times.append(moment)
        self.next_answer += 1

    def _text(self, value: Any) -> int:
        value = plain(value)
        return -1 if value is None else self.texts.setdefault(value, len(self.texts))

    def expire(self, now: int) -> None:
        """Forget what lies beyond the horizon."""
        while self.kept and self.kept[0][0] < now - HORIZON:
            before = self.first_card
            self.first_card, closed = steps.expire_cards(
                before, self.next_card, now, self.m, self.cards, self.nodes, self.tables, self.closed
            )
            for number in range(before, self.first_card):
                self._forget(number)
            for key, slot in self.closed[:closed].tolist():
                del self.entities[key][self.owner.pop(slot)]
                self.free[key].append(slot)
        if self.answer_times and self.answer_times[0] < now - HORIZON:
            before = self.first_answer
            self.first_answer = steps.expire_answers(
                before, self.next_answer, now, self.m, self.answers, self.nodes, self.tables
            )
            for _ in range(before, self.first_answer):
                self.answer_times.popleft()

    def _forget(self, number: int) -> None:
        _, name, pairs, _ = self.kept.popleft()
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
