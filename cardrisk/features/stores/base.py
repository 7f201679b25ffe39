"""A store is a journal: events in one order, which every process reads alike.

Correct when an event acknowledged by ``append`` is returned by every later ``since`` exactly once, in one order for
all readers, with moments that never fall. Running sums are not stored: each process builds them from the journal,
so that writers on many hosts need one atomic append and never a lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cardrisk.errors import StoreError

CARD: Final = "card"
ANSWER: Final = "answer"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event.

    Attributes
    ----------
    moment
        When it became known, in microseconds; ``append`` raises it to the latest moment already stored.
    kind
        ``card`` or ``answer``.
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


class Store(Protocol):
    """What every store does."""

    def append(self, entry: Entry, seen: int) -> Sequence[Entry]:
        """Store one event durably and return every entry after ``seen``, the new one last.

        The moment is raised to the latest one stored, in the same atomic step that gives the number. A card
        whose ``submission_id`` is stored already is not stored again; the entries after ``seen`` are returned
        all the same.

        Raises
        ------
        StoreError
            If the event could not be stored; then it is not in the journal.
        """
        ...

    def extend(self, entries: Sequence[Entry]) -> None:
        """Store many events in their order, as ``append`` would, at batch speed."""
        ...

    def since(self, seen: int) -> Iterator[Entry]:
        """Return entries numbered above ``seen``, in order."""
        ...

    def trim(self, before: int) -> int:
        """Forget every entry of a moment before ``before`` (microseconds); returns how many."""
        ...

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column``, and its answers; returns how many entries went."""
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
        If the scheme is unknown or the store cannot be opened.
    """
    scheme = url.split(":", 1)[0]
    if scheme == "memory":
        from cardrisk.features.stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from cardrisk.features.stores.sqlite import SqliteStore

        return SqliteStore(url.removeprefix("sqlite:///"))
    if scheme in ("redis", "rediss"):
        from cardrisk.features.stores.redis import RedisStore

        return RedisStore(url)
    raise StoreError(f"expected memory://, sqlite:///... or redis://..., got a URL that begins {scheme!r}")
