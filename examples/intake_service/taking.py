"""Cards that arrive at the same instant are taken in by one call: they share a moment, and one commit of the store.

Correct when every card handed over gets exactly one answer, given after the card is history, and a card that cannot
be read costs its neighbours nothing. Cards of one moment are not history for each other, whoever sent them: that is
the law of time, and batch over the store's tables gives the same.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from cardrisk.errors import CardriskError
from cardrisk.scoring import Score, Scorer

Card = dict[str, Any]
Noted = Callable[[list[Score]], None]

MOST: Final = 64
"""Cards of one call: the loop serves others in between."""


class Taking:
    """Hands cards to the scorer, those that wait together.

    Parameters
    ----------
    scorer
        Takes them in. It is called on the event loop: a call takes less time than handing it to a thread and back,
        and the store it waits for is bounded by its timeout.
    arrival
        Whether cards count from now, whatever they say; see ``Settings.clock``.
    noted
        Told of the answers of each call.
    """

    def __init__(self, scorer: Scorer, arrival: bool, noted: Noted) -> None:
        self._scorer, self._arrival, self._noted = scorer, arrival, noted
        self._waiting: list[tuple[Card, asyncio.Future[Score]]] = []

    async def one(self, card: Card) -> Score:
        """Score one card.

        Raises
        ------
        CardriskError
            The scorer cannot read it.
        """
        loop = asyncio.get_running_loop()
        if not self._waiting:  # once around the loop: whoever's bytes are here already comes along
            loop.call_soon(self._take, loop)
        future: asyncio.Future[Score] = loop.create_future()
        self._waiting.append((card, future))
        return await future

    def _take(self, loop: asyncio.AbstractEventLoop) -> None:
        now, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if self._waiting:
            loop.call_soon(self._take, loop)
        for future, found in zip([future for _, future in now], self._each([card for card, _ in now]), strict=True):
            if future.cancelled():
                continue
            if isinstance(found, Exception):
                future.set_exception(found)
            else:
                future.set_result(found)

    def _each(self, cards: list[Card]) -> list[Score] | list[Score | Exception]:
        try:
            return self.together(cards)
        except CardriskError as error:
            if len(cards) == 1:
                return [error]
        except Exception as error:  # nobody may wait for ever
            if len(cards) == 1:
                return [error]
        return [self._each([card])[0] for card in cards]

    def together(self, cards: list[Card]) -> list[Score]:
        """Score cards handed in together, in one call.

        Raises
        ------
        CardriskError
            The scorer cannot read one of them; then none is taken in.
        """
        if self._arrival:
            now = datetime.now(UTC)
            for card in cards:
                _arrived(card, now)
        found = self._scorer.score(cards) if len(cards) > 1 else [self._scorer.score(cards[0])]
        self._noted(found)
        return found


def _arrived(card: Card, now: datetime) -> None:
    card["received_at"] = now
    if card.get("submitted_at") is None:
        card["submitted_at"] = now
