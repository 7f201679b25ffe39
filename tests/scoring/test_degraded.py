"""What cannot be scored is held, marked and quick; nothing of it is accepted or lost in silence."""

import json
import logging
import os
import signal
import time
from datetime import timedelta

import pandas as pd
import pytest

import cardrisk
from cardrisk.errors import BundleError, InputError, StoreError
from cardrisk.scoring.clock import AHEAD, SET_BACK, Clock
from cardrisk.scoring.degraded import MEMORY, Guard, bounded

from .conftest import serving
from .events import plain


@pytest.fixture
def rows(tiny):
    return [plain(row) for row in tiny.late.head(6).to_dict("records")]


def take_down(scorer, patch, down):
    history = scorer._road.history
    for door in ("append", "write"):
        patch.setattr(history.store, door, down)
    patch.setattr(history, "_add", down)  # how one event gets in; bound when history opened


def is_held(score, reason):
    return (score.p_fail, score.decision, score.degraded, score.propensity) == (None, "hold", reason, 0.0)


def test_a_store_that_fails_holds_the_card_and_a_retry_is_scored(rows, make, monkeypatch, caplog) -> None:
    scorer, other = make(), make()
    expected = [other.score(row) for row in rows[:2]]
    assert scorer.score(rows[0]) == expected[0]

    def down(*_):
        raise StoreError("expected a server, got none")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "cardrisk.scoring"):
        take_down(scorer, patch, down)
        assert is_held(scorer.score(rows[1]), "store")
        assert is_held(scorer.score(rows[2]), "store")
        assert scorer.degraded == "store"
    assert json.loads(caplog.records[0].message)["reason"] == "store"
    assert scorer.metrics.value("degraded", "store") == 2
    assert scorer.metrics.value("scores", "hold") >= 2
    scorer._guard._until = time.monotonic() - MEMORY
    assert scorer.degraded is None  # where nobody has asked for long, nothing is known
    scorer._guard._until = time.monotonic()
    assert scorer.degraded == "store"  # looking is not asking: the next card still may
    assert scorer.score(rows[1]) == expected[1]
    assert scorer.degraded is None


def test_while_a_store_is_down_only_one_call_a_pause_asks_it(rows, make, monkeypatch) -> None:
    scorer, asked = make(), []

    def down(*_):
        asked.append(1)
        raise StoreError("expected a server, got none")

    take_down(scorer, monkeypatch, down)
    for _ in range(20):
        scorer.score(rows[0])
    assert len(asked) == 1


