"""The journal in this process alone: fast, and gone with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from cardrisk.features.arrays import HORIZON, NULL
from cardrisk.features.stores.base import ANSWER, CARD, Entry


class MemoryStore:
    """Entries of the last 90 days, in order."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.count = 0
        self.moment = NULL
        self.names: set[Any] = set()

    def append(self, entry: Entry, seen: int) -> Sequence[Entry]:
        """Store one event; see :class:`~cardrisk.features.stores.base.Store`."""
        self._store(entry)
        self.trim(self.moment - HORIZON)
        last = self.entries[-1]
        return (last,) if last.number == seen + 1 else tuple(self.since(seen))

    def _store(self, entry: Entry) -> None:
        name = entry.row.get("submission_id")
        if entry.kind == CARD and name is not None:
            if name in self.names:
                return
            self.names.add(name)
        self.moment = max(self.moment, entry.moment)
        self.count += 1
        self.entries.append(Entry(self.moment, entry.kind, entry.row, self.count))

    def extend(self, entries: Sequence[Entry]) -> None:
        """Store many events in their order."""
        for entry in entries:
            self._store(entry)

    def since(self, seen: int) -> Iterator[Entry]:
        """Return entries numbered above ``seen``, in order."""
        newer = takewhile(lambda entry: entry.number > seen, reversed(self.entries))
        return reversed(tuple(newer))

    def trim(self, before: int) -> int:
        """Forget every entry of a moment before ``before``; returns how many."""
        gone = 0
        while self.entries and self.entries[0].moment < before:
            entry = self.entries.popleft()
            if entry.kind == CARD:
                self.names.discard(entry.row.get("submission_id"))
            gone += 1
        return gone

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column``, and its answers; returns how many entries went."""
        names = {e.row.get("submission_id") for e in self.entries if e.kind == CARD and e.row.get(column) == value}

        def of_them(entry: Entry) -> bool:
            if entry.kind == ANSWER:
                return entry.row.get("submission_id") in names
            return entry.row.get(column) == value

        kept = [entry for entry in self.entries if not of_them(entry)]
        gone = len(self.entries) - len(kept)
        self.entries = deque(kept)
        self.names -= names
        return gone

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
