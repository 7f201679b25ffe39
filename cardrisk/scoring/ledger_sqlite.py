"""Records in the SQLite file that holds the history.

Correct when a record that was acknowledged survives ``kill -9``, and one that was forgotten is overwritten in the file.
"""

import sqlite3
from collections.abc import Sequence
from itertools import count
from typing import Final

from cardrisk.features.stores.base import Entry
from cardrisk.features.stores.codec import decode, trace_of
from cardrisk.features.stores.sqlite import PAGE, SqliteStore
from cardrisk.features.stores.sqlite_file import STEP, in_steps
from cardrisk.scoring.record import Context, Record, key_of, name_of_context

_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS decision_context (name TEXT PRIMARY KEY, body BLOB NOT NULL)"
_OLD: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'decision'"
_MOVE: Final = "INSERT OR IGNORE INTO decided_apart SELECT name, moment, body FROM decision; DROP TABLE decision"
"""Earlier versions kept whole records in the tree of names, where each write moved others aside."""
_WITH_CARD: Final = (
    "UPDATE journal SET record = ? WHERE name = ? AND kind = 1 AND moment = ? AND row = ? AND record IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM decided_apart WHERE decided_apart.name = journal.name)"
)
_APART: Final = (
    "INSERT INTO decided_apart (name, moment, body) SELECT ?1, ?2, ?3 "
    "WHERE NOT EXISTS (SELECT 1 FROM journal WHERE name = ?1 AND kind = 1 AND record IS NOT NULL) "
    "ON CONFLICT (name) DO NOTHING"
)
_FIND: Final = (
    "SELECT CAST(row || x'00' || record AS BLOB) FROM journal WHERE name = ?1 AND kind = 1 AND record IS NOT NULL "
    "UNION ALL SELECT body FROM decided_apart WHERE name = ?1"
)
_THEIRS: Final = "SELECT number, row FROM journal WHERE kind = 1 AND record IS NOT NULL AND instr(row, ?) > 0"
_THEIRS_APART: Final = "SELECT name, body FROM decided_apart WHERE instr(body, ?) > 0"
_DROP: Final = "UPDATE journal SET record = NULL WHERE number = ? AND record IS NOT NULL"
_NEXT: Final = "SELECT number, moment FROM journal WHERE number > ? ORDER BY number LIMIT ?"
_OLD_ROWS: Final = "SELECT rowid, ? FROM decided_apart WHERE rowid > ? AND rowid <= ? AND moment < ?"
_DROP_OLD: Final = "DELETE FROM decided_apart WHERE rowid = ? AND moment < ?"
"""By the moment too: a row's number may be given again meanwhile."""


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
            db.execute(_SCHEMA)
            if db.execute(_OLD).fetchone():
                for statement in _MOVE.split(";"):
                    db.execute(statement)

    def enter(self, context: Context) -> str:
        """Keep a context; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        body = context.dump()
        name = name_of_context(body)
        with self._store.writing() as db:
            db.execute("INSERT INTO decision_context VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, body))
        return name

    def keep(self, records: Sequence[Record]) -> list[Record]:
        """Keep records; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        parts = [record.parts() for record in records]  # before anybody has to wait: reasons are worked out here
        with self._store.writing() as db:
            return [_kept(db, record, *told) for record, told in zip(records, parts, strict=True)]

    def put(self, records: Sequence[Record], seen: int) -> tuple[bool, Sequence[Entry]]:
        """Store cards and keep their records in one step; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        return self._store.put([record.parts() for record in records], seen)

    def find(self, name: str) -> Record | None:
        """Return the record of a ``submission_id``."""
        with self._store.reading() as db:
            row = db.execute(_FIND, (key_of(name),)).fetchone()
        return None if row is None else Record.parse(row[0])

    def context(self, name: str) -> Context | None:
        """Return a context by its name."""
        with self._store.reading() as db:
            row = db.execute("SELECT body FROM decision_context WHERE name = ?", (name,)).fetchone()
        return None if row is None else Context.parse(row[0])

    def forget(self, submitter: str) -> int:
        """Remove the records of a person's cards; return how many."""
        trace = (trace_of(submitter),)
        with self._store.writing() as db:
            cards = [(place, decode(row)) for place, row in db.execute(_THEIRS, trace)]
            apart = [(name, Record.parse(body).card) for name, body in db.execute(_THEIRS_APART, trace)]
            places = [(place,) for place, card in cards if card.get("submitter_id") == submitter]
            names = [(name,) for name, card in apart if card.get("submitter_id") == submitter]
            db.executemany(_DROP, places)
            db.executemany("DELETE FROM decided_apart WHERE name = ?", names)
        with self._store.reading() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return len(places) + len(names)

    def trim(self, before: int) -> int:
        """Remove records of moments before ``before``, a few at a time; return how many."""
        return self._trim_with_cards(before) + self._trim_apart(before)

    def _trim_with_cards(self, before: int) -> int:
        """Remove those in the rows of their cards; moments never fall, so that these come first."""
        gone = seen = 0
        for _ in in_steps(count()):
            with self._store.writing() as db:
                rows = db.execute(_NEXT, (seen, STEP)).fetchall()
                old = [(number,) for number, moment in rows if moment < before]
                gone += db.executemany(_DROP, old).rowcount if old else 0
            if len(old) < STEP:
                return gone
            seen = old[-1][0]
        return gone

    def _trim_apart(self, before: int) -> int:
        with self._store.reading() as db:
            last = db.execute("SELECT max(rowid) FROM decided_apart").fetchone()[0] or 0
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


def _kept(db: sqlite3.Connection, record: Record, moment: int, name: bytes, row: bytes, decided: bytes) -> Record:
    if db.execute(_WITH_CARD, (decided, name, moment, row)).rowcount:
        return record
    if db.execute(_APART, (name, moment, b"%b\0%b" % (row, decided))).rowcount:
        return record
    return Record.parse(db.execute(_FIND, (name,)).fetchone()[0])
