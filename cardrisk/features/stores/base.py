"""A store is a journal: events in one order, which every process reads alike.

Correct when an event acknowledged by ``write`` is returned by every later ``since`` exactly once, in one order for
all readers, with moments that never fall. Running sums are not stored: each process builds them from the journal,
so that writers on many hosts need one atomic append and never a lock.

What is forgotten or taken to another key is changed in the journal itself, in one atomic step that leaves a mark at
its end; a process that meets the mark while it reads on builds its sums anew from the first entry. What is trimmed
leaves at the front, step by step, and no mark.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from cardrisk.errors import StoreError

CARD: Final = "card"
ANSWER: Final = "answer"
AGAIN: Final = "again"
"""Kind of a mark that a store leaves where it changed what it had stored: whoever read on from before builds anew."""


new: Final = tuple.__new__
"""``new(Entry, (moment, kind, row, number))`` is ``Entry(...)`` in half the time, for what is done at every event."""


class Entry(NamedTuple):
    """One event.

    Attributes
    ----------
    moment
        When it became known, in microseconds; ``append`` raises it to the latest moment already stored.
    kind
        ``card`` or ``answer``; ``again`` for a mark of the store's own (see :data:`AGAIN`).
    row
        Its columns as the intake boundary hands them on: tokens, never codes.
    number
        Its place in the journal, from 1 on; 0 before it is stored.
    """

    moment: int
    kind: str
    row: Mapping[str, Any]
    number: int = 0

    @staticmethod
    def card(moment: int, row: Mapping[str, Any]) -> Entry:
        """Make the entry of a submission."""
        return Entry(moment, CARD, row)

    @staticmethod
    def answer(moment: int, row: Mapping[str, Any]) -> Entry:
        """Make the entry of an answer."""
        return Entry(moment, ANSWER, row)


Decided: TypeAlias = tuple[int, bytes, bytes, bytes]
"""A card about which something was decided, as it is stored: its moment, its name, its row, and the record of that."""


class Store(Protocol):
    """What every store does."""

    def write(self, entries: Sequence[Entry], seen: int) -> Sequence[Entry]:
        """Store events durably, all or none, and return every entry after ``seen``, the new ones last.

        Each moment is raised to the latest one stored, in the same atomic step that gives the numbers, which follow
        each other. A card whose ``submission_id`` is stored already is not stored again; the entries after
        ``seen`` are returned all the same.

        Raises
        ------
        StoreError
            If the events could not be stored; then none of them is in the journal.
        InputError
            If an event holds what cannot be stored; then none of them is in the journal.
        """
        ...

    def append(self, entry: Entry, seen: int) -> Sequence[Entry]:
        """Store one event: as :meth:`write`."""
        ...

    def extend(self, entries: Sequence[Entry]) -> None:
        """Store many events in their order, as ``write`` would, at batch speed; not in one step."""
        ...

    def since(self, seen: int) -> Iterator[Entry]:
        """Return entries numbered above ``seen``, in order."""
        ...

    def trim(self, before: int) -> int:
        """Forget every entry of a moment before ``before`` (microseconds); returns how many.

        Windows need the last 90 days. What lasts a lifetime (counts, first seen) begins with what is left for whoever
        opens the store afterwards, as in batch over the exported tables; a process that is running goes on with what
        it has counted. Trim no further back than the longest lifetime that matters.
        """
        ...

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column``, and its answers; returns how many entries went."""
        ...

    def rekey(self, translation: Mapping[str, str]) -> int:
        """Take tokens to the next key: see :func:`cardrisk.features.stores.rekeying.rekeyed`; returns how many changed.

        Every reader sees all of them changed or none.
        """
        ...

    def close(self) -> None:
        """Release files and connections; closing twice is harmless."""
        ...


def open_store(url: str) -> Store:
    """Open the store that a URL names.

    Parameters
    ----------
    url
        ``memory://``, ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``redis://host:port/number``.

    Raises
    ------
    StoreError
        If the scheme is unknown, no file is named, or the store cannot be opened.
    """
    scheme = url.split(":", 1)[0]
    if scheme == "memory":
        if url != "memory://":
            raise StoreError("expected memory:// and nothing behind it, for such a store has no name; got more")
        from cardrisk.features.stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from cardrisk.features.stores.sqlite import SqliteStore

        path = url.removeprefix("sqlite:///")
        if path == url or not path.partition("?")[0]:
            raise StoreError(
                "expected sqlite:///relative.db or sqlite:////absolute.db, got a URL that names no file behind three "
                "slashes"
            )
        return SqliteStore(path)
    if scheme in ("redis", "rediss"):
        from cardrisk.features.stores.redis import RedisStore

        return RedisStore(url)
    raise StoreError(f"expected memory://, sqlite:///... or redis://..., got a URL that begins {scheme!r}")
