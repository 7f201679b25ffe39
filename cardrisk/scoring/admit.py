"""Cards of one moment read and made history in one step that no other writer can come between.

Correct when each card is read as of the moment the store gives it, with everything stored before and nothing of that
moment or later: what batch gives over the store's tables, whatever other processes write at the same time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cardrisk.errors import StoreError
from cardrisk.features import FeatureSet, LiveHistory
from cardrisk.features.live import handing
from cardrisk.features.live.context import batches_of
from cardrisk.features.stores.base import CARD, Entry, Store, new

Card: TypeAlias = Mapping[str, Any]
Row: TypeAlias = NDArray[np.float64]


Put: TypeAlias = Callable[[int], tuple[bool, Sequence[Entry]]]


class Draft(NamedTuple):
    """Cards that were read and are not history yet.

    Attributes
    ----------
    ready
        The cards, made ready for the tables.
    rows
        Their number features.
    moment
        The moment as of which they are, in microseconds.
    seen
        The last event that was known.
    """

    ready: Sequence[handing.Card]
    rows: Sequence[Row]
    moment: int
    seen: int


class History(LiveHistory):
    """Live history that takes in cards handed in together as one; whoever scores looks at the clock."""

    def __init__(self, features: FeatureSet, store: str = "memory://") -> None:
        super().__init__(features, store, ahead=None)

    def take(self, card: Card, at: object = None) -> tuple[Row, int]:
        """Read a card and let it become history; ``at`` is its moment, in microseconds."""
        assert type(at) is int  # noqa: S101 - whoever scores has read it already
        return self._let_in(card, at, self.reader.card(card), reads=True)

    def draft(self, cards: Sequence[Card], moment: int) -> Draft:
        """Read cards of one moment as :meth:`admit` does; they are not history yet."""
        ready = [self.reader.card(card) for card in cards]
        over = self._facts_of(cards, ready)
        with self._lock:
            at = max(moment, self.now)
            rows = [self.state.read(card, at, facts) for card, facts in zip(ready, over, strict=True)]
            return new(Draft, (ready, rows, at, self.seen))

    def settle(self, draft: Draft, put: Put) -> bool:
        """Let cards that were read become history, unless something came in between.

        Parameters
        ----------
        draft
            What was read.
        put
            Stores them after the last event known, whose number it takes, and whatever belongs to them, in one step;
            returns whether nothing stood in the way, and the entries after that one where something did.

        Returns
        -------
        bool
            Whether they are history now. If not, what came in between is taken in, and they can be read again.

        Raises
        ------
        StoreError
            They could not be stored; then none of them is history.
        """
        with self._lock:
            if draft.seen != self.seen:
                return False
            done, came_first = put(draft.seen)
            if not done:
                self._take_in((), came_first)
                return False
            self.seen += len(draft.ready)
            for card in draft.ready:
                self._take_card(draft.moment, card, reads=False)
            return True

    def admit(self, cards: Sequence[Card], moment: int) -> list[tuple[Row, int]]:
        """Read cards of one moment, and let all of them become history.

        Parameters
        ----------
        cards
            After intake; those of one ``batch_id`` were handed in together.
        moment
            Theirs, in microseconds; where later events are known already, the latest of those counts.

        Returns
        -------
        list of (row, moment)
            For each card its number features and the moment as of which they are.

        Raises
        ------
        StoreError
            They could not be stored; then none of them is history.
        """
        if len(cards) == 1:
            return [self.take(cards[0], moment)]
        return self.take_together(cards, moment)


def as_of(name: str, features: FeatureSet, store: Store) -> tuple[Card, Row, int]:
    """Read a stored card again, from the journal alone, as it was read when it was handed in.

    Cards of its batch and its moment are taken to have been handed in with it.

    Returns
    -------
    card, row, moment
        As stored, its number features, and the moment as of which they are.

    Raises
    ------
    StoreError
        The journal does not hold the card.
    """
    before = History(features)
    cards: list[Card] = []
    found, moment = None, 0
    for entry in store.since(0):
        if found is not None and entry.moment > moment:
            break
        if entry.kind == CARD and entry.row.get("submission_id") == name:
            found, moment = entry.row, entry.moment
        if entry.kind == CARD:
            if entry.moment != before.now:
                cards = []
            cards.append(entry.row)
        before.follow(entry)
    if found is None:
        raise StoreError("expected a card of the history, got a submission_id that it does not hold")
    return found, before.row(found, moment, batches_of(cards).get(found.get("batch_id"), (found,))), moment
