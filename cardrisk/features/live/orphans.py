"""Answers whose card is not known yet: kept for as long as one may still come, and then forgotten."""

from __future__ import annotations

from collections import deque
from typing import Any, TypeAlias

from cardrisk.features.arrays import HORIZON
from cardrisk.features.live.handing import Answer

Waiting: TypeAlias = list[tuple[int, Answer]]
"""Answers of one card, each with the moment at which it was handed over."""


class Orphans:
    """Answers by the card they wait for; one that waited for the horizon is forgotten."""

    def __init__(self) -> None:
        self.waiting: dict[Any, Waiting] = {}
        self._order: deque[tuple[int, Any]] = deque()

    def __len__(self) -> int:
        return len(self._order)

    def add(self, handed: int, answer: Answer) -> None:
        """Keep an answer, handed over no earlier than those before it."""
        self.waiting.setdefault(answer[0], []).append((handed, answer))
        self._order.append((handed, answer[0]))
        self.expire(handed)

    def expire(self, now: int) -> None:
        """Forget what waited too long."""
        while self._order and self._order[0][0] < now - HORIZON:
            _, name = self._order.popleft()
            left = [each for each in self.waiting.pop(name, []) if each[0] >= now - HORIZON]
            if left:
                self.waiting[name] = left

    def take(self, name: Any) -> Waiting:
        """Return the answers of a card that has come; they wait no longer."""
        return self.waiting.pop(name, []) if self.waiting and name is not None else []
