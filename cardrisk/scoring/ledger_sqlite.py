"""Records in the SQLite file that holds the history.

Correct when a record that was acknowledged survives ``kill -9``, and one that was forgotten is overwritten in the file.
"""

import os
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import parse_qsl

from cardrisk.features.stores.codec import trace_of
from cardrisk.features.stores.sqlite_file import connect, told
from cardrisk.scoring.record import Context, Record, name_of_context

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS decided (name BLOB PRIMARY KEY, moment INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS decision_context (name TEXT PRIMARY KEY, body BLOB NOT NULL)
"""
_OLD: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'decision'"
_MOVE: Final = "INSERT OR IGNORE INTO decided SELECT name, moment, body FROM decision; DROP TABLE decision"
"""Earlier versions kept whole records in the tree of names, where each write moved others aside."""
_KEEP: Final = "INSERT INTO decided (name, moment, body) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
_FIND: Final = "SELECT body FROM decided WHERE name = ?"


class SqliteLedger:
    """Records in a file, beside the journal of the same store.

    Parameters
    ----------
    path
        As :class:`~cardrisk.features.stores.sqlite.SqliteStore` takes it, with its options.

    Raises
    ------
    StoreError
        The file cannot be used.
    """

    def __init__(self, path: str) -> None:
        name, _, query = path.partition("?")
        options = dict(parse_qsl(query))
        self._path, self._timeout = Path(name).absolute(), float(options.get("timeout", 5))
        self._safe = options.get("sync") == "full"
        self._open: sqlite3.Connection | None = None
        self._lock = Lock()
        _LEDGERS.add(self)
        with self._writing() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            if db.execute(_OLD).fetchone():
                for statement in _MOVE.split(";"):
                    db.execute(statement)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, told(self._path):
            if self._open is None:
                self._open = connect(self._path, self._timeout, self._safe)
            yield self._open

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction."""
        with self._reading() as db:
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                self._open = None
                db.close()  # which leaves the transaction, whatever state it is in
                raise

    def enter(self, context: Context) -> str:
        """Keep a context; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        body = context.dump()
        name = name_of_context(body)
        with self._writing() as db:
            db.execute("INSERT INTO decision_context VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, body))
        return name

    def keep(self, records: Sequence[Record]) -> list[Record]:
        """Keep records; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        if len(records) == 1:  # a single statement is its own transaction
            with self._reading() as db:
                return [_kept(db, records[0])]
        with self._writing() as db:
            return [_kept(db, record) for record in records]

    def find(self, name: str) -> Record | None:
        """Return the record of a ``submission_id``."""
        with self._reading() as db:
            row = db.execute(_FIND, (_key(name),)).fetchone()
        return None if row is None else Record.parse(row[0])

    def context(self, name: str) -> Context | None:
        """Return a context by its name."""
        with self._reading() as db:
            row = db.execute("SELECT body FROM decision_context WHERE name = ?", (name,)).fetchone()
        return None if row is None else Context.parse(row[0])

    def forget(self, submitter: str) -> int:
        """Remove the records of a person's cards; return how many."""
        with self._writing() as db:
            rows = db.execute("SELECT name, body FROM decided WHERE instr(body, ?) > 0", (trace_of(submitter),))
            gone = [(name,) for name, body in rows if Record.parse(body).card.get("submitter_id") == submitter]
            db.executemany("DELETE FROM decided WHERE name = ?", gone)
        with self._reading() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return len(gone)

    def trim(self, before: int) -> int:
        """Remove records of moments before ``before``; return how many."""
        with self._writing() as db:
            return db.execute("DELETE FROM decided WHERE moment < ?", (before,)).rowcount

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        db, self._open = self._open, None
        if db is not None:
            db.close()


def _kept(db: sqlite3.Connection, record: Record) -> Record:
    name = _key(record.card["submission_id"])
    if db.execute(_KEEP, (name, record.moment, record.dump())).rowcount:
        return record
    return Record.parse(db.execute(_FIND, (name,)).fetchone()[0])


def _key(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


_LEDGERS: Final[weakref.WeakSet[SqliteLedger]] = weakref.WeakSet()
"""Ledgers of this process: SQLite forbids an open file across a fork, so each is closed for its duration."""
_FORKING: Final[list[SqliteLedger]] = []


def _before_fork() -> None:
    _FORKING.extend(_LEDGERS)
    for ledger in _FORKING:
        ledger._lock.acquire()
        ledger._close()


def _after_fork() -> None:
    for ledger in _FORKING:
        ledger._lock.release()
    _FORKING.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
