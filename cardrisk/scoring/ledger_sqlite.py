"""Records in the SQLite file that holds the history.

Correct when a record that was acknowledged survives ``kill -9``, and one that was forgotten is overwritten in the file.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from cardrisk.features.stores.base import Entry
from cardrisk.features.stores.codec import trace_of
from cardrisk.features.stores.sqlite import PAGE, SqliteStore
from cardrisk.features.stores.sqlite_file import STEP, in_steps
from cardrisk.scoring.record import Context, Record, name_of_context

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS decided (name BLOB PRIMARY KEY, moment INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS decision_context (name TEXT PRIMARY KEY, body BLOB NOT NULL)
"""
_OLD: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'decision'"
_MOVE: Final = "INSERT OR IGNORE INTO decided SELECT name, moment, body FROM decision; DROP TABLE decision"
"""Earlier versions kept whole records in the tree of names, where each write moved others aside."""
_KEEP: Final = "INSERT INTO decided (name, moment, body) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
_BOTH: Final = (
    """
CREATE TEMP VIEW IF NOT EXISTS card_and_decision (seen, moment, name, row, decided_name, decided_moment, body)
AS SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL
""",
    """
CREATE TEMP TRIGGER IF NOT EXISTS both INSTEAD OF INSERT ON card_and_decision BEGIN
    SELECT RAISE(ABORT, 'other events came first')
    WHERE ifnull((SELECT number FROM journal ORDER BY number DESC LIMIT 1), 0) <> new.seen
    OR (SELECT moment FROM journal WHERE number = new.seen) > new.moment;
    INSERT INTO journal (number, moment, kind, name, row) VALUES (new.seen + 1, new.moment, 1, new.name, new.row);
    INSERT INTO decided (name, moment, body) VALUES (new.decided_name, new.decided_moment, new.body);
END
""",
)
"""A card's event and its record by one statement: each statement of its own, and the transaction around them, takes
as long as writing. They belong to a connection, not to the file."""
_PUT: Final = "INSERT INTO card_and_decision VALUES (?, ?, ?, ?, ?, ?, ?)"
_FIND: Final = "SELECT body FROM decided WHERE name = ?"
_OLD_ROWS: Final = "SELECT rowid, ? FROM decided WHERE rowid > ? AND rowid <= ? AND moment < ?"
_DROP_OLD: Final = "DELETE FROM decided WHERE rowid = ? AND moment < ?"  # a row's number may be given again meanwhile


class SqliteLedger:
    """Records in the file of a journal, over its connection.

    Parameters
    ----------
    store
        The journal.

    Raises
    ------
    StoreError
        The file cannot be used.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        with store.writing() as db:
            for statement in SCHEMA.split(";"):
                db.execute(statement)
            if db.execute(_OLD).fetchone():
                for statement in _MOVE.split(";"):
                    db.execute(statement)
        store.at_opening(_BOTH)

    def enter(self, context: Context) -> str:
        """Keep a context; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        body = context.dump()
        name = name_of_context(body)
        with self._store.writing() as db:
            db.execute("INSERT INTO decision_context VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, body))
        return name

    def keep(self, records: Sequence[Record]) -> list[Record]:
        """Keep records; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        if len(records) == 1:  # a single statement is its own transaction
            with self._store.reading() as db:
                return [_kept(db, records[0])]
        with self._store.writing() as db:
            return [_kept(db, record) for record in records]

    def put(self, records: Sequence[Record], entries: Sequence[Entry], seen: int) -> tuple[bool, Sequence[Entry]]:
        """Store cards and keep their records in one step; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        if len(records) == 1:
            record = records[0]
            more = _key(record.card["submission_id"]), record.moment, record.dump()
            return self._store.put_one(entries[0], seen, _PUT, more)
        rows = [(_key(record.card["submission_id"]), record.moment, record.dump()) for record in records]
        return self._store.put(entries, seen, lambda db: all(db.execute(_KEEP, row).rowcount for row in rows))

    def find(self, name: str) -> Record | None:
        """Return the record of a ``submission_id``."""
        with self._store.reading() as db:
            row = db.execute(_FIND, (_key(name),)).fetchone()
        return None if row is None else Record.parse(row[0])

    def context(self, name: str) -> Context | None:
        """Return a context by its name."""
        with self._store.reading() as db:
            row = db.execute("SELECT body FROM decision_context WHERE name = ?", (name,)).fetchone()
        return None if row is None else Context.parse(row[0])

    def forget(self, submitter: str) -> int:
        """Remove the records of a person's cards; return how many."""
        with self._store.writing() as db:
            rows = db.execute("SELECT name, body FROM decided WHERE instr(body, ?) > 0", (trace_of(submitter),))
            gone = [(name,) for name, body in rows if Record.parse(body).card.get("submitter_id") == submitter]
            db.executemany("DELETE FROM decided WHERE name = ?", gone)
        with self._store.reading() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return len(gone)

    def trim(self, before: int) -> int:
        """Remove records of moments before ``before``, a few at a time; return how many."""
        with self._store.reading() as db:
            last = db.execute("SELECT max(rowid) FROM decided").fetchone()[0] or 0
        old: list[tuple[int, int]] = []
        for first in range(0, last + 1, PAGE):
            with self._store.reading() as db:
                old += db.execute(_OLD_ROWS, (before, first, first + PAGE, before)).fetchall()
        gone = 0
        for first in in_steps(range(0, len(old), STEP)):
            with self._store.writing() as db:
                gone += db.executemany(_DROP_OLD, old[first : first + STEP]).rowcount
        return gone

    def close(self) -> None:
        """Do nothing: the file is the journal's."""


def _kept(db: sqlite3.Connection, record: Record) -> Record:
    name = _key(record.card["submission_id"])
    if db.execute(_KEEP, (name, record.moment, record.dump())).rowcount:
        return record
    return Record.parse(db.execute(_FIND, (name,)).fetchone()[0])


def _key(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
