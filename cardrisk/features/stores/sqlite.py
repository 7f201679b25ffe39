"""The journal in one SQLite file: for any number of threads and processes of one host.

Correct when an event acknowledged by ``write`` survives ``kill -9`` of any process at any point, is never stored
twice, and stands in the one order that every reader sees.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

from cardrisk.errors import StoreError
from cardrisk.features.arrays import NULL
from cardrisk.features.stores.base import AGAIN, ANSWER, CARD, Decided, Entry, new
from cardrisk.features.stores.codec import decode, encode, name_of, trace_of
from cardrisk.features.stores.rekeying import NEXT, rekeyed, said_by
from cardrisk.features.stores.sqlite_file import STEP, InTheWayError, connect, in_steps, seconds, stored_of, told

PAGE: Final = 2_000
"""Entries read at a time: no read holds the file for longer than that."""
BULK: Final = 50_000
"""Entries of one transaction of ``extend``."""

_BLANK: Final = 2
"""Kind of the last entry once trimmed: it keeps the number and the moment, and nothing else."""
_KINDS: Final = {ANSWER: 0, CARD: 1, AGAIN: 3}
_NAMES: Final = {code: kind for kind, code in _KINDS.items()}

_HEAD: Final = "SELECT number, moment FROM journal ORDER BY number DESC LIMIT 1"
_INSERT: Final = (
    "INSERT INTO journal (number, moment, kind, name, row) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (name) WHERE kind = 1 DO NOTHING"
)
_PUT: Final = (
    "INSERT INTO journal (number, moment, kind, name, row, record) VALUES (?1 + 1, CASE "
    "WHEN ifnull((SELECT number FROM journal ORDER BY number DESC LIMIT 1), 0) = ?1 "
    "AND ifnull((SELECT moment FROM journal WHERE number = ?1), ?2) <= ?2 "
    "AND NOT EXISTS (SELECT 1 FROM decided_apart WHERE name = ?3) THEN ?2 END, 1, ?3, ?4, ?5)"
)
"""A card and its record after event ?1, or a constraint that does not hold: each statement more, and a transaction
around them, takes as long as writing."""
_SINCE: Final = (
    "SELECT number, moment, kind, row FROM journal WHERE number > ? AND number <= ? AND kind <> 2 "
    "ORDER BY number LIMIT ?"
)
_OLDEST: Final = "SELECT number, moment, kind FROM journal ORDER BY number LIMIT ?"
_END: Final = 2**62


_Line: TypeAlias = tuple[int, int, bytes | None, bytes, Entry]
"""An event as it is stored: moment, kind, name, row; and as it will be read."""


def _line(entry: Entry) -> _Line:
    if not NULL <= entry.moment < _END:
        raise StoreError(f"expected a moment in microseconds since 1970, got {entry.moment}")
    data, row = encode(entry.row)
    return entry.moment, _KINDS[entry.kind], name_of(entry.row), data, new(Entry, (entry.moment, entry.kind, row, 0))


class _Ticket:
    """Events waiting for their commit, with what the commit found."""

    __slots__ = ("before", "done", "error", "lines", "number", "seen", "stored")

    def __init__(self, entries: Sequence[Entry], seen: int) -> None:
        self.lines, self.seen = [_line(entry) for entry in entries], seen
        self.done = False
        self.before = self.number = 0
        self.stored: Sequence[Entry] = ()
        self.error: BaseException | None = None


class SqliteStore:
    """A journal in a file.

    Events that wait while another thread commits are committed together, so that nobody waits for company and many
    writers share one commit. An acknowledged event survives the death of the process. A power cut may cost the last
    events before it (never the file) unless ``sync=full``, where every commit waits for the disk.

    Parameters
    ----------
    path
        The file, and options after ``?``: ``timeout`` in seconds to wait for other processes (default 5), and
        ``sync=full``.

    Raises
    ------
    StoreError
        If an option is unknown or the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        self._given = path
        name, _, query = path.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        self._timeout = seconds(options.pop("timeout", "5"))
        sync = options.pop("sync", "normal")
        if options or sync not in ("normal", "full") or not name:
            raise StoreError(f"expected sqlite:///PATH?timeout=SECONDS&sync=normal|full, got {path!r}")
        self._power_safe = sync == "full"
        self.path = Path(name).absolute()
        self._open: sqlite3.Connection | None = None
        self._lock = Lock()
        self._waiting: list[_Ticket] = []
        _STORES.add(self)
        with self._lock:
            self._connection()

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a spawned process open the same file by itself."""
        return SqliteStore, (f"{self.path}?{self._given.partition('?')[2]}",)

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = connect(self.path, self._timeout, self._power_safe)
        return self._open

    def append(self, entry: Entry, seen: int) -> Sequence[Entry]:
        """Store one event: as :meth:`write`."""
        return self.write((entry,), seen)

    def write(self, entries: Sequence[Entry], seen: int) -> Sequence[Entry]:
        """Store events; see :class:`~cardrisk.features.stores.base.Store`."""
        ticket = _Ticket(entries, seen)
        self._waiting.append(ticket)
        with self._lock:
            if not ticket.done:
                self._commit_waiting()
        if ticket.error is not None:
            raise StoreError(str(ticket.error)) from ticket.error
        if ticket.before > seen:  # others wrote in between; what this process stored it need not read back
            return [*self._read(seen, ticket.before), *ticket.stored]
        return ticket.stored

    def put(self, cards: Sequence[Decided], seen: int) -> tuple[bool, Sequence[Entry]]:
        """Store cards, and with each the record of what was decided, in one step - if nothing came after ``seen``.

        Parameters
        ----------
        cards
            Of one moment.
        seen
            The last event that their writer knows.

        Returns
        -------
        done, entries
            Whether all was stored, with the moment it brought: these are the next events then. Where other events
            came first, or a card or a record of its name is stored already, nothing was stored; the entries after
            ``seen`` follow.

        Raises
        ------
        StoreError
            They could not be stored.
        """
        try:
            if len(cards) == 1:  # a single statement is its own transaction
                with self._lock, told(self.path):
                    self._connection().execute(_PUT, (seen, *cards[0]))
            else:
                with self.writing() as db:
                    db.executemany(_PUT, [(place, *card) for place, card in enumerate(cards, seen)])
        except InTheWayError:
            return False, tuple(self.since(seen))
        return True, ()

    def _commit_waiting(self) -> None:
        """Commit every waiting event in one transaction; the lock is held."""
        tickets, self._waiting = self._waiting, []
        before = -1
        stored: list[Entry] = []
        error: BaseException | None = None
        try:
            with told(self.path):
                before, stored = self._transaction(tickets)
        except BaseException as reason:  # whatever it was, nobody may take silence for an acknowledgement
            error = reason
            if not isinstance(reason, Exception):
                raise
        finally:
            for ticket in tickets:
                ticket.error, ticket.done = error, True
                ticket.before = before
                ticket.stored = [entry for entry in stored if ticket.seen < entry.number <= ticket.number]

    def _transaction(self, tickets: list[_Ticket]) -> tuple[int, list[Entry]]:
        db = self._connection()
        stored = []
        try:
            db.execute("BEGIN IMMEDIATE")
            before, moment = db.execute(_HEAD).fetchone() or (0, NULL)
            number = before
            for ticket in tickets:
                for at, kind, name, data, entry in ticket.lines:
                    later = max(moment, at)
                    if db.execute(_INSERT, (number + 1, later, kind, name, data)).rowcount:
                        number, moment = number + 1, later
                        stored.append(Entry(moment, entry.kind, entry.row, number))
                ticket.number = number
            db.execute("COMMIT")
        except BaseException:
            self._undo()
            raise
        return before, stored

    def _undo(self) -> None:
        """Leave a failed transaction; a connection that cannot even do that is given up."""
        db, self._open = self._open, None
        if db is not None:
            try:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                self._open = db
            except sqlite3.Error:
                db.close()

    def extend(self, entries: Sequence[Entry]) -> None:
        """Store many events in their order, ``BULK`` to a transaction and to a statement."""
        left = iter(entries)
        while lines := [_line(entry) for entry in islice(left, BULK)]:
            with self.writing() as db:
                number, moment = db.execute(_HEAD).fetchone() or (0, NULL)
                known = stored_of(db, [name for _, kind, name, *_ in lines if kind == 1 and name is not None])
                db.executemany(_INSERT, _numbered(lines, known, number, moment))

    def since(self, seen: int) -> Iterator[Entry]:
        """Return entries numbered above ``seen``, in order."""
        return self._read(seen, _END)

    def _read(self, seen: int, last: int) -> Iterator[Entry]:
        while True:
            with self._lock, told(self.path):
                rows = self._connection().execute(_SINCE, (seen, last, PAGE)).fetchall()
            for number, moment, kind, data in rows:
                yield Entry(moment, _NAMES[kind], decode(data), number)
            if len(rows) < PAGE:
                return
            seen = rows[-1][0]

    def trim(self, before: int) -> int:
        """Forget every entry of a moment before ``before``, a few at a time; returns how many.

        Moments never fall, so that these are the first entries: after each step the journal is whole.
        """
        gone = 0
        for _ in in_steps(count()):
            with self.writing() as db:
                found = [row for row in db.execute(_OLDEST, (STEP,)) if row[1] < before]
                if found:
                    _remove(db, "number <= ?", [(found[-1][0],)])
            gone += sum(kind < _BLANK for *_, kind in found)
            if len(found) < STEP:
                break
        return gone

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column``, and its answers; returns how many entries went.

        The bytes are overwritten in the file and in its log, as far as no other process still reads them.
        """
        with self.writing() as db:
            number, moment = db.execute(_HEAD).fetchone() or (0, NULL)
            names, gone = set(), []
            for place, name, data in db.execute(
                "SELECT number, name, row FROM journal WHERE kind = 1 AND instr(row, ?) > 0", (trace_of(value),)
            ):
                if decode(data).get(column) == value:
                    names.add(name)
                    gone.append((place,))
            names.discard(None)
            if names:
                answers = db.execute("SELECT number, name FROM journal WHERE kind = 0")
                gone += [(place,) for place, name in answers if name in names]
            db.executemany("DELETE FROM journal WHERE number = ?", gone)
            if gone:
                _mark(db, number, moment)
        self._empty_log()
        return len(gone)

    def rekey(self, translation: Mapping[str, str]) -> int:
        """Take tokens to the next key in one transaction; see :class:`~cardrisk.features.stores.base.Store`.

        The bytes of the old tokens are overwritten as by :meth:`forget`.
        """
        with self.writing() as db:
            last, moment = db.execute(_HEAD).fetchone() or (0, NULL)
            words = dict(translation)
            both = "SELECT row FROM journal WHERE kind < 2 AND instr(row, ?) > 0"
            for (data,) in db.execute(both, (NEXT.encode().hex().encode(),)):
                words |= said_by(decode(data))
            changed = 0
            for first in range(1, last + 1, PAGE):
                rows = db.execute(
                    "SELECT number, row FROM journal WHERE kind < 2 AND number >= ? AND number < ?",
                    (first, first + PAGE),
                ).fetchall()
                new = [(row, number) for number, data in rows if (row := rekeyed(decode(data), words)) is not None]
                db.executemany(
                    "UPDATE journal SET row = ?, record = NULL WHERE number = ?", [(encode(r)[0], n) for r, n in new]
                )
                changed += len(new)
            if changed:
                _mark(db, last, moment)
        self._empty_log()
        return changed

    def _empty_log(self) -> None:
        """Bring the log into the file and cut it, as far as no other process still reads it."""
        with self._lock, told(self.path):
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection to whoever keeps more in the same file; a second one would empty this one's cache."""
        with self._lock, told(self.path):
            yield self._connection()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction."""
        with self._lock, told(self.path):
            db = self._connection()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                self._undo()
                raise

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        db, self._open = self._open, None
        if db is not None:
            db.close()


def _numbered(
    lines: Iterable[_Line], known: set[bytes], number: int, moment: int
) -> Iterator[tuple[int, int, int, bytes | None, bytes]]:
    """Yield rows to be inserted after an entry; a card whose name is known, or came before among them, is left out."""
    for at, kind, name, data, _ in lines:
        if kind == 1 and name is not None:
            if name in known:
                continue
            known.add(name)
        number, moment = number + 1, max(moment, at)
        yield number, moment, kind, name, data


def _mark(db: sqlite3.Connection, last: int, moment: int) -> None:
    """Leave a mark after the entry that was the last: what was stored has changed."""
    db.execute(
        "INSERT INTO journal (number, moment, kind, name, row) VALUES (?, ?, ?, NULL, ?)",
        (last + 1, moment, _KINDS[AGAIN], encode({})[0]),
    )


def _remove(db: sqlite3.Connection, which: str, arguments: Sequence[tuple[int, ...]]) -> None:
    """Delete entries, but blank the last one of all: numbers and moments go on from it."""
    last = (db.execute(_HEAD).fetchone() or (0, NULL))[0]
    db.executemany(
        f"UPDATE journal SET kind = {_BLANK}, name = NULL, row = x'', record = NULL WHERE number = {last} AND {which}",  # noqa: S608
        arguments,
    )
    db.executemany(f"DELETE FROM journal WHERE number <> {last} AND {which}", arguments)  # noqa: S608


_STORES: Final[weakref.WeakSet[SqliteStore]] = weakref.WeakSet()
"""Stores of this process: SQLite forbids an open file across a fork, so each is closed for its duration."""


def _before_fork() -> None:
    for store in _FORKING.setdefault("stores", list(_STORES)):
        store._lock.acquire()
        store._close()


def _after_fork(child: bool) -> None:
    for store in _FORKING.pop("stores", []):
        if child:
            store._waiting = []  # the threads that wait for these live in the parent
        store._lock.release()


_FORKING: Final[dict[str, list[SqliteStore]]] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(child=False),
        after_in_child=lambda: _after_fork(child=True),
    )
