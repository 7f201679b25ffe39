"""Live history: observe, answer, read. A read changes nothing and equals the batch over the same events.

The clock never turns back: an event handed over after its moment has passed counts from the handing over, and a
card is read at its own moment or now, whichever is later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from threading import RLock
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd

from cardrisk.errors import MissingColumnError
from cardrisk.features.arrays import F64, HORIZON, NULL
from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import FeatureSet
from cardrisk.features.finish import finish_rows, round_single
from cardrisk.features.live.context import Rings, request_fact
from cardrisk.features.live.layout import TIME, layout_of
from cardrisk.features.live.state import LiveState, grade_of
from cardrisk.features.live.values import Row, known_at, micros, number_of, plain
from cardrisk.features.plan import plan_of
from cardrisk.features.rings import FACTS as RING_FACTS
from cardrisk.features.stores.base import CARD, Entry, Store, open_store


class LiveHistory:
    """What is known now, one event at a time.

    Parameters
    ----------
    features
        What will be asked; history keeps exactly what these need.
    store
        ``memory://``, ``sqlite:///path``, ``redis://...`` or a :class:`~cardrisk.features.stores.base.Store`.
    """

    def __init__(self, features: FeatureSet = FEATURES, store: str | Store = "memory://") -> None:
        self.features_set = features
        self.layout = layout_of(features)
        self.store = open_store(store) if isinstance(store, str) else store
        self._lock = RLock()
        self._handed = plan_of(features).handed
        self._facts: list[Callable[[Row, int], int] | str] = [
            name if name.startswith(("ring ", "request ")) or name == "flag resubmitted" else number_of(name)
            for name in self.layout.facts
        ]
        self._ringed = any(name.startswith("ring ") for name in self.layout.facts)
        self._row = np.zeros(1, np.int64)
        self._names = [feature.name for feature in self.layout.features]
        self._single = np.array([feature.dtype == "float32" for feature in self.layout.features])
        self._begin()

    def _begin(self) -> None:
        self.state = LiveState(self.layout)
        self.rings = Rings(self.state)
        self.now, self.seen = NULL, 0
        self.orphans: dict[str, list[tuple[int, Row]]] = {}
        self._raw = np.zeros((1, self.layout.raw_width), np.int64)
        self._out = np.zeros((1, len(self.layout.features)))
        self.refresh()

    def refresh(self, until: Set[str] | None = None) -> None:
        """Take in what other processes wrote to the same store; only as far as all cards of ``until``, where given."""
        missing = None if until is None else set(until)
        with self._lock:
            for entry in self.store.since(self.seen):
                self._apply(entry)
                if missing is not None and entry.kind == CARD:
                    missing.discard(plain(entry.row.get("submission_id")))
                    if not missing:
                        break

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
            The latest moment known now, in microseconds: the one from which the card counts, unless its
            ``submission_id`` was handed over before, which changes nothing.
        """
        moment = known_at(card) if at is None else micros(at)
        if moment == NULL:
            raise MissingColumnError("expected 'submitted_at' or a moment to observe a card at, got neither")
        return self._write(Entry.card(moment, card))

    def answer(self, outcome: Row, at: object = None) -> int:
        """Let an answer become known; returns the latest moment known, the one from which it counts.

        The answer that stands, handed over again (same ``answered_at`` and status), changes nothing.
        """
        said = micros(outcome.get("answered_at"))
        moment = max(said, NULL if at is None else micros(at))
        if moment == NULL:
            raise MissingColumnError("expected 'answered_at' or a moment at which the answer came, got neither")
        with self._lock:
            number = self.state.by_id.get(plain(outcome.get("submission_id")))
            stood = None if number is None else self.state.stands(number)
            if stood is not None and stood[2:] == (grade_of(outcome), said):
                return self.now
            return self._write(Entry.answer(moment, outcome))

    def _write(self, entry: Entry) -> int:
        with self._lock:
            for stored in self.store.append(entry, self.seen):
                self._apply(stored)
            return self.now

    def _apply(self, entry: Entry, slots: list[int] | None = None) -> None:
        """Take one stored event in; the same events in the same order give the same state everywhere."""
        self.now = max(self.now, entry.moment)
        self.seen = entry.number
        if entry.kind == CARD:
            self._take_card(entry.row, entry.moment, slots)
        else:
            self._take_answer(entry.row, entry.moment)

    def _take_card(self, card: Row, t: int, slots: list[int] | None) -> None:
        name = plain(card.get("submission_id"))
        if name is not None and name in self.state.by_id:
            return
        self.state.push(name, card, t, self.rings.values(card) if self._ringed else (), slots)
        for handed, answer in self.orphans.pop(name, []) if name is not None else []:
            self._take_answer(answer, handed)

    def _take_answer(self, answer: Row, handed: int) -> None:
        name = plain(answer.get("submission_id"))
        number = self.state.by_id.get(name)
        if number is None:
            if name is not None:
                self.orphans.setdefault(name, []).append((handed, answer))
            return
        known = int(self.state.cards[number & (len(self.state.cards) - 1), 0])
        moment = max(handed, known)
        if moment <= known + HORIZON:
            said = micros(answer.get("answered_at"))
            self.state.push_answer(number, answer, moment, handed, said)

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
        with self._lock:
            t = max(known_at(card) if at is None else micros(at), self.now)
            return self._read(card, self.state.slots_of(card), t, together)

    def take(self, card: Row, at: object = None) -> tuple[F64, int]:
        """Read a card and let it become history, in one step that no other writer can come between.

        Returns
        -------
        row, moment
            As :meth:`row` and :meth:`observe` give them; the row is what batch over the store's tables gives,
            whatever other processes write at the same time.
        """
        moment = known_at(card) if at is None else micros(at)
        with self._lock:
            entries = self.store.append(Entry.card(moment, card), self.seen)
            own = entries[-1] if entries and entries[-1].row is card else None
            for entry in entries[:-1] if own else entries:
                self._apply(entry)
            t = own.moment if own else max(moment, self.now)
            slots = self.state.slots_of(card)
            found = self._read(card, slots, t, ())
            if own:
                self._apply(own, slots)
            return found, t

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
        moment = micros(at)
        with self._lock:
            self.store.extend([Entry.card(moment, card) for card in cards])
            self.refresh(until={name for card in cards if (name := plain(card.get("submission_id"))) is not None})
            t = max(moment, self.now)
            batches = batches_of(cards)
            return [(self.row(card, t, batches.get(plain(card.get("batch_id")), (card,))), t) for card in cards]

    def follow(self, entry: Entry) -> None:
        """Take in an event of another store's journal, in its order; nothing is stored."""
        with self._lock:
            self._apply(entry)

    def knows(self, submission_id: str) -> bool:
        """Whether a card of this ``submission_id`` is history."""
        return submission_id in self.state.by_id

    def moment_of(self, submission_id: str) -> int | None:
        """Return the moment from which a card counts, in microseconds; None where it is not history."""
        with self._lock:
            number = self.state.by_id.get(submission_id)
            return None if number is None else int(self.state.cards[number & (len(self.state.cards) - 1), TIME])

    def _read(self, card: Row, slots: list[int], t: int, together: Sequence[Row]) -> F64:
        raw = self._raw[0]
        self.state.read(slots, t, raw)
        ring = self.rings.look(card, t) if self._ringed else []
        for i, fact in enumerate(self._facts):
            if not isinstance(fact, str):
                raw[i] = fact(card, t)
            elif fact.startswith("ring "):
                raw[i] = ring[RING_FACTS.index(fact)]
            elif fact == "flag resubmitted":
                raw[i] = self.state.resubmitted(slots, t)
            else:
                raw[i] = request_fact(fact, together or (card,), t)
        layout = self.layout
        finish_rows(self._raw, self._row, layout.ops, layout.arguments, layout.constants, self._out)
        round_single(self._out[0], self._single)
        found: F64 = self._out[0].copy()
        return found

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
        """Store many events and take them in; they must come in the order of their moments."""
        with self._lock:
            self.store.extend(list(entries))
            self.refresh()

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column`` and its answers; history is built anew without them.

        Returns
        -------
        int
            How many events were removed. Other processes on the same store forget when they start again.
        """
        with self._lock:
            gone = self.store.forget(column, value)
            self._begin()
            return gone

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


def batches_of(cards: Sequence[Row]) -> dict[Any, list[Row]]:
    """Return cards by the batch they were handed in with; those of no batch are left out."""
    batches: dict[Any, list[Row]] = {}
    for card in cards:
        batch = plain(card.get("batch_id"))
        if batch is not None:
            batches.setdefault(batch, []).append(card)
    return batches
