"""The paired interval is the definition's, holds its level, and only final answers of unseen cards count."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError
from cardrisk.registry.compare import compare, paired_interval, trained_until
from cardrisk.risk.tables import prepare

from . import conftest as made


def test_the_interval_is_that_of_cards_repeated_day_by_day():
    """Against the obvious version: draw days, repeat their cards, average precision by its definition."""
    rng = np.random.default_rng(1)
    n, days = 120, 9
    day = np.sort(rng.integers(0, days, n))
    failed = (rng.random(n) < 0.3).astype(float)
    one, two = np.round(rng.random(n) + failed * 0.2, 1), np.round(rng.random(n) + failed * 0.6, 1)

    def precision(rows, score):
        hits = [failed[rows][score[rows] >= score[i]].mean() for i in rows if failed[i]]
        return float(np.mean(hits))

    draws = np.random.default_rng(7)
    differences = []
    for _ in range(200):
        drawn = draws.integers(0, days, days)
        rows = np.concatenate([np.flatnonzero(day == d) for d in drawn])
        differences.append(precision(rows, two) - precision(rows, one))
    low, high = paired_interval(failed, one, two, day, draws=200, seed=7)
    inner = np.quantile(differences, [0.025, 0.975])
    assert low <= inner[0] < inner[1] <= high
    assert low >= min(differences)
    assert high <= max(differences)


def test_equal_models_rarely_look_better(full_or):
    """Low end above zero in at most 2.5 % of comparisons: more than the bound has a chance below 1e-4."""
    rng = np.random.default_rng(2)
    wrong, tries = 0, full_or(400, 40)
    for seed in range(tries):
        day = np.repeat(np.arange(14), 40)
        failed = (rng.random(len(day)) < 0.1 + 0.1 * rng.random(14)[day]).astype(float)
        one, two = (failed + rng.normal(0, 1, len(day)) for _ in range(2))
        wrong += paired_interval(failed, one, two, day, draws=150, seed=seed)[0] > 0
    assert wrong <= full_or(24, 6)


def test_one_day_gives_no_interval():
    zeros = np.zeros(4)
    assert np.isnan(paired_interval(zeros, zeros, zeros, np.zeros(4, np.int64))).all()


@pytest.fixture(scope="module")
def checked(tables):
    return prepare(*tables, key=made.TOKEN_KEY)


def test_only_final_answers_of_unseen_cards_count(checked, weak, good):
    found = compare(weak, good, checked, maturity=3, draws=50)
    ripe = checked.moments + 3 * 86_400_000_000 <= checked.end
    unseen = checked.moments > trained_until(good)
    assert found.young == (~ripe).sum()
    assert found.seen == (ripe & ~unseen).sum()
    assert found.cards == (ripe & unseen).sum()
    assert unseen.sum() > 0
    assert checked.submissions["submitted_at"][unseen].min() >= made.START + pd.Timedelta(days=made.LEARN_DAYS)


def test_late_answers_of_young_cards_change_nothing(tables, checked, weak, good):
    submissions, outcomes = tables
    young = submissions["submitted_at"] > submissions["submitted_at"].max() - pd.Timedelta(days=2.5)
    turned = outcomes.assign(status=np.where(young, "failed", outcomes["status"]))
    other = prepare(submissions, turned, key=made.TOKEN_KEY)
    one, two = (compare(weak, good, t, maturity=3, draws=20) for t in (checked, other))
    assert (one.champion, one.challenger, one.interval) == (two.champion, two.challenger, two.interval)


def test_a_model_against_itself(checked, good):
    found = compare(good, good, checked, maturity=1, draws=30)
    assert found.difference == 0.0
    assert found.interval == (0.0, 0.0)
    assert found.moved_share == 0.0
    assert found.mix["champion"].sum() == pytest.approx(1.0)


def test_propensities_weigh_and_are_checked(checked, weak, good):
    ids = checked.submissions["submission_id"]
    even = compare(weak, good, checked, maturity=1, draws=20, propensity=pd.Series(0.5, index=ids))
    plain = compare(weak, good, checked, maturity=1, draws=20)
    assert even.difference == pytest.approx(plain.difference)
    assert even.interval == pytest.approx(plain.interval)
    with pytest.raises(InputError, match=r"propensities in \(0, 1\], got 0.0"):
        compare(weak, good, checked, maturity=1, propensity=pd.Series(0.0, index=ids))


def test_a_negative_maturity_is_refused(checked, good):
    with pytest.raises(InputError, match="maturity: expected days >= 0, got -1"):
        compare(good, good, checked, maturity=-1)
