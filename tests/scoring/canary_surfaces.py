"""What a scorer leaves behind: its store's files, its records, answers, metrics and log lines."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import cardrisk
from tests.canary import Planted, surface

KEY = b"a key for this surface alone 0123456789"


@surface("a scorer and its store")
def scorer(planted: Planted) -> Iterator[Any]:
    settings = {"rounds": 5, "cause_rounds": 1, "num_leaves": 7}
    world = planted.submissions, planted.outcomes
    model = cardrisk.train(*world, key=lambda: KEY, params=settings, threads=1)
    path = planted.tmp / "history.db"
    with cardrisk.Scorer(model, store=f"sqlite:///{path}?timeout=60", key=lambda: KEY, reasons="all") as scorer:
        scores = scorer.score(planted.cards[:60])
        scores += [scorer.score(card) for card in planted.cards[60:80]]
        scores += [scorer.score({**planted.cards[80], "face_value": -1.0})]
        yield "answers", repr(scores)
        yield "records", repr([scorer.record(score.submission_id) for score in scores])
        yield "metrics", scorer.metrics.text()
        with closing(sqlite3.connect(path)) as db:
            names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            assert {"journal", "decided_apart", "decision_context"} <= set(names)
            yield "tables", repr([db.execute(f"SELECT * FROM {name}").fetchall() for name in names])
    yield "files", planted.tmp
