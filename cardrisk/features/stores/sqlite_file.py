"""The SQLite file behind a journal: made, opened, checked; what goes wrong with it said in words.

Correct when a file that was opened is a journal of this library with a version it knows, and every error of SQLite
leaves as a :class:`~cardrisk.errors.StoreError` that says what to do.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from cardrisk.errors import StoreError

MARK: Final = 0x43524B4A
"""``application_id`` of a journal, so that another program's file is never written to."""
VERSION: Final = 3
"""``user_version``: the protocol number of the tables below. Versions 1 and 2 are read and raised: 1 knew no marks, 2
kept every record apart from its card."""

SCHEMA: Final = (
    """
CREATE TABLE journal (
    number INTEGER PRIMARY KEY, moment INTEGER NOT NULL, kind INTEGER NOT NULL, name BLOB, row BLOB NOT NULL,
    record BLOB
)
""",
    "CREATE UNIQUE INDEX journal_card ON journal (name) WHERE kind = 1",
)
"""``record`` is what was decided about a card: whoever stores it keeps that in the same row, a page or two less than
in a table of its own."""
_WITH_RECORDS: Final = "ALTER TABLE journal ADD COLUMN record BLOB"
_APART: Final = (
    "INSERT OR IGNORE INTO decided_apart VALUES (old.name, old.moment, CAST(old.row || x'00' || old.record AS BLOB));"
)
APART: Final = (
    "CREATE TABLE IF NOT EXISTS decided (name BLOB PRIMARY KEY, moment INTEGER NOT NULL, body BLOB NOT NULL)",
    "ALTER TABLE decided RENAME TO decided_apart",
    f"CREATE TRIGGER outlives BEFORE DELETE ON journal WHEN old.record IS NOT NULL BEGIN {_APART} END",
    f"CREATE TRIGGER stands BEFORE UPDATE OF row ON journal WHEN old.record IS NOT NULL BEGIN {_APART} END",
)
"""A record lasts longer than its card, and says what the card was when it was decided about: it goes to a table of its
own, with the row as it was and a zero byte before it, when the card leaves or is taken to another key. Until version
3 every record stood in ``decided``: a process of an earlier version that has the file open finds that no more, and
fails where it would otherwise decide again about a card whose record it does not see."""

_OF_NAMES: Final = "SELECT name FROM journal WHERE kind = 1 AND name IN"
STEP: Final = 200
"""Rows removed in one transaction where there may be many: others wait for no longer than some milliseconds."""
_NAMES_AT_ONCE: Final = 500
"""Names asked for in one statement; SQLite before 3.32 takes 999."""

_ADVICE: Final = {
    "NOTADB": "the file is no SQLite database: give another path",
    "CORRUPT": "the file is damaged: restore a copy, or move it away and fill a new one from tables",
    "READONLY": "it cannot be written: give this user the right to write the file and its folder",
    "FULL": "the disk is full: make room; nothing of this event was kept",
    "IOERR": "the disk refused (full, over quota or failing); nothing of this event was kept",
    "CANTOPEN": "it cannot be opened: make the folder, or give this user the right to use it",
    "BUSY": "another process holds it for longer than the timeout: retry, or raise `?timeout=`",
    "LOCKED": "another process holds it for longer than the timeout: retry, or raise `?timeout=`",
}


def in_steps(steps: Iterable[int]) -> Iterator[int]:
    """Give one step after the other; between two of them pass as long as the first took, in which others may write."""
    for step in steps:
        began = time.perf_counter()
        yield step
        time.sleep(time.perf_counter() - began)


class InTheWayError(StoreError):
    """What is stored already, or what the tables ask for, stood in the way of a statement."""


class told:  # noqa: N801 - a context manager by the name of what it does, in a third of a generator's time
    """Let errors of SQLite leave as StoreError."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, reason: BaseException | None, trace: object) -> None:
        if isinstance(reason, sqlite3.Error):
            error = InTheWayError if isinstance(reason, sqlite3.IntegrityError) else StoreError
            raise error(f"expected a usable history store at {self._path}: {advice(reason)}") from reason
        if isinstance(reason, OSError):
            said = reason.strerror or reason
            raise StoreError(f"expected a usable history store at {self._path}: {said}") from reason


def advice(reason: sqlite3.Error) -> str:
    """Return what an error means and what to do."""
    name = getattr(reason, "sqlite_errorname", "") or ""
    for part, words in _ADVICE.items():
        if name.startswith(f"SQLITE_{part}"):
            return f"{words} ({name})"
    return f"{name or type(reason).__name__}: {reason}"


def connect(path: Path, timeout: float, power_safe: bool) -> sqlite3.Connection:
    """Open a journal, and make it where there is none; readable by this user alone.

    Parameters
    ----------
    path
        The file; its folder must exist.
    timeout
        Seconds to wait for other processes.
    power_safe
        Whether every commit waits for the disk (see :class:`~cardrisk.features.stores.sqlite.SqliteStore`).

    Raises
    ------
    StoreError
        If the file cannot be used.
    """
    with told(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path, timeout, power_safe)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection, path: Path, timeout: float, power_safe: bool) -> None:
    version = _version_of(connection, path)
    _write_ahead(connection, timeout)
    connection.execute(f"PRAGMA synchronous = {'FULL' if power_safe else 'NORMAL'}")
    connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten, not only unlinked
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    version = _version_of(connection, path)
    if version != VERSION:  # nobody else was faster
        for statement in (*((_WITH_RECORDS,) if version else SCHEMA), *APART):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {MARK}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a journal's tables; 0 where the file is new."""
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if mark == MARK and 1 <= version <= VERSION:
        return version
    if mark == MARK:
        raise StoreError(
            f"expected a history store of protocol {VERSION} at {path}, got {version}; "
            "use the version of this library that wrote it, and move the events over as tables"
        )
    if mark or version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreError(
            f"expected a history store or no file at {path}, got another program's database; give another path"
        )
    return 0


def _write_ahead(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch to a write-ahead log; SQLite does not wait by itself where others open the file at that moment."""
    until = time.monotonic() + timeout
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as reason:
            if not str(getattr(reason, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
                raise
            if time.monotonic() > until:
                raise
            time.sleep(0.002)
        else:
            if mode != "wal":
                raise StoreError(f"expected a disk with shared memory for a write-ahead log, got mode {mode!r}")
            return


def stored_of(db: sqlite3.Connection, names: Sequence[bytes]) -> set[bytes]:
    """Return those names whose cards are stored already."""
    found: set[bytes] = set()
    for first in range(0, len(names), _NAMES_AT_ONCE):
        part = names[first : first + _NAMES_AT_ONCE]
        marks = ",".join("?" * len(part))
        found.update(name for (name,) in db.execute(f"{_OF_NAMES} ({marks})", part))
    return found


def seconds(text: str) -> float:
    """Return a timeout that an option gives; StoreError where it is none."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1e6:
        raise StoreError(f"expected a timeout in seconds, got {text!r}")
    return found
