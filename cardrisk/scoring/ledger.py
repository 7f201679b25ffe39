"""Where records of decisions are kept: with the history, so that they last as long as it does.

Correct when the first record of a ``submission_id`` stands for good, whoever writes it, and is found by every process
that shares the store until its person is forgotten.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from cardrisk.features.arrays import HORIZON
from cardrisk.features.stores.base import Entry, Store
from cardrisk.features.stores.memory import MemoryStore
from cardrisk.features.stores.sqlite import SqliteStore
from cardrisk.scoring.ledger_sqlite import SqliteLedger
from cardrisk.scoring.record import Context, Record, name_of_context


class Ledger(Protocol):
    """What every ledger does."""

    def enter(self, context: Context) -> str:
        """Keep a context; return its name."""
        ...

    def keep(self, records: Sequence[Record]) -> list[Record]:
        """Keep records, all or none; return what stands for each ``submission_id``: its first record.

        Raises
        ------
        StoreError
            They could not be kept.
        """
        ...

    def put(self, records: Sequence[Record], seen: int) -> tuple[bool, Sequence[Entry]]:
        """Store cards in the history and keep their records, in one step, if nothing came after ``seen``.

        Parameters
        ----------
        records
            Of cards of one moment; none has a record yet.
        seen
            The last event that was looked at for them.

        Returns
        -------
        done, entries
            Whether that was possible: the cards are the next events then, in order. Where it was not, nothing was
            stored, and the entries after ``seen`` say what came first.

        Raises
        ------
        StoreError
            The store cannot be written.
        """
        ...

    def find(self, name: str) -> Record | None:
        """Return the record of a ``submission_id``."""
        ...

    def context(self, name: str) -> Context | None:
        """Return a context by its name."""
        ...

    def forget(self, submitter: str) -> int:
        """Remove the records of a person's cards; return how many."""
        ...

    def trim(self, before: int) -> int:
        """Remove records of moments before ``before`` (microseconds); return how many."""
        ...

    def close(self) -> None:
        """Release files and connections; closing twice is harmless."""
        ...


class MemoryLedger:
    """Records of the last 90 days in this process alone."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._order: deque[tuple[int, str]] = deque()
        self._contexts: dict[str, Context] = {}

    def enter(self, context: Context) -> str:
        """Keep a context; see :class:`Ledger`."""
        name = name_of_context(context.dump())
        self._contexts[name] = context
        return name

    def keep(self, records: Sequence[Record]) -> list[Record]:
        """Keep records; see :class:`Ledger`."""
        found = []
        for record in records:
            name = record.card["submission_id"]
            stands = self._records.setdefault(name, record)
            found.append(stands)
            if stands is record:
                moment, order = record.moment, self._order
                order.append((moment, name))
                if order[0][0] < moment - HORIZON:
                    self.trim(moment - HORIZON)
        return found

    def put(self, records: Sequence[Record], seen: int) -> tuple[bool, Sequence[Entry]]:
        """Do nothing: what lives in one process has no write to save."""
        return False, ()

    def find(self, name: str) -> Record | None:
        """Return the record of a ``submission_id``."""
        return self._records.get(name)

    def context(self, name: str) -> Context | None:
        """Return a context by its name."""
        return self._contexts.get(name)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def forget(self, submitter: str) -> int:
        """Remove the records of a person's cards; return how many."""
        return self._drop([n for n, r in self._records.items() if r.card.get("submitter_id") == submitter])

    def trim(self, before: int) -> int:
        """Remove records of moments before ``before``; return how many."""
        old = []
        while self._order and self._order[0][0] < before:
            old.append(self._order.popleft()[1])
        return self._drop([name for name in old if name in self._records and self._records[name].moment < before])

    def _drop(self, names: Sequence[str]) -> int:
        for name in names:
            del self._records[name]
        return len(names)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def open_ledger(store: Store, url: str) -> Ledger:
    """Open the ledger that belongs to a store.

    Parameters
    ----------
    store, url
        The store, and the URL it was opened from.

    Raises
    ------
    StoreError
        It cannot be opened.
    """
    if isinstance(store, MemoryStore):
        return MemoryLedger()
    if isinstance(store, SqliteStore):
        return SqliteLedger(store)
    from cardrisk.features.stores.redis import RedisStore
    from cardrisk.scoring.ledger_redis import RedisLedger

    assert isinstance(store, RedisStore)  # noqa: S101 - there is no other
    return RedisLedger(url, store)
