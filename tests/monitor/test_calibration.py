"""A calibrated table is left in peace, a wrong one is named, and young or unanswered cards change nothing."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.monitor.calibration import ALL, DAY, ERROR_RATE, calibration, gap_interval

END = 60 * DAY


def table(n=4_000, days=30, wrong=0.0, day_effect=0.0, seed=0):
    """Scores, submissions, moments and outcomes; the truth is ``p + wrong``, moved a little from day to day."""
    rng = np.random.default_rng(seed)
    moments = np.sort(rng.integers(0, days * DAY, n))
    p = rng.uniform(0.05, 0.3, n)
    chance = p + wrong + day_effect * rng.normal(size=days)[moments // DAY]
    ids = pd.Series([f"c{i}" for i in range(n)], dtype="str")
    failed = rng.random(n) < chance
    cards = pd.DataFrame({"submission_id": ids, "channel": rng.choice(["ecommerce", "vertical", "offline"], n)})
    answers = pd.DataFrame(
        {
            "submission_id": ids,
            "answered_at": pd.to_datetime(moments + 60_000_000, unit="us", utc=True),
            "status": np.where(failed, "failed", "success"),
        }
    )
    return pd.DataFrame({"submission_id": ids, "p_fail": p}), cards, moments, answers


def look(made, end=END, maturity=21.0):
    return calibration(*made, end=end, maturity=maturity).set_index("group")


def test_gaps_are_those_of_the_definition():
    scores, cards, moments, answers = table()
    found = look((scores, cards, moments, answers))
    for group in (ALL, "vertical"):
        part = (cards["channel"] == group) | (group == ALL)
        observed = (answers["status"][part] == "failed").mean()
        assert found.loc[group, "cards"] == part.sum()
        assert found.loc[group, "gap"] == pytest.approx(observed - scores["p_fail"][part].mean())
        assert found.loc[group, "low"] < found.loc[group, "gap"] < found.loc[group, "high"]
    assert list(found.index) == [ALL, "ecommerce", "offline", "vertical"]


def test_intervals_hold_with_days_that_differ(full_or):
    """All four intervals hold together in at least 95 % of tables: more misses than the bound has chance < 1e-4."""
    misses = 0
    for seed in range(full_or(500, 40)):
        found = look(table(n=1_000, days=20, day_effect=0.02, seed=seed))
        misses += bool(((found["low"] > 0) | (found["high"] < 0)).any())
    assert ERROR_RATE == 0.05
    assert misses <= full_or(45, 9)


def test_wrong_probabilities_are_named():
    assert look(table())["verdict"].eq("calibrated").all()
    assert look(table(wrong=0.05))["verdict"].eq("off").all()
    slightly = look(table(n=30_000, wrong=0.02))["verdict"]
    assert slightly[ALL] == "off"
    assert slightly.drop(ALL).eq("calibrated").all()


def test_young_cards_change_nothing():
    made = table()
    end = 40 * DAY
    young = made[2] > end - 21 * DAY
    answers = made[3].assign(status=np.where(young, "failed", made[3]["status"]))
    assert look(made, end).equals(look((*made[:3], answers), end))
    assert look(made, end).loc[ALL, "cards"] == (~young).sum()


def test_unanswered_cards_are_counted_and_not_called_good():
    scores, cards, moments, answers = table()
    found = look((scores, cards, moments, answers.iloc[::2]))
    assert found.loc[ALL, "unanswered"] == 2_000
    assert found.loc[ALL, "cards"] == 2_000


def test_few_cards_and_few_days_say_so():
    assert look(table(n=150))["verdict"].eq("too few").all()
    assert look(table(days=2, wrong=0.3))["verdict"].eq("too few").all()
    scores, cards, moments, answers = table(n=10)
    assert look((scores.assign(p_fail=np.nan), cards, moments, answers)).loc[ALL, "cards"] == 0


def test_one_day_has_no_interval():
    assert np.isnan(gap_interval(np.ones(5), np.ones(5), np.zeros(5, np.int64), 0.05)).all()
    assert np.isnan(gap_interval(np.empty(0), np.empty(0), np.empty(0, np.int64), 0.05)).all()
