"""Live history: observe, answer, read. A read changes nothing and equals the batch over the same events.

The clock never turns back: an event handed over after its moment has passed counts from the handing over, and a
card is read at its own moment or now, whichever is later. Threads that write at the same time share one commit of
the store: whoever is first writes for everybody who waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from cardrisk.errors import InputError, MissingColumnError
from cardrisk.features.arrays import DAY, F64, NULL
from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import FeatureSet
from cardrisk.features.live.bulk import CHUNK
from cardrisk.features.live.context import together
from cardrisk.features.live.following import Following
from cardrisk.features.live.handing import Card
from cardrisk.features.live.orphans import Orphans
from cardrisk.features.live.state import ALONE, LiveState
from cardrisk.features.live.ticket import NOTHING, WAITING, Ticket, matched, same
from cardrisk.features.live.values import Row, known_at, micros, plain, too_far
from cardrisk.features.plan import plan_of
from cardrisk.features.stores.base import AGAIN, ANSWER, CARD, Entry, Store, new
from cardrisk.features.stores.memory import MemoryStore

AHEAD: Final = DAY
"""How far ahead of the machine's clock an event may lie, in microseconds, unless said otherwise."""


class LiveHistory(Following):
    """What is known now, one event at a time; safe to share between threads.

    Parameters
    ----------
    features
        What will be asked; history keeps exactly what these need.
    store
        ``memory://``, ``sqlite:///path``, ``redis://...`` or a :class:`~cardrisk.features.stores.base.Store`.
    ahead
        Microseconds that an event's moment may lie ahead of this machine's clock when it is handed over. One event
        of a runaway clock would move the live clock for good, as it never goes back. None: any moment, for
        simulations and replays of other times. Tables (:func:`~cardrisk.features.backfill`) are not looked at.
    """

    def __init__(
        self, features: FeatureSet = FEATURES, store: str | Store = "memory://", *, ahead: int | None = AHEAD
    ) -> None:
        super().__init__(features, store)
        self.ahead = ahead
        self._waiting: list[Ticket] = []
        self._handed = plan_of(features).handed
        self._names = [feature.name for feature in self.layout.features]
        self._add = self.store.add if isinstance(self.store, MemoryStore) else self._append

    def observe(self, card: Row, at: object = None) -> int:
        """Let a submission become history.

        Parameters
        ----------
        card
            Columns of the submission as the intake boundary hands them on.
        at
            Moment of handing over; the card's own moment unless given.

        Returns
        -------
        int
            The moment from which the card counts, in microseconds. A ``submission_id`` that was handed over before
            changes nothing: then it is the moment from which that first one counts, as long as it is known (90 days).

        Raises
        ------
        InputError
            A value cannot be read; nothing was stored.
        FutureEventError
            The moment lies further ahead of this machine's clock than ``ahead``; nothing was stored.
        StoreError
            It could not be stored.
        """
        moment, ready = self._card(card, at)
        return self._let_in({**card}, moment, ready, reads=False)[1]

    def _card(self, card: Row, at: object) -> tuple[int, Card]:
        moment = known_at(card) if at is None else micros(at)
        if moment == NULL:
            raise MissingColumnError("expected 'submitted_at' or a moment to observe a card at, got neither")
        if self.ahead is not None and moment > time.time_ns() // 1_000 + self.ahead:
            raise too_far(moment, self.ahead)
        return moment, self.reader.card(card)

    def too_early(self, moment: int) -> bool:
        """Whether an event of a moment (microseconds) lies further ahead of this machine's clock than is allowed."""
        return self.ahead is not None and moment > time.time_ns() // 1_000 + self.ahead

    def answer(self, outcome: Row, at: object = None) -> int:
        """Let an answer become known; returns the latest moment known, the one from which it counts.

        It counts from ``answered_at``, ``received_at`` or ``at``, whichever is latest. The answer that stands, handed
        over again (same ``answered_at`` and status), changes nothing. One that comes before its card waits for it, for
        90 days. Raises as :meth:`observe` does.
        """
        answer = self.reader.answer(outcome)
        moment = answer[1]
        received = outcome.get("received_at")
        if received is not None:
            moment = max(moment, micros(received))
        if at is not None:
            moment = max(moment, micros(at))
        if moment == NULL:
            raise MissingColumnError("expected 'answered_at' or a moment at which the answer came, got neither")
        if self.ahead is not None and moment > time.time_ns() // 1_000 + self.ahead:
            raise too_far(moment, self.ahead)
        if self._waiting or not self._lock.acquire(False):
            self._submit(Ticket.of_answer(new(Entry, (moment, ANSWER, outcome, 0)), answer))
            return self.now
        try:
            if not self._stands(answer):
                stored = self._add(moment, ANSWER, {**outcome}, self.seen)
                if isinstance(stored, int):
                    self.seen += 1
                    self._take_answer(stored, answer)
                else:
                    self._take_in([Ticket.of_answer(new(Entry, (moment, ANSWER, outcome, 0)), answer)], stored)
            return self.now
        finally:
            self._lock.release()

    def row(self, card: Row, at: object = None, together: Sequence[Row] = ()) -> F64:
        """Return the number features in declared order as float64, shape (features,); nothing is written.

        Parameters
        ----------
        card
            The card asked about.
        at
            Moment to read at; the card's own unless given, and never before what is known already.
        together
            All cards handed in with it, itself included; it alone unless given.
        """
        asked = self.reader.card(card)
        with self._lock:
            t = max(known_at(card) if at is None else micros(at), self.now)
            return self.state.read(asked, t, self._over([self.reader.card(each) for each in together]))

    def _over(self, cards: Sequence[Card]) -> Any:
        return together(cards, self.layout.handed.facts) if len(cards) > 1 else ALONE

    def take(self, card: Row, at: object = None) -> tuple[F64, int]:
        """Read a card and let it become history, in one step that no other writer can come between.

        Returns
        -------
        row, moment
            As :meth:`row` and :meth:`observe` give them; the row is what batch over the store's tables gives,
            whatever other processes write at the same time. Where the ``submission_id`` was handed over before, the
            row is as of now; :meth:`moment_of` tells another moment then.
        """
        moment, ready = self._card(card, at)
        return self._let_in({**card}, moment, ready, reads=True)

    def take_together(self, cards: Sequence[Row], at: object) -> list[tuple[F64, int]]:
        """Read cards of one moment and let all of them become history, in one step no other writer can come between.

        Parameters
        ----------
        cards
            Those of one ``batch_id`` were handed in together; one without is alone.
        at
            Their moment; where later events are known already, the latest of those counts.

        Returns
        -------
        list of (row, moment)
            As :meth:`take` gives them, in order.

        Raises
        ------
        StoreError
            They could not be stored; then none of them is history.
        """
        return self._submit(self._asking(cards, at)).found if cards else []

    def _asking(self, cards: Sequence[Row], at: object) -> Ticket:
        """Make the ticket of cards of one moment, each with the facts of those handed in with it."""
        found = [(card, *self._card(card, at)) for card in cards]
        ticket = Ticket.of_cards([(new(Entry, (t, CARD, card, 0)), ready) for card, t, ready in found], reads=True)
        ticket.over = self._facts_of(cards, ticket.cards)
        return ticket

    def _facts_of(self, cards: Sequence[Row], ready: Sequence[Card]) -> Sequence[Any]:
        """Return for each card the facts of those handed in with it."""
        if len(cards) == 1:
            return (ALONE,)
        names = [plain(card.get("batch_id")) for card in cards]
        facts = {
            name: self._over([card for other, card in zip(names, ready, strict=True) if other == name])
            for name in dict.fromkeys(names)
            if name is not None
        }
        return [facts.get(name, ALONE) for name in names]

    def _let_in(self, card: Row, moment: int, ready: Card, reads: bool) -> tuple[F64, int]:
        """Store a card that is ours, and take it in: at once, without a ticket, where nobody else writes just now."""
        if self._waiting or not self._lock.acquire(False):
            entry = new(Entry, (moment, CARD, card, 0))
            return self._submit(Ticket.of_cards([(entry, ready)], reads)).found[0]
        try:
            stored = self._add(moment, CARD, card, self.seen)
            if isinstance(stored, int):
                self.seen += 1
                found = self._take_card(stored, ready, reads)
                if found is not None:
                    return found
                stored = ()
            ticket = Ticket.of_cards([(new(Entry, (moment, CARD, card, 0)), ready)], reads)
            self._take_in([ticket], stored)
            return ticket.found[0]
        finally:
            self._lock.release()

    def _append(self, moment: int, kind: str, row: Row, seen: int) -> int | Sequence[Entry]:
        """Do with any store what a :class:`~cardrisk.features.stores.memory.MemoryStore` does itself."""
        entry = new(Entry, (moment, kind, row, 0))
        stored = self.store.append(entry, seen)
        alone = len(stored) == 1 and stored[0].number == seen + 1 and same(entry, stored[0])
        return stored[0].moment if alone else stored

    def _submit(self, ticket: Ticket) -> Ticket:
        """Have a ticket written by whoever holds the lock next, with all others that wait."""
        self._waiting.append(ticket)
        with self._lock:
            if not ticket.done:
                tickets, self._waiting = self._waiting, []
                self._write(tickets)
        if ticket.error is not None:
            raise ticket.error
        return ticket

    def _write(self, tickets: list[Ticket]) -> None:
        """Store what tickets bring in one step, take it in, and read for those that ask."""
        for ticket in tickets:
            ticket.done = True
        try:
            new = [ticket for ticket in tickets if ticket.answer is None or not self._stands(ticket.answer)]
            entries = [entry for ticket in new for entry in ticket.entries]
            if entries:
                self._take_in(new, self.store.write(entries, self.seen))
        except InputError as reason:
            if len(tickets) > 1:  # one of them cannot be stored; it must not keep the others from it
                for ticket in tickets:
                    self._write([ticket])
            else:
                tickets[0].error = reason
        except BaseException as reason:  # whatever it was, nobody may take silence for an acknowledgement
            for ticket in tickets:
                ticket.error = reason

    def _take_in(self, tickets: Sequence[Ticket], stored: Sequence[Entry]) -> None:
        """Take in what was stored after the last event known here, and read for the tickets that ask."""
        if any(entry.kind == AGAIN for entry in stored):  # what was stored changed: begin anew, up to the same place
            last = stored[-1].number
            self.state, self.orphans, self.now, self.seen = LiveState(self.layout), Orphans(), NULL, 0
            stored = [entry for entry in self.store.since(0) if entry.number <= last]
        own = matched(tickets, stored)
        foreign = len(stored) if not own else min(own)
        for first in range(0, foreign, CHUNK):
            self._apply_all(stored[first : min(first + CHUNK, foreign)])
        for i in range(foreign, len(stored)):
            ticket, place = own.get(i, (None, 0))
            self.seen = stored[i].number
            if ticket is None:
                self.follow(stored[i])
            elif ticket.answer is not None:
                self._take_answer(stored[i].moment, ticket.answer)
            else:
                over = ticket.over[place] if ticket.over else ALONE
                found = self._take_card(stored[i].moment, ticket.cards[place], ticket.reads, over)
                ticket.found[place] = found or WAITING
        for ticket in tickets:
            self._complete(ticket)

    def _complete(self, ticket: Ticket) -> None:
        """Answer for cards that had been handed over before."""
        for place, (card, found) in enumerate(zip(ticket.cards, ticket.found, strict=True)):
            if found is not WAITING:
                continue
            t = max(self.now, ticket.entries[place].moment)
            if ticket.reads:
                ticket.found[place] = self.state.read(card, t, ticket.over[place] if ticket.over else ALONE), t
            else:
                first = self.moment_of(card[0])
                ticket.found[place] = NOTHING, self.now if first is None else first

    def features(self, card: Row, at: object = None, together: Sequence[Row] = ()) -> dict[str, Any]:
        """Return every feature by name in declared order: floats (NaN: null) and texts (None: null)."""
        found: dict[str, Any] = dict(zip(self._names, self.row(card, at, together).tolist(), strict=True))
        for feature in self._handed:
            value = plain(card.get(feature.of or feature.name))
            if feature.dtype != "str":
                value = float("nan") if value is None else float(np.float32(value))
            found[feature.name] = value
        return {name: found[name] for name in self.features_set.names}
