"""Live history: observe, answer, read. A read changes nothing and equals the batch over the same events.

The clock never turns back: an event handed over after its moment has passed counts from the handing over, and a
card is read at its own moment or now, whichever is later. Threads that write at the same time share one commit of
the store: whoever is first writes for everybody who waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import RLock
from types import TracebackType
from typing import Any, Final

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import InputError, MissingColumnError
from cardrisk.features.arrays import DAY, F64, NULL
from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import FeatureSet
from cardrisk.features.live.bulk import CHUNK, take_in
from cardrisk.features.live.context import together
from cardrisk.features.live.handing import Answer, Card, Reader
from cardrisk.features.live.layout import layout_of
from cardrisk.features.live.orphans import Orphans
from cardrisk.features.live.state import ALONE, LiveState
from cardrisk.features.live.ticket import NOTHING, WAITING, Ticket, matched, same
from cardrisk.features.live.values import Row, known_at, micros, plain, too_far
from cardrisk.features.plan import plan_of
from cardrisk.features.stores.base import AGAIN, ANSWER, CARD, Entry, Store, new, open_store

AHEAD: Final = DAY
"""How far ahead of the machine's clock an event may lie, in microseconds, unless said otherwise."""


class LiveHistory:
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
        self.features_set = features
        self.layout = layout_of(features)
        self.store = open_store(store) if isinstance(store, str) else store
        self.ahead = ahead
        self.reader = Reader(self.layout.handed)
        self._lock = RLock()
        self._waiting: list[Ticket] = []
        self._handed = plan_of(features).handed
        self._names = [feature.name for feature in self.layout.features]
        self._begin()

    def _begin(self) -> None:
        """Build everything from the journal."""
        self.state, self.orphans = LiveState(self.layout), Orphans()
        self.now, self.seen = NULL, 0
        entries = self.store.since(0)
        while chunk := list(islice(entries, CHUNK)):
            self._apply_all(chunk)

    def refresh(self) -> None:
        """Take in what other processes wrote to the same store."""
        with self._lock:
            entries = self.store.since(self.seen)
            while chunk := list(islice(entries, CHUNK)):
                if self.seen and any(entry.kind == AGAIN for entry in chunk):
                    self._begin()
                    return
                self._apply_all(chunk)

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
        entry, ready = self._card(card, at)
        found = self._at_once(entry, ready, reads=False)
        return (found or self._submit(Ticket.of_cards([(entry, ready)], reads=False)).found[0])[1]

    def _card(self, card: Row, at: object) -> tuple[Entry, Card]:
        moment = known_at(card) if at is None else micros(at)
        if moment == NULL:
            raise MissingColumnError("expected 'submitted_at' or a moment to observe a card at, got neither")
        if self.too_early(moment):
            raise too_far(moment, self.ahead)
        return new(Entry, (moment, CARD, card, 0)), self.reader.card(card)

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
        moment = answer.said
        for other in (outcome.get("received_at"), at):
            if other is not None and (told := micros(other)) > moment:
                moment = told
        if moment == NULL:
            raise MissingColumnError("expected 'answered_at' or a moment at which the answer came, got neither")
        if self.too_early(moment):
            raise too_far(moment, self.ahead)
        entry = new(Entry, (moment, ANSWER, outcome, 0))
        if not self._answer_at_once(entry, answer):
            self._submit(Ticket.of_answer(entry, answer))
        return self.now

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
        entry, ready = self._card(card, at)
        found = self._at_once(entry, ready, reads=True)
        return found or self._submit(Ticket.of_cards([(entry, ready)], reads=True)).found[0]

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
        ticket = Ticket.of_cards([self._card(card, at) for card in cards], reads=True)
        names = [plain(card.get("batch_id")) for card in cards]
        facts = {
            name: self._over([card for other, card in zip(names, ticket.cards, strict=True) if other == name])
            for name in dict.fromkeys(names)
            if name is not None
        }
        ticket.over = [facts.get(name, ALONE) for name in names]
        return ticket

    def _at_once(self, entry: Entry, card: Card, reads: bool) -> tuple[F64, int] | None:
        """Write a card and take it in, without a ticket; None where somebody else writes or waits just now."""
        if self._waiting or not self._lock.acquire(blocking=False):
            return None
        try:
            stored = self.store.append(entry, self.seen)
            if len(stored) == 1 and same(entry, stored[0]):
                found = self._take_card(stored[0], card, reads)
                if found is not None:
                    return found
                stored = ()
            ticket = Ticket.of_cards([(entry, card)], reads)
            self._take_in([ticket], stored)
            return ticket.found[0]
        finally:
            self._lock.release()

    def _answer_at_once(self, entry: Entry, answer: Answer) -> bool:
        """Do the same with an answer; returns whether it was done."""
        if self._waiting or not self._lock.acquire(blocking=False):
            return False
        try:
            if not self._stands(answer):
                stored = self.store.append(entry, self.seen)
                if len(stored) == 1 and same(entry, stored[0]):
                    self._take_answer(stored[0], answer)
                else:
                    self._take_in([Ticket.of_answer(entry, answer)], stored)
            return True
        finally:
            self._lock.release()

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

    def _stands(self, answer: Answer) -> bool:
        """Whether an answer is the one that stands already."""
        number = self.state.by_id.get(answer.name)
        return number is not None and self.state.stands(number) == (answer.grade, answer.said)

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
            if ticket is None:
                self.follow(stored[i])
            elif ticket.answer is not None:
                self._take_answer(stored[i], ticket.answer)
            else:
                over = ticket.over[place] if ticket.over else ALONE
                found = self._take_card(stored[i], ticket.cards[place], ticket.reads, over)
                ticket.found[place] = found or WAITING
        for ticket in tickets:
            self._complete(ticket)

    def _take_card(self, entry: Entry, card: Card, reads: bool, over: Any = ALONE) -> tuple[F64, int] | None:
        """Take in a stored card, read just before where asked; None where it is history already."""
        moment, _, _, self.seen = entry
        if moment > self.now:
            self.now = moment
        t, state, name = self.now, self.state, card.name
        if name is not None and state.knows(name, t):
            return None
        row = state.take(card, t, over) if reads else state.push(card, t)
        if self.orphans.waiting:
            self._adopt(name)
        return row, t

    def _take_answer(self, entry: Entry, answer: Answer) -> None:
        """Take in a stored answer."""
        moment, _, _, self.seen = entry
        if moment > self.now:
            self.now = moment
        self._answered(answer, moment)

    def _complete(self, ticket: Ticket) -> None:
        """Answer for cards that had been handed over before."""
        for place, (card, found) in enumerate(zip(ticket.cards, ticket.found, strict=True)):
            if found is not WAITING:
                continue
            t = max(self.now, ticket.entries[place].moment)
            if ticket.reads:
                ticket.found[place] = self.state.read(card, t, ticket.over[place] if ticket.over else ALONE), t
            else:
                first = self.moment_of(card.name)
                ticket.found[place] = NOTHING, self.now if first is None else first

    def _apply_all(self, entries: Sequence[Entry]) -> None:
        """Take stored events in; the same events in the same order give the same state everywhere."""
        if len(entries) == 1:
            self.follow(entries[0])
        elif entries:
            take_in(self.state, self.orphans, self.reader, [entry for entry in entries if entry.kind != AGAIN])
            self.now, self.seen = max(self.now, entries[-1].moment), entries[-1].number

    def follow(self, entry: Entry) -> None:
        """Take in an event of a journal, in its order; nothing is stored."""
        with self._lock:
            self.now, self.seen = max(self.now, entry.moment), entry.number
            if entry.kind == CARD:
                card = self.reader.stored_card(entry.row)
                if card.name is None or not self.state.knows(card.name, self.now):
                    self.state.push(card, self.now)
                    self._adopt(card.name)
            elif entry.kind != AGAIN:
                self._answered(self.reader.stored_answer(entry.row), entry.moment)

    def _answered(self, answer: Answer, handed: int) -> None:
        name, state = answer.name, self.state
        if name is None:
            return
        if state.knows(name, handed):
            state.answer(state.by_id[name], answer, handed)
        else:
            self.orphans.add(handed, answer)

    def _adopt(self, name: Any) -> None:
        """Let a card that has come have the answers that waited for it."""
        for handed, answer in self.orphans.take(name):
            self.state.answer(self.state.by_id[name], answer, handed)

    def knows(self, submission_id: str) -> bool:
        """Whether a card of this ``submission_id`` is history."""
        return submission_id in self.state.by_id

    def moment_of(self, submission_id: str) -> int | None:
        """Return the moment from which a card counts, in microseconds; None where it is not history."""
        with self._lock:
            number = self.state.by_id.get(submission_id)
            return None if number is None else self.state.time_of(number)

    def features(self, card: Row, at: object = None, together: Sequence[Row] = ()) -> dict[str, Any]:
        """Return every feature by name in declared order: floats (NaN: null) and texts (None: null)."""
        found: dict[str, Any] = dict(zip(self._names, self.row(card, at, together).tolist(), strict=True))
        for feature in self._handed:
            value = plain(card.get(feature.of or feature.name))
            if feature.dtype != "str":
                value = float("nan") if value is None else float(np.float32(value))
            found[feature.name] = value
        return {name: found[name] for name in self.features_set.names}

    def extend(self, entries: Iterable[Entry]) -> None:
        """Store many events and take them in, at batch speed; they must come in the order of their moments."""
        left: Iterator[Entry] = iter(entries)
        while chunk := list(islice(left, CHUNK)):
            with self._lock:
                self.store.extend(chunk)
                self.refresh()

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column`` and its answers; history is built anew without them.

        Other processes on the same store build theirs anew at their next write or :meth:`refresh`.

        Returns
        -------
        int
            How many events were removed.
        """
        with self._lock:
            gone = self.store.forget(column, value)
            self._begin()
            return gone

    def rekey(self, translation: Mapping[str, str]) -> int:
        """Take history to the next token key; see :mod:`cardrisk.codes.rotation`.

        Parameters
        ----------
        translation
            Tokens under the current key to tokens under the next, as :func:`cardrisk.codes.translation` gives them;
            what the journal's own ``..._next`` columns say is added.

        Returns
        -------
        int
            How many events changed. Other processes follow at their next write or :meth:`refresh`.
        """
        with self._lock:
            changed = self.store.rekey(translation)
            self._begin()
            return changed

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return everything the store holds as (submissions, outcomes): batch over them gives the same bits."""
        from cardrisk.features.stores.tables import export

        return export(self.store)

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def __enter__(self) -> LiveHistory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
