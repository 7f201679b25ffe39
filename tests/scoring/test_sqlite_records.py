"""Records in a SQLite file: in the row of their card, apart where it left or changed; files of earlier versions too."""

import contextlib
import os
import signal
import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from cardrisk.features.stores import sqlite_file
from cardrisk.features.stores.base import Entry, open_store
from cardrisk.features.stores.sqlite_file import STEP, VERSION
from cardrisk.scoring.road import TRIES
from cardrisk.tables import check_one

from .events import plain
from .test_one_write import intervene

OF_VERSION_2 = """
CREATE TABLE journal (
    number INTEGER PRIMARY KEY, moment INTEGER NOT NULL, kind INTEGER NOT NULL, name BLOB, row BLOB NOT NULL
);
CREATE UNIQUE INDEX journal_card ON journal (name) WHERE kind = 1;
CREATE TABLE decided (name BLOB PRIMARY KEY, moment INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE decision_context (name TEXT PRIMARY KEY, body BLOB NOT NULL);
PRAGMA application_id = 0x43524B4A;
PRAGMA user_version = 2;
PRAGMA journal_mode = WAL;
"""
BODY = "SELECT name, moment, CAST(row || x'00' || record AS BLOB) FROM new.journal WHERE record IS NOT NULL"
FORM_OF_VERSION_1 = "(name BLOB PRIMARY KEY, moment INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID"


@contextlib.contextmanager
def opened(path):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def of_version_2(new, old):
    """Write what a file holds as version 2 did."""
    with opened(old) as db:
        db.executescript(OF_VERSION_2)
        db.execute("ATTACH ? AS new", (str(new),))
        db.execute("INSERT INTO journal SELECT number, moment, kind, name, row FROM new.journal")
        db.execute(f"INSERT INTO decided {BODY} UNION ALL SELECT * FROM new.decided_apart")
        db.execute("INSERT INTO decision_context SELECT * FROM new.decision_context")


