"""The journal in this process alone: fast, and gone with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from threading import RLock
from typing import Any

from cardrisk.features.arrays import HORIZON, NULL
from cardrisk.features.stores.base import AGAIN, ANSWER, CARD, Entry
from cardrisk.features.stores.rekeying import rekeyed, said_by


class MemoryStore:
    """Events of the last 90 days, in order; rows are copies of those handed over.

    They stand in three columns and not in one of tuples: the garbage collector looks again and again at every tuple
    that names a row, and at no row of texts and numbers by itself. Their numbers follow each other up to ``count``.

    A history over it takes ``lock`` as its own: taking two locks at every event costs as much as storing it.
    """

    def __init__(self) -> None:
        self.moments: deque[int] = deque()
        self.kinds: deque[str] = deque()
        self.rows: deque[Mapping[str, Any]] = deque()
        self.count = 0
        self.moment = NULL
        self.names: set[Any] = set()
        self.lock = RLock()

    def write(self, entries: Sequence[Entry], seen: int) -> Sequence[Entry]:
        """Store events; see :class:`~cardrisk.features.stores.base.Store`."""
        with self.lock:
            for moment, kind, row, _ in entries:
                self._keep(moment, kind, row)
            self._trim(self.moment - HORIZON)
            return self._since(seen)

    def append(self, entry: Entry, seen: int) -> Sequence[Entry]:
        """Store one event: as :meth:`write`."""
        return self.write((entry,), seen)

    def add(self, moment: int, kind: str, row: Mapping[str, Any], seen: int) -> int | Sequence[Entry]:
        """Store one event as :meth:`append` does; whoever calls it holds ``lock``, and changes the row no more.

        Returns
        -------
        int or entries
            The moment from which it counts where it is the first after ``seen``; what ``append`` returns otherwise.
        """
        if self.count != seen:
            return self.write((Entry(moment, kind, row),), seen)
        if kind == CARD:  # from here on what `_keep` does, without a call
            name = row.get("submission_id")
            if name is not None and name == name:
                if name in self.names:
                    return ()
                self.names.add(name)
        if moment > self.moment:
            self.moment = moment
        else:
            moment = self.moment
        self.count = seen + 1
        self.moments.append(moment)
        self.kinds.append(kind)
        self.rows.append(row)
        if self.moments[0] < moment - HORIZON:
            self._trim(moment - HORIZON)
        return moment

    def _keep(self, moment: int, kind: str, row: Mapping[str, Any]) -> bool:
        """Store an event; returns False where it is a card whose name is known."""
        if kind == CARD:
            name = row.get("submission_id")
            if name is not None and name == name:  # unknown where it is NaN
                if name in self.names:
                    return False
                self.names.add(name)
        if moment > self.moment:
            self.moment = moment
        self.count += 1
        self.moments.append(self.moment)
        self.kinds.append(kind)
        self.rows.append(dict(row))
        return True

    def extend(self, entries: Sequence[Entry]) -> None:
        """Store many events in their order."""
        with self.lock:
            for moment, kind, row, _ in entries:
                self._keep(moment, kind, row)

    def since(self, seen: int) -> Iterator[Entry]:
        """Return entries numbered above ``seen``, in order."""
        with self.lock:
            return iter(self._since(seen))

    def _since(self, seen: int) -> list[Entry]:
        after = max(self.count - seen, 0)
        latest = zip(reversed(self.moments), reversed(self.kinds), reversed(self.rows), strict=True)
        found = [Entry(*event, self.count - i) for i, event in enumerate(islice(latest, after))]
        found.reverse()
        return found

    def trim(self, before: int) -> int:
        """Forget every entry of a moment before ``before``; returns how many."""
        with self.lock:
            return self._trim(before)

    def _trim(self, before: int) -> int:
        gone = 0
        while self.moments and self.moments[0] < before:
            self.moments.popleft()
            kind, row = self.kinds.popleft(), self.rows.popleft()
            if kind == CARD:
                self.names.discard(row.get("submission_id"))
            gone += kind != AGAIN
        return gone

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column``, and its answers; returns how many entries went."""
        with self.lock:
            both = zip(self.kinds, self.rows, strict=True)
            cards = [row for kind, row in both if kind == CARD and row.get(column) == value]
            names = {name for row in cards if (name := row.get("submission_id")) is not None}

            def kept(entry: Entry) -> Entry | None:
                gone = (
                    entry.row.get("submission_id") in names if entry.kind == ANSWER else entry.row.get(column) == value
                )
                return None if gone and entry.kind != AGAIN else entry

            self.names -= names
            return self._replace(kept)

    def rekey(self, translation: Mapping[str, str]) -> int:
        """Take tokens to the next key; see :class:`~cardrisk.features.stores.base.Store`."""
        with self.lock:
            words = dict(translation)
            for row in self.rows:
                words |= said_by(row)

            def taken(entry: Entry) -> Entry:
                row = rekeyed(entry.row, words)
                return entry if row is None else entry._replace(row=row)

            return self._replace(taken)

    def _replace(self, change: Callable[[Entry], Entry | None]) -> int:
        """Put every entry through a change, and leave a mark if any changed; returns how many did.

        What is left is numbered anew up to the mark: whoever reads on meets the mark and begins with the first.
        """
        found = [(entry, change(entry)) for entry in self._since(0)]
        changed = sum(made is not old for old, made in found)
        if changed:
            self.count += 1
            kept = [made for _, made in found if made is not None] + [Entry(self.moment, AGAIN, {})]
            self.moments = deque(entry.moment for entry in kept)
            self.kinds = deque(entry.kind for entry in kept)
            self.rows = deque(entry.row for entry in kept)
        return changed

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
