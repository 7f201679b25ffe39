"""Live history on a durable store equals the batch to the bit, and every process sees the same journal."""

import importlib.util
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES, LiveHistory, compute
from cardrisk.features.stores.tables import entries_of

_spec = importlib.util.spec_from_file_location("feature_worlds", Path(__file__).parents[1] / "worlds.py")
worlds = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(worlds)


def read(history, submissions, outcomes, reopen=lambda history: history, every=10**9):
    """Hand every event over in order; return the features read just before each card became history."""
    found = {}
    for i, entry in enumerate(entries_of(submissions, outcomes)):
        if i and i % every == 0:
            history = reopen(history)
        if entry.kind == "card":
            found[entry.row["submission_id"]] = history.features(entry.row)
            history.observe(entry.row)
        else:
            history.answer(entry.row)
    return history, found


def different(batch, names, live):
    """Return features that differ, as (row, feature, batch, live)."""
    wrong = []
    rows = [live[name] for name in names]
    for feature in FEATURES:
        got = [row[feature.name] for row in rows]
        expected = batch[feature.name]
        if feature.dtype == "str":
            same = expected.isna().to_numpy() & pd.isna(np.array(got, object)) | (expected == got).to_numpy(bool)
        else:
            one, two = expected.to_numpy(np.float64), np.array(got, np.float64)
            same = (one == two) | (np.isnan(one) & np.isnan(two))
        wrong += [(int(i), feature.name, expected.iloc[i], got[i]) for i in np.flatnonzero(~same)]
    return wrong


def world(seed, n, days, entities):
    submissions, outcomes = worlds.tables(np.random.default_rng([7, seed]), n=n, days=days, entities=entities)
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)
    submissions["batch_id"] = None  # cards of one batch and moment are read together
    return submissions, outcomes


@pytest.mark.timeout(3600)
def test_a_replay_equals_the_batch_to_the_bit(durable, full_or):
    n = full_or(42_000, 700)  # about 2.4 events a row
    submissions, outcomes = world(1, n, 60, max(4, n // 100))

    def reopen(history):
        history.close()
        return LiveHistory(store=durable)

    every = full_or(30_000, 500)
    history, live = read(LiveHistory(store=durable), submissions, outcomes, reopen, every)
    wrong = different(compute(submissions, outcomes), submissions["submission_id"], live)
    assert not wrong, (len(wrong), {w[1] for w in wrong}, wrong[:8])
    history.close()


def test_exported_tables_give_the_live_bits(durable):
    submissions, outcomes = world(2, 300, 40, 3)
    with LiveHistory(store=durable) as history:
        for entry in entries_of(submissions, outcomes):
            write = history.observe if entry.kind == "card" else history.answer
            write(entry.row)
        cards, answers = history.tables()
        at = pd.Timestamp(history.now + 1, unit="us", tz="UTC")
        asked = submissions.iloc[::7].assign(
            submission_id=[f"asked {i}" for i in range(len(submissions.iloc[::7]))], submitted_at=at, received_at=at
        )
        live = {card["submission_id"]: history.features(card) for card in asked.to_dict("records")}
    asked = asked.astype({"submitted_at": "datetime64[us, UTC]", "received_at": "datetime64[us, UTC]"})
    alone = [compute(asked.iloc[[i]], answers, history=(cards, None)) for i in range(len(asked))]
    wrong = different(pd.concat(alone), asked["submission_id"], live)
    assert not wrong, (len(wrong), {w[1] for w in wrong}, wrong[:8])


CARD = {"submission_id": "a", "submitter_id": "u", "submitted_at": 1_767_000_000_000_000, "face_value": 10.0}


def _other_process(url, pipe):
    with LiveHistory(store=url) as history:
        pipe.send(history.features(CARD | {"submitted_at": history.now + 1})["submitter_count_1d"])
        history.observe(CARD | {"submission_id": "b", "submitted_at": CARD["submitted_at"] + 1})
        pipe.send("written")
        pipe.recv()
        history.refresh()
        pipe.send(history.features(CARD | {"submitted_at": history.now + 1})["submitter_count_1d"])


def test_an_empty_store_gives_tables_without_rows(durable):
    with LiveHistory(store=durable) as history:
        cards, answers = history.tables()
    assert list(cards.columns) == ["submission_id", "submitted_at", "received_at"]
    assert list(answers.columns) == ["submission_id", "answered_at", "received_at"]
    assert compute(cards, answers, history=(cards, answers)).shape == (0, len(FEATURES))


def test_two_processes_see_each_others_events(durable):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with LiveHistory(store=durable) as history:
        history.observe(CARD)
        child = context.Process(target=_other_process, args=(durable, there))
        child.start()
        assert here.recv() == 1
        assert here.recv() == "written"
        asked = CARD | {"submitted_at": CARD["submitted_at"] + 2}
        assert history.features(asked)["submitter_count_1d"] == 1
        history.refresh()
        assert history.features(asked)["submitter_count_1d"] == 2
        history.observe(CARD | {"submission_id": "c", "submitted_at": CARD["submitted_at"] + 3})
        here.send("go on")
        assert here.recv() == 3
        child.join()
        assert child.exitcode == 0


def test_a_retry_through_another_process_counts_once(durable):
    with LiveHistory(store=durable) as one, LiveHistory(store=durable) as other:
        one.observe(CARD)
        other.observe(CARD)
        asked = CARD | {"submitted_at": CARD["submitted_at"] + 1}
        assert one.features(asked)["submitter_count_1d"] == other.features(asked)["submitter_count_1d"] == 1