def test_a_full_disk_holds_the_card(rows, make, tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/small.db"
    scorer = make(url)
    first = scorer.score(rows[0])
    db = scorer._road.history.store._connection()
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    reasons = {
        scorer.score({**rows[1], "submission_id": f"x{i}", "supplier_id": "s" * 60}).degraded for i in range(400)
    }
    assert "disk_full" in reasons
    assert scorer.degraded == "disk_full"
    db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    scorer._guard._until = 0.0
    assert scorer.score(rows[2]).p_fail is not None
    assert scorer.score(rows[0]) == first


def test_a_file_that_may_grow_no_more_holds_the_card(rows, make, tmp_path) -> None:
    """The kernel refuses the write, as on a full disk; nothing is simulated."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "limited.db"
    scorer = make(f"sqlite:///{path}")
    first = scorer.score(rows[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in tmp_path.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 1, hard))
    try:
        scores = [scorer.score({**rows[1], "submission_id": f"y{i}"}) for i in range(3)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [score.degraded for score in scores[-2:]] == ["disk_full"] * 2
    assert all(score.decision == "hold" for score in scores if score.degraded)
    scorer._guard._until = 0.0
    assert scorer.score(rows[1]).p_fail is not None
    assert scorer.score(rows[0]) == first


def test_a_server_that_stops_holds_the_card_until_it_is_back(rows, make, tmp_path) -> None:
    with serving(tmp_path) as (server, port):
        scorer = make(f"redis://127.0.0.1:{port}/0?timeout=0.5")
        assert scorer.score(rows[0]).p_fail is not None
        server.kill()
        server.wait(10)
        assert is_held(scorer.score(rows[1]), "store")
        assert is_held(scorer.score(rows[1]), "store")
    with serving(tmp_path, port):
        scorer._guard._until = 0.0
        assert scorer.score(rows[1]).p_fail is not None


def test_a_server_that_hangs_holds_the_card(rows, make, tmp_path) -> None:
    with serving(tmp_path) as (server, port):
        hung = make(f"redis://127.0.0.1:{port}/0?timeout=0.05")
        server.send_signal(signal.SIGSTOP)
        try:
            assert is_held(hung.score(rows[1]), "store")
        finally:
            server.send_signal(signal.SIGCONT)


def test_an_event_dated_ahead_is_refused_and_moves_nothing(rows, make, tiny, key) -> None:
    """One card from next year would age every window by a year."""
    now = rows[-1]["received_at"].timestamp()
    scorer, other = make(clock=lambda: now), make(clock=lambda: now)
    ahead = {**rows[0], "submission_id": "x", "received_at": rows[-1]["received_at"] + timedelta(seconds=AHEAD + 60)}
    assert scorer.score(ahead).rule == "dated_ahead"
    assert [score.rule for score in scorer.score([ahead, rows[0]])] == ["dated_ahead", None]
    scorer.score(rows[1])
    with pytest.raises(InputError, match="dated_ahead"):
        scorer.answer({"submission_id": "x", "answered_at": ahead["received_at"], "status": "failed"})
    scorer.backfill(pd.DataFrame([ahead]), tiny.outcomes.head(0))
    other.score(rows[:1])
    other.score(rows[1])
    assert scorer.score(rows[2]) == other.score(rows[2])
    assert scorer.metrics.value("quarantined", "dated_ahead") == 2
    replayed = make(clock=None)
    assert replayed.score(ahead).rule is None


def test_a_record_that_cannot_be_kept_is_no_answer(rows, make, durable, monkeypatch) -> None:
    """Where it took two writes, the card is in the journal already; its retry is answered as it would have been."""
    scorer, other = make(durable), make()

    def down(*_):
        raise StoreError("expected a server, got none")

    with monkeypatch.context() as patch:
        patch.setattr(scorer._road.ledger, "put", lambda *_: (False, ()))
        patch.setattr(scorer._road.ledger, "keep", down)
        assert is_held(scorer.score(rows[0]), "store")
    scorer._guard._until = 0.0
    assert scorer.score(rows[0]) == other.score(rows[0])
    assert len(scorer._road.history.tables()[0]) == 1


def test_a_clock_set_back_holds_until_it_has_caught_up(rows, make, monkeypatch) -> None:
    scorer, now = make(), [2e9]
    monkeypatch.setattr(scorer, "_guard", Guard(Clock(lambda: now[0])))
    assert scorer.score(rows[0]).degraded is None
    now[0] -= SET_BACK / 2
    assert scorer.score(rows[1]).degraded is None
    now[0] -= 3600.0
    assert is_held(scorer.score(rows[2]), "clock")
    assert is_held(scorer.score([rows[0], rows[2]])[1], "clock")
    now[0] += 3600.0 + SET_BACK
    assert scorer.score(rows[2]).degraded is None


def test_a_missing_bundle_raises_or_holds_as_asked(tiny, key, rows, tmp_path) -> None:
    missing = tmp_path / "bundle"
    with pytest.raises(BundleError, match="no such folder"):
        cardrisk.Scorer(str(missing), key=key)
    scorer = cardrisk.Scorer(str(missing), key=key, start="degraded")
    assert is_held(scorer.score(rows[0]), "bundle")
    assert scorer.score({**rows[0], "face_value": -1.0}).rule == "negative_money"
    assert not scorer.reopen()
    with pytest.raises(StoreError, match="is degraded"):
        scorer.answer({"submission_id": "a", "answered_at": "2026-01-05T08:00:00Z", "status": "failed"})
    os.symlink(tiny.bundle, missing, target_is_directory=True)
    assert scorer.reopen()
    assert scorer.score(rows[0]).p_fail is not None


def test_what_stays_down_is_said_once(tmp_path, key, caplog) -> None:
    scorer = cardrisk.Scorer(str(tmp_path / "none"), key=key, start="degraded")
    with caplog.at_level(logging.WARNING, "cardrisk.scoring"):
        for _ in range(3):
            assert not scorer.reopen()
    assert sum("still_degraded" in record.getMessage() for record in caplog.records) == 1


def test_a_closed_scorer_holds_cards_and_refuses_answers_until_reopened(tiny, key, rows, tmp_path) -> None:
    scorer = cardrisk.Scorer(str(tiny.bundle), store=f"sqlite:///{tmp_path}/closed.db", key=key, clock=None)
    first = scorer.score(rows[0])
    scorer.close()
    scorer.close()
    assert scorer.degraded == "closed"
    assert is_held(scorer.score(rows[1]), "closed")
    with pytest.raises(StoreError, match=r"is degraded \(closed\)"):
        scorer.answer({"submission_id": first.submission_id, "answered_at": "2026-01-05T08:00:00Z", "status": "failed"})
    assert scorer.reopen()
    assert scorer.score(rows[0]).p_fail == first.p_fail
    assert scorer.score(rows[1]).p_fail is not None


def test_a_server_that_is_not_there_holds_from_the_start(tiny, key, rows) -> None:
    pytest.importorskip("redis")
    url = "redis://127.0.0.1:1/0"
    with pytest.raises(StoreError, match="to answer within"):
        cardrisk.Scorer(str(tiny.bundle), store=url, key=key)
    scorer = cardrisk.Scorer(str(tiny.bundle), store=url, key=key, start="degraded")
    assert is_held(scorer.score(rows[0]), "store")
    assert not scorer.reopen()


def test_a_store_without_a_timeout_gets_one() -> None:
    assert bounded("sqlite:///a.db") == "sqlite:///a.db?timeout=0.012"
    assert bounded("redis://h/0?prefix=p") == "redis://h/0?prefix=p&timeout=0.012"
    assert bounded("sqlite:///a.db?timeout=3") == "sqlite:///a.db?timeout=3"
    assert bounded("memory://") == "memory://"


def test_a_busy_file_is_held_as_degraded(rows, make, tmp_path) -> None:
    import sqlite3

    scorer = make(f"sqlite:///{tmp_path}/busy.db")
    scorer.score(rows[0])
    other = sqlite3.connect(tmp_path / "busy.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert is_held(scorer.score(rows[1]), "store")
    assert is_held(scorer.score(rows[2]), "store")
    other.execute("ROLLBACK")
    other.close()
