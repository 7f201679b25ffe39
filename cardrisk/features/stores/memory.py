"""The journal in this process alone: fast, and gone with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from threading import Lock
from typing import Any, TypeAlias

from cardrisk.features.arrays import HORIZON, NULL
from cardrisk.features.stores.base import AGAIN, ANSWER, CARD, Entry, new
from cardrisk.features.stores.rekeying import rekeyed, said_by

_Kept: TypeAlias = tuple[int, str, Mapping[str, Any], int]
"""Moment, kind, row and number of an :class:`Entry`."""


def _kept(entry: Entry) -> _Kept:
    moment, kind, row, number = entry
    return moment, kind, row, number


class MemoryStore:
    """Entries of the last 90 days, in order; rows are copies of those handed over.

    They are kept as plain tuples, which the garbage collector leaves alone once it has seen what they hold.
    """

    def __init__(self) -> None:
        self.entries: deque[_Kept] = deque()
        self.count = 0
        self.moment = NULL
        self.names: set[Any] = set()
        self._lock = Lock()

    def write(self, entries: Sequence[Entry], seen: int) -> Sequence[Entry]:
        """Store events; see :class:`~cardrisk.features.stores.base.Store`."""
        with self._lock:
            before = self.count
            stored = [new(Entry, made) for entry in entries if (made := self._store(entry)) is not None]
            self._trim(self.moment - HORIZON)
            return stored if seen == before else tuple(self._since(seen))

    def append(self, entry: Entry, seen: int) -> Sequence[Entry]:
        """Store one event: as :meth:`write`."""
        with self._lock:
            before, made = self.count, self._store(entry)
            if self.entries and self.entries[0][0] < self.moment - HORIZON:
                self._trim(self.moment - HORIZON)
            if seen != before:
                return self._since(seen)
            return () if made is None else (new(Entry, made),)

    def _store(self, entry: Entry) -> _Kept | None:
        moment, kind, row, _ = entry
        if kind == CARD:
            name = row.get("submission_id")
            if name is not None and name == name:  # unknown where it is NaN
                if name in self.names:
                    return None
                self.names.add(name)
        if moment > self.moment:
            self.moment = moment
        self.count += 1
        made = self.moment, kind, dict(row), self.count
        self.entries.append(made)
        return made

    def extend(self, entries: Sequence[Entry]) -> None:
        """Store many events in their order."""
        with self._lock:
            for entry in entries:
                self._store(entry)

    def since(self, seen: int) -> Iterator[Entry]:
        """Return entries numbered above ``seen``, in order."""
        with self._lock:
            return iter(self._since(seen))

    def _since(self, seen: int) -> list[Entry]:
        found = list(takewhile(lambda kept: kept[3] > seen, reversed(self.entries)))
        found.reverse()
        return list(map(Entry._make, found))

    def trim(self, before: int) -> int:
        """Forget every entry of a moment before ``before``; returns how many."""
        with self._lock:
            return self._trim(before)

    def _trim(self, before: int) -> int:
        gone = 0
        while self.entries and self.entries[0][0] < before:
            _, kind, row, _ = self.entries.popleft()
            if kind == CARD:
                self.names.discard(row.get("submission_id"))
            gone += kind != AGAIN
        return gone

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column``, and its answers; returns how many entries went."""
        with self._lock:
            cards = [row for _, kind, row, _ in self.entries if kind == CARD and row.get(column) == value]
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
        with self._lock:
            words = dict(translation)
            for _, _, row, _ in self.entries:
                words |= said_by(row)

            def taken(entry: Entry) -> Entry:
                row = rekeyed(entry.row, words)
                return entry if row is None else entry._replace(row=row)

            return self._replace(taken)

    def _replace(self, change: Callable[[Entry], Entry | None]) -> int:
        """Put every entry through a change, and leave a mark if any changed; returns how many did."""
        found = [(entry, change(entry)) for entry in map(Entry._make, self.entries)]
        changed = sum(made is not old for old, made in found)
        if changed:
            self.count += 1
            mark = Entry(self.moment, AGAIN, {}, self.count)
            self.entries = deque(_kept(made) for _, made in found if made is not None)
            self.entries.append(_kept(mark))
        return changed

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
