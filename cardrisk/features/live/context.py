"""Facts of a card that need more than the card: the ring it belongs to, the cards handed in with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cardrisk.features import rings
from cardrisk.features.arrays import DAY, NULL
from cardrisk.features.live import layout as at_
from cardrisk.features.live.state import LiveState
from cardrisk.features.live.values import Row, number_of, part_of


class Rings:
    """Rings of the running day, rebuilt in one pass at the first read after midnight (UTC)."""

    def __init__(self, state: LiveState) -> None:
        self.state = state
        self.day = NULL
        self.readers = [part_of(column) for column in rings.COLUMNS]
        self.codes: dict[tuple[int, Any], int] = {}

    def values(self, card: Row) -> tuple[Any, ...]:
        """Return what links a card to others."""
        return tuple(read(card) for read in self.readers)

    def look(self, card: Row, t: int) -> list[int]:
        """Return cards, known and failed of the rings that a card's values belong to."""
        day = t - t % DAY
        if day != self.day:
            self._build(day)
        linked = [
            -1 if value is None else self.codes.get((j, value), len(self.degree) - 1)
            for j, value in enumerate(self.values(card))
        ]
        out = np.empty(3, np.int64)
        rings.look(np.array(linked), self.parent, self.degree, self.stats, out)
        return [int(x) for x in out]

    def _build(self, day: int) -> None:
        state = self.state
        self.day, self.codes = day, {}
        rows, held = [], []
        for number, (time, _, _, linked) in enumerate(state.kept, state.first_card):
            if day - rings.SPAN <= time < day:
                rows.append(
                    [
                        -1 if value is None else self.codes.setdefault((j, value), len(self.codes))
                        for j, value in enumerate(linked)
                    ]
                )
                held.append(self._answered(number, day))
        size = len(self.codes) + 1  # the last one stands for every value not seen in the span
        self.parent, self.degree = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.stats = np.zeros((size, 3), np.int64)
        values = np.array(rows, np.int64).reshape(-1, len(self.readers))
        known = np.array(held, np.int64).reshape(-1, 2)
        rings.build(values, 0, len(values), known, self.parent, self.degree, self.stats)

    def _answered(self, number: int, day: int) -> tuple[int, int]:
        """Return whether a card's answer was known, and a failure, before the day began."""
        state = self.state
        answer = int(state.cards[number & (len(state.cards) - 1), at_.ANSWER])
        while answer >= 0:
            row = state.answers[answer & (len(state.answers) - 1)]
            if row[at_.TIME] < day:
                return int(row[at_.GRADE] >= 1), int(row[at_.GRADE] >= 2)
            answer = int(row[at_.BEFORE])
        return 0, 0


def request_fact(name: str, together: Sequence[Row], t: int) -> int:
    """Return a ``request`` fact (see :mod:`cardrisk.features.together`) of cards handed in together."""
    _, what, *rest = name.split(" ", 2)
    if what == "cards":
        return len(together)
    if what in ("distinct", "known"):
        read = part_of(rest[0])
        values = [value for card in together if (value := read(card)) is not None]
        if what == "known":
            return len(values)
        return len(set(values)) if values else NULL
    number = number_of(rest[0])
    numbers = [value for card in together if (value := number(card, t)) != NULL]
    return len(numbers) if what == "has" else sum(numbers)