@pytest.fixture
def rows(tiny):
    cards = [plain(row) for row in tiny.late.head(40).drop(columns="batch_id").to_dict("records")]
    return [row for row in cards if isinstance(check_one(row), dict)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


@pytest.fixture
def url(path):
    return f"sqlite:///{path}?timeout=60"


@pytest.fixture
def old(rows, make, tmp_path):
    """A file of version 2, and the answers that it holds."""
    with make(f"sqlite:///{tmp_path}/new.db") as scorer:
        scores = [scorer.score(row) for row in rows[:8]]
        scorer.answer({"submission_id": scores[0].submission_id, "status": "failed", "answered_at": when(rows[8])})
    of_version_2(tmp_path / "new.db", tmp_path / "old.db")
    return tmp_path / "old.db", scores


def when(row):
    return row.get("received_at", row["submitted_at"])


def where(path):
    """How many records stand with their cards, and how many apart."""
    with opened(path) as db:
        counts = "SELECT (SELECT count(record) FROM journal), (SELECT count(*) FROM decided_apart)"
        return db.execute(counts).fetchone()


def test_a_record_stands_once_and_with_its_card_whichever_way_it_came(rows, make, url, path) -> None:
    one, two = make(url, reasons="none"), make(url)
    scores = [one.score(row) for row in rows[:5]] + one.score(rows[5:8])
    intervene(one, lambda time: two.score(rows[20 + time]) if time <= TRIES else None)
    scores.append(one.score(rows[8]))  # others came first as often as it tried: stored, then judged
    assert where(path) == (9 + TRIES, 0)
    assert [make(url).record(score.submission_id)[0].score for score in scores] == scores


def test_a_record_outlives_its_card_as_it_was(rows, make, durable) -> None:
    scorer = make(durable)
    for row in rows[:12]:
        scorer.score(row)
    names = [row["submission_id"] for row in rows[:12]]
    store, before = scorer._road.history.store, [scorer.record(name)[0] for name in names]
    tokens = {token for record in before for name, token in record.card.items() if name == "card_token" and token}
    assert store.rekey({token: f"next.{i}" for i, token in enumerate(sorted(tokens))}) > 0
    assert store.forget("submission_id", names[3]) == 1
    assert store.trim(before[6].moment) > 0
    assert [make(durable).record(name)[0] for name in names] == before
    store.trim(2**61)
    again = make(durable)
    assert [again.record(name)[0] for name in names] == before
    assert again.score(rows[2]) == before[2].score
    assert [again.record(name)[0] for name in names] == before


def test_old_records_leave_in_steps_and_the_cards_stay(rows, make, url, path) -> None:
    scorer = make(url)
    scorer.score(rows[0])
    record, _ = scorer.record(rows[0]["submission_id"])
    ledger, store = scorer._road.ledger, scorer._road.history.store

    def of(i):
        score = replace(record.score, submission_id=f"s{i}")
        return record._replace(moment=record.moment + i, card={"submission_id": f"s{i}"}, score=score)

    count = 2 * STEP + 50
    for i in range(1, count):
        if i % 7 == 0:
            store.append(Entry.answer(record.moment + i, {"submission_id": f"s{i}", "status": "failed"}), 10**12)
        elif i % 5 == 0:
            ledger.keep([of(i)])  # its card is no history
        else:
            with store.reading() as db:
                seen = db.execute("SELECT max(number) FROM journal").fetchone()[0]
            assert ledger.put([of(i)], seen)[0]
    edge = STEP + 30
    assert ledger.trim(record.moment + edge) == 1 + sum(i % 7 > 0 for i in range(1, edge))
    left = [f"s{i}" for i in range(edge, count) if i % 7]
    assert [name for name in (f"s{i}" for i in range(count)) if ledger.find(name)] == left
    assert ledger.find(rows[0]["submission_id"]) is None
    cards = [entry for entry in store.since(0) if entry.kind == "card"]
    assert len(cards) == 1 + sum(i % 7 > 0 and i % 5 > 0 for i in range(1, count))
    assert sum(where(path)) == len(left)
    assert ledger.trim(record.moment + edge) == 0


def test_what_is_forgotten_leaves_the_file_wherever_its_record_stands(rows, make, url, path) -> None:
    scorer = make(url)
    person = rows[0]["submitter_id"]
    theirs = [row | {"submission_id": f"theirs-{i}", "submitter_id": person} for i, row in enumerate(rows[:6])]
    for row in theirs[:3]:
        scorer.score(row)
    scorer._road.history.store.trim(2**61)
    for row in theirs[3:]:
        scorer.score(row)
    assert where(path) == (3, 3)
    assert scorer._road.ledger.forget(person) == 6
    assert where(path) == (0, 0)
    assert scorer.forget(person) == 3
    scorer.close()
    assert not any(person.encode() in file.read_bytes() for file in path.parent.glob("history.db*"))


@pytest.mark.parametrize("oldest", [False, True])
def test_a_file_of_an_earlier_version_goes_on(rows, make, old, oldest) -> None:
    """The first opening raises it; its records are found, and the first of a card still stands."""
    path, scores = old
    url = f"sqlite:///{path}"
    if oldest:  # records stood in a table of another form
        with opened(path) as db:
            db.execute(f"CREATE TABLE decision {FORM_OF_VERSION_1}")
            db.execute("INSERT INTO decision SELECT name, moment, body FROM decided")
            db.execute("DELETE FROM decided WHERE name <> ?", (rows[0]["submission_id"].encode(),))
            db.execute("PRAGMA user_version = 1")
    again, alone = make(url), make()
    assert [again.record(row["submission_id"])[0].score for row in rows[:8]] == scores
    assert [again.score(row) for row in rows[:8]] == scores == [alone.score(row) for row in rows[:8]]
    alone.answer({"submission_id": scores[0].submission_id, "status": "failed", "answered_at": when(rows[8])})
    assert [again.score(row) for row in rows[8:12]] == [alone.score(row) for row in rows[8:12]]
    assert where(path) == (4, 8)
    with opened(path) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'decision'").fetchone()
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert again.trim(timedelta(days=90)) == 0
    assert again._road.ledger.trim(2**61) == 12
    assert where(path) == (0, 0)


class Dying:
    """A connection whose process is killed before one of its statements."""

    def __init__(self, db, left):
        self._db, self._left = db, left

    def execute(self, *statement):
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return self._db.execute(*statement)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_file_killed_while_it_is_raised_is_of_one_version_or_the_other(old) -> None:
    path, _ = old
    found = []
    for point in range(100):
        child = os.fork()
        if child == 0:
            with opened(path) as db:
                sqlite_file._prepare(Dying(db, point), path, 5.0, False)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        with opened(path) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            columns = [name for _, name, *_ in db.execute("PRAGMA table_info(journal)")]
            triggers = db.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone()[0]
            cards = db.execute("SELECT count(*) FROM journal").fetchone()[0]
        found.append((version, "record" in columns, triggers, cards))
        if os.waitstatus_to_exitcode(status) == 0:
            break
    assert set(found) == {(2, False, 0, 9), (VERSION, True, 2, 9)}
    assert found == sorted(found)
    assert len(found) > 10  # it was killed at many points


def test_who_has_a_file_open_as_it_was_fails_when_it_is_raised(old) -> None:
    path, _ = old
    with opened(path) as earlier:
        assert earlier.execute("SELECT count(*) FROM decided").fetchone() == (8,)
        open_store(f"sqlite:///{path}").close()
        with pytest.raises(sqlite3.OperationalError, match="decided"):
            earlier.execute("SELECT body FROM decided WHERE name = ?", (b"any",))


def test_many_open_a_file_of_an_earlier_version_at_once(old) -> None:
    path, _ = old
    seen, failed = [], []

    def run():
        try:
            store = open_store(f"sqlite:///{path}?timeout=60")
            seen.append(len(list(store.since(0))))
            store.close()
        except BaseException as reason:
            failed.append(reason)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert seen == [9] * 8
