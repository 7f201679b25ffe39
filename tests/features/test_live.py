"""Live equals batch over the same events, to the bit; reading writes nothing."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES, compute
from cardrisk.features.live import layout as in_
from cardrisk.features.live.history import LiveHistory
from cardrisk.features.stores.tables import entries_of

from . import worlds


def replay(history, submissions, outcomes):
    """Hand every event over in order; return the rows read just before each card became history."""
    read = {}
    for entry in entries_of(submissions, outcomes):
        if entry.kind == "card":
            read[entry.row["submission_id"]] = history.features(entry.row)
            history.observe(entry.row)
        else:
            history.answer(entry.row)
    return read


@pytest.mark.parametrize("seed", range(4))
def test_live_equals_batch_to_the_bit(seed):
    rng = np.random.default_rng([6, seed])
    submissions, outcomes = worlds.tables(rng, n=int(rng.integers(20, 160)), days=int(rng.choice([3, 40, 200])))
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)
    submissions["batch_id"] = None  # cards of one batch and moment are read together; see the request tests
    batch = compute(submissions, outcomes)
    live = replay(LiveHistory(), submissions, outcomes)
    wrong = []
    for i, name in enumerate(submissions["submission_id"]):
        for feature in FEATURES:
            expected, got = batch[feature.name].iloc[i], live[name][feature.name]
            if feature.dtype == "str":
                same = (pd.isna(expected) and got is None) or expected == got
            else:
                same = (np.isnan(expected) and np.isnan(got)) or float(expected) == got
            if not same:
                wrong.append((i, feature.name, expected, got))
    assert not wrong, (len(wrong), {w[1] for w in wrong}, wrong[:8])


@pytest.mark.timeout(7200)
def test_a_long_replay_equals_the_batch_to_the_bit(full_or):
    n = full_or(420_000, 700)  # about 2.4 events a row: a million
    rng = np.random.default_rng([6, 99])
    submissions, outcomes = worlds.tables(rng, n=n, days=60, entities=max(4, n // 100))
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)
    submissions["batch_id"] = None
    numbers = FEATURES.select(FEATURES.numeric[::4])
    history, rows, names = LiveHistory(numbers), [], []
    for entry in entries_of(submissions, outcomes):
        if entry.kind == "card":
            names.append(entry.row["submission_id"])
            rows.append(history.take(entry.row)[0].astype(np.float32))
        else:
            history.answer(entry.row)
    live = pd.DataFrame(np.array(rows), index=names, columns=[f.name for f in history.layout.features])
    batch = compute(submissions, outcomes, features=numbers).set_axis(submissions["submission_id"])
    live = live.loc[batch.index]
    for name in live:
        np.testing.assert_array_equal(live[name].to_numpy(), batch[name].to_numpy(np.float32), err_msg=name)


def test_events_are_chained_for_the_keys_that_count_them_and_for_no_other() -> None:
    laid = in_.layout_of(FEATURES)
    for field, kinds, header, end in (
        (in_.COMING_CARD, {in_.CARD, in_.DISTINCT}, in_.CARD_HEADER, in_.CARD_WEIGHTS),
        (in_.COMING_ANSWER, {in_.ANSWERS, in_.TOP}, in_.ANSWER_HEADER, in_.ANSWER_WEIGHTS),
    ):
        counting = [
            key[field] for key in laid.key_table if kinds & set(laid.streams[key[in_.FROM] : key[in_.TO], in_.KIND])
        ]
        assert counting == list(range(header, laid.sizes[end]))  # a place of its own each, and none to spare
        assert not laid.key_table[:, field].sum() - sum(counting)
        assert 0 < len(counting) < len(laid.keys)
