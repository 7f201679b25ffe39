"""Follow a journal: events taken in, in their order, and nothing else; whoever writes stands above.

Correct when the same events in the same order leave the same state everywhere, one by one or many at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import RLock
from types import TracebackType
from typing import Any, Self

from cardrisk._later import pd
from cardrisk.features.arrays import F64, HORIZON, NULL
from cardrisk.features.declare import FeatureSet
from cardrisk.features.live.bulk import CHUNK, take_in
from cardrisk.features.live.handing import Answer, Card, Reader
from cardrisk.features.live.layout import layout_of
from cardrisk.features.live.orphans import Orphans
from cardrisk.features.live.state import ALONE, LiveState
from cardrisk.features.stores.base import AGAIN, CARD, Entry, Store, open_store
from cardrisk.features.stores.memory import MemoryStore


class Following:
    """History as a store's journal tells it; safe to share between threads.

    Parameters
    ----------
    features, store
        As :class:`~cardrisk.features.live.history.LiveHistory` takes them.
    """

    def __init__(self, features: FeatureSet, store: str | Store) -> None:
        self.features_set = features
        self.layout = layout_of(features)
        self.store = open_store(store) if isinstance(store, str) else store
        self.reader = Reader(self.layout.handed)
        self._lock = self.store.lock if isinstance(self.store, MemoryStore) else RLock()
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

    def follow(self, entry: Entry) -> None:
        """Take in an event of a journal, in its order; nothing is stored."""
        with self._lock:
            self.now, self.seen = max(self.now, entry.moment), entry.number
            if entry.kind == CARD:
                card = self.reader.stored_card(entry.row)
                name = card[0]
                if name is None or not self.state.knows(name, self.now):
                    self.state.take(card, self.now, reads=False)
                    self._adopt(name)
            elif entry.kind != AGAIN:
                self._take_answer(entry.moment, self.reader.stored_answer(entry.row))

    def _apply_all(self, entries: Sequence[Entry]) -> None:
        """Take stored events in; the same events in the same order give the same state everywhere."""
        if len(entries) == 1:
            self.follow(entries[0])
        elif entries:
            take_in(self.state, self.orphans, self.reader, [entry for entry in entries if entry.kind != AGAIN])
            self.now, self.seen = max(self.now, entries[-1].moment), entries[-1].number

    def _take_card(self, moment: int, card: Card, reads: bool, over: Any = ALONE) -> tuple[F64, int] | None:
        """Take in a card that is stored, read just before where asked; None where it is history already."""
        if moment > self.now:
            self.now = moment
        else:
            moment = self.now
        state, name = self.state, card[0]
        if name is not None and name in state.by_id and state.knows(name, moment):
            return None
        row = state.take(card, moment, over, reads)
        if self.orphans.waiting:
            self._adopt(name)
        return row, moment

    def _take_answer(self, moment: int, answer: Answer) -> None:
        """Take in an answer that is stored."""
        if moment > self.now:
            self.now = moment
        name, state = answer[0], self.state
        if name is None:
            return
        number = state.by_id.get(name)
        if number is not None and state.time_of(number) >= moment - HORIZON:
            state.answer(number, answer, moment)
        else:
            self.orphans.add(moment, answer)

    def _adopt(self, name: Any) -> None:
        """Let a card that has come have the answers that waited for it."""
        for handed, answer in self.orphans.take(name):
            self.state.answer(self.state.by_id[name], answer, handed)

    def _stands(self, answer: Answer) -> bool:
        """Whether an answer is the one that stands already."""
        name, said, grade, _, _ = answer
        number = self.state.by_id.get(name)
        return number is not None and self.state.stands(number, grade, said)

    def knows(self, submission_id: str) -> bool:
        """Whether a card of this ``submission_id`` is history."""
        return submission_id in self.state.by_id

    def moment_of(self, submission_id: str) -> int | None:
        """Return the moment from which a card counts, in microseconds; None where it is not history."""
        with self._lock:
            number = self.state.by_id.get(submission_id)
            return None if number is None else self.state.time_of(number)

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
