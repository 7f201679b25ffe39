"""Batch features equal the obvious triple loop over what was known strictly before each moment."""

import numpy as np
import pandas as pd
import pytest

from cardrisk import features as declare
from cardrisk.features import FEATURES, FeatureSet, Key, compute
from cardrisk.features.statistics import CARD
from tests.oracles import history as oracle

from . import worlds

HISTORY = FEATURES.select([f.name for f in FEATURES if f.key is not None])


def same(expected, got, dtype):
    if expected is None:
        return np.isnan(got)
    with np.errstate(all="ignore"):
        return np.isclose(float(expected), float(got), rtol=2e-7 if dtype == "float32" else 1e-15, atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_batch_equals_the_triple_loop(seed):
    rng = np.random.default_rng([5, seed])
    submissions, outcomes = worlds.tables(rng, n=40)
    found = compute(submissions, outcomes, features=HISTORY)
    history = oracle.History(oracle.records(submissions), oracle.records(outcomes))
    wrong = []
    for i, row in enumerate(oracle.records(submissions)):
        received = oracle.micros(row["received_at"])
        t = oracle.micros(row["submitted_at"]) if received is None else received
        for feature in HISTORY:
            expected = oracle.feature_value(history, feature, row, t, CARD)
            got = found[feature.name].iloc[i]
            if not same(expected, got, feature.dtype):
                wrong.append((i, feature.name, expected and float(expected), got))
    assert not wrong, (len(wrong), wrong[:10])


def test_cards_that_history_holds_already_are_read_as_if_it_did_not():
    submissions, outcomes = worlds.tables(np.random.default_rng(11), n=120)
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)
    past, cards = submissions[:80], submissions[80:]
    apart = compute(cards, outcomes, history=(past, outcomes[:0]), features=FEATURES)
    held = compute(cards, outcomes, history=(submissions, outcomes[:0]), features=FEATURES)
    pd.testing.assert_frame_equal(held, apart, check_exact=True)
    assert (held["request_cards"] >= 1).all()


@pytest.mark.parametrize("windows", [("1h",), ("1h", "1d", "7d", "30d")], ids=["few", "many"])
@pytest.mark.parametrize("amounts", [(0.01, 19.99, 500.0), (0.01, 30_000_000.0), (-19.99, 500.0)])
def test_money_of_any_size_equals_the_plain_loop(amounts, windows):
    rng = np.random.default_rng(len(windows))
    at = np.sort(rng.integers(0, 40 * 86_400, 533))
    name = rng.choice(["a", "b", "c", None], 533, p=[0.5, 0.3, 0.1, 0.1])
    cents = np.rint(rng.choice(amounts, 533) * 100).astype(np.int64)
    table = pd.DataFrame(
        {"submitted_at": pd.to_datetime(at, unit="s", utc=True), "name": name, "face_value": cents / 100}
    )
    wanted = [("count", None), ("sum", "face_value"), ("known", None), ("failed", None)]
    keys = Key("name", ("name",))
    declared = FeatureSet(tuple(declare.feature(what, keys, w, of=of) for w in windows for what, of in wanted))
    shuffled = table.sample(frac=1.0, random_state=1)
    found = compute(shuffled, None, features=declared).loc[table.index]
    for window in windows:
        span = pd.Timedelta(window.replace("d", "D")).total_seconds()
        inside = (at[None, :] < at[:, None]) & (at[None, :] >= at[:, None] - span) & (name[None, :] == name[:, None])
        known = pd.notna(name)
        for column, weight, scale in ((f"name_sum_face_value_{window}", cents, 100), (f"name_count_{window}", 1, 1)):
            expected = np.where(known, (inside * weight).sum(axis=1) / scale, np.nan)
            assert np.array_equal(found[column].to_numpy(np.float64), expected, equal_nan=True), column
