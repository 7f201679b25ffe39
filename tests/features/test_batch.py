"""Batch features equal the obvious triple loop over what was known strictly before each moment."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES, compute
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
