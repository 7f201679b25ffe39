"""Scorers among threads, after a fork and in spawned processes; nothing is counted twice, nothing hangs."""

import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import cardrisk
from cardrisk.tables import check_one
from tests.conftest import KEY

from .events import plain


def rows_of(tiny, count):
    """As many cards as asked that break no rule: those of the world, then the same under other names."""
    rows = [row for row in map(plain, tiny.late.to_dict("records")) if isinstance(check_one(row), dict)]
    for row in rows:
        row.pop("batch_id", None)
    copies = range(-(-count // len(rows)))
    named = [row | {"submission_id": f"{row['submission_id']}-{copy}"} for copy in copies for row in rows]
    return named[:count]


def test_threads_share_a_scorer(tiny, make, url, full_or) -> None:
    """The order in which threads are served is theirs; that each card counts once and has one answer is not."""
    rows = rows_of(tiny, full_or(5_000, 60))
    scorer = make(url)
    with ThreadPoolExecutor(8) as pool:
        one = list(pool.map(scorer.score, rows * 2))
    assert one[: len(rows)] == one[len(rows) :]
    assert all(score.p_fail is not None for score in one)
    assert len(scorer._road.history.tables()[0]) == len(rows)


def work(given, rows, out):
    scorer = given if isinstance(given, cardrisk.Scorer) else pickle.loads(given)
    out.put([scorer.score(row) for row in rows])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_scores_while_threads_of_its_parent_do(tiny, make, durable, full_or) -> None:
    rows = rows_of(tiny, full_or(10_000, 40))
    scorer, context = make(durable), multiprocessing.get_context("fork")
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            scorer.score(rows[0])

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        out = context.Queue()
        children = [context.Process(target=work, args=(scorer, rows, out)) for _ in range(2)]
        for child in children:
            child.start()
        found = [out.get(timeout=200) for _ in children]
        for child in children:
            child.join(60)
    finally:
        stop.set()
        thread.join()
    assert found[0] == found[1] == [scorer.score(row) for row in rows]
    assert len(scorer._road.history.tables()[0]) == len(rows)


def test_a_spawned_process_opens_the_same_store(tiny, durable, tmp_path, full_or) -> None:
    secret = Path(tmp_path, "key")
    secret.write_text(KEY)
    secret.chmod(0o600)
    rows = rows_of(tiny, full_or(10_000, 12))
    with cardrisk.Scorer(str(tiny.bundle), store=durable, key=str(secret)) as scorer:
        packed = pickle.dumps(scorer)
        assert KEY.encode() not in packed
        here = [scorer.score(row) for row in rows[:6]]
        context = multiprocessing.get_context("spawn")
        out = context.Queue()
        child = context.Process(target=work, args=(packed, rows, out))
        child.start()
        there = out.get(timeout=200)
        child.join(60)
        assert there[:6] == here
        assert [scorer.score(row) for row in rows] == there


def test_a_scorer_that_cannot_travel_says_so(make) -> None:
    with pytest.raises(TypeError, match="only with a store outside"):
        pickle.dumps(make())
