"""What one caller wants written, and what came of it: threads leave tickets, and one of them writes all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from cardrisk.features.arrays import F64, NULL
from cardrisk.features.live.handing import Answer, Card
from cardrisk.features.live.values import plain
from cardrisk.features.stores.base import Entry

NOTHING: Final[F64] = np.zeros(0)
"""The features of a card that asks for none."""
WAITING: Final = (NOTHING, NULL)
"""What a ticket has found before anybody saw to it."""


class Ticket:
    """Cards to be taken in together, or one answer.

    Attributes
    ----------
    entries
        What is to be stored.
    cards, answer
        The same, made ready for the tables.
    reads
        Whether each card's features are wanted.
    over
        Per card, facts of the cards handed in with it; empty where each is alone.
    found
        Per card its features (where wanted) and the moment from which it counts; ``WAITING`` before.
    done, error
        Whether somebody has seen to it, and what went wrong.
    """

    __slots__ = ("answer", "cards", "done", "entries", "error", "found", "over", "reads")

    def __init__(self, entries: Sequence[Entry], cards: Sequence[Card], answer: Answer | None, reads: bool) -> None:
        self.entries, self.cards, self.answer, self.reads = entries, cards, answer, reads
        self.over: Sequence[Any] = ()
        self.found: list[tuple[F64, int]] = [WAITING] * len(cards)
        self.done = False
        self.error: BaseException | None = None

    @staticmethod
    def of_cards(cards: Sequence[tuple[Entry, Card]], reads: bool) -> Ticket:
        """Make the ticket of cards."""
        return Ticket([entry for entry, _ in cards], [card for _, card in cards], None, reads)

    @staticmethod
    def of_answer(entry: Entry, answer: Answer) -> Ticket:
        """Make the ticket of an answer."""
        return Ticket([entry], [], answer, reads=False)


def matched(tickets: Sequence[Ticket], stored: Sequence[Entry]) -> dict[int, tuple[Ticket, int]]:
    """Return which stored events are those of tickets: place in ``stored`` to (ticket, place in the ticket).

    ``stored`` ends with them, in order; those that were not stored again (a ``submission_id`` known before) are left
    out, as long as no event of that name was stored by somebody else in between: then it is that one.
    """
    found: dict[int, tuple[Ticket, int]] = {}
    i = len(stored) - 1
    for ticket in reversed(tickets):
        for place in range(len(ticket.entries) - 1, -1, -1):
            mine = ticket.entries[place]
            if i >= 0 and same(mine, stored[i]):
                found[i] = ticket, place
                i -= 1
    return found


def same(mine: Entry, other: Entry) -> bool:
    """Whether a stored event can be the one that was handed over."""
    if mine.kind != other.kind:
        return False
    name, theirs = mine.row.get("submission_id"), other.row.get("submission_id")
    return name == theirs or plain(name) == plain(theirs)
