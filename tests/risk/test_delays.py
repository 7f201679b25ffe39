import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError
from cardrisk.risk.delays import HORIZON, Flips, answer_gap, flips, treat
from cardrisk.risk.labels import DAY, DISPUTE, GATEWAY, NEVER, Labels

NOW = 100 * DAY


def world(count: int, share: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Successes answered evenly over 60 days; ``share`` of them flip after 1 to 20 days."""
    random = np.random.default_rng(seed)
    first = np.sort(random.integers(0, 60 * DAY, count))
    flipped = random.random(count) < share
    later = first + random.integers(DAY, 20 * DAY, count)
    ids = np.array([f"c{number}" for number in range(count)])
    at = pd.Series(np.concatenate([first, later[flipped]]).astype("datetime64[us]"))
    frame = pd.DataFrame(
        {
            "submission_id": np.concatenate([ids, ids[flipped]]),
            "answered_at": at.dt.tz_localize("UTC"),
            "status": ["success"] * count + ["failed"] * int(flipped.sum()),
        }
    )
    return frame, flipped


def test_a_young_table_does_not_read_as_one_without_disputes():
    frame, _ = world(20_000, 0.03, 0)
    curve = flips(frame, 30 * DAY)
    seen = frame[frame["answered_at"].astype("int64") < 30 * DAY]
    naive = (seen["status"] == "failed").sum() / (seen["status"] == "success").sum()
    told = curve.chance(np.zeros(1, np.int64))[0]
    # standard error of the estimate is about .0016: four of them
    assert abs(told - 0.03) < 0.0065
    assert naive < 0.025


def test_the_chance_falls_with_age_and_ends_at_maturity():
    frame, _ = world(5_000, 0.05, 1)
    ages = np.arange(0, 25) * DAY
    chance = flips(frame).chance(ages)
    assert (np.diff(chance) <= 0).all()
    assert (chance[ages >= HORIZON] == 0).all()
    assert 0 < chance[0] < 0.1


def test_only_what_was_known_before_the_moment_counts():
    frame, _ = world(2_000, 0.2, 2)
    past = frame[frame["answered_at"].astype("int64") < 20 * DAY]
    one, two = flips(frame, 20 * DAY), flips(past, 20 * DAY)
    np.testing.assert_array_equal(one.ages, two.ages)
    np.testing.assert_array_equal(one.survival, two.survival)


def test_no_success_no_flips():
    frame, _ = world(10, 0.0, 3)
    assert flips(frame[frame["status"] == "failed"]).chance(np.array([5])).tolist() == [0.0]
    assert flips(frame).chance(np.array([5])).tolist() == [0.0]


def test_gap_is_a_quantile_of_the_answered_and_is_capped():
    moments = np.zeros(101, np.int64)
    answered = np.concatenate([np.arange(100), [NEVER]])
    assert answer_gap(moments, answered) == 98
    assert answer_gap(moments, answered, cap=10) == 10
    assert answer_gap(moments, np.full(101, NEVER)) == 0


def labels(failed, ages, sources):
    answered = NOW - (np.array(ages) * DAY).astype(np.int64)
    nothing = np.full(len(failed), -1, np.int16)
    return Labels(np.array(failed, float), nothing, answered, np.array(sources, np.int8), nothing.astype(np.int32))


CURVE = Flips(np.array([2 * DAY]), np.array([0.9]))
"""One success in ten flips, two days after its answer."""


def test_treatments_of_labels_that_may_still_change():
    given = labels([0, 0, 1, 1, np.nan], [0, 5, 1, 4, 0], [GATEWAY, GATEWAY, DISPUTE, GATEWAY, GATEWAY])
    target, weight = treat(given, CURVE, NOW, "model")
    np.testing.assert_allclose(target, [0.1, 0, 1, 1, np.nan])
    np.testing.assert_allclose(weight, 1)
    target, weight = treat(given, CURVE, NOW, "weights")
    np.testing.assert_allclose(target, given.failed)
    np.testing.assert_allclose(weight[:4], [0.9, 1, 1.1, 1])
    np.testing.assert_allclose(treat(given, CURVE, NOW, "cut")[0], [np.nan, 0, np.nan, 1, np.nan])
    np.testing.assert_allclose(treat(given, CURVE, NOW, "none")[0], given.failed)


def test_model_and_weights_expect_the_same_failures():
    given = labels([0] * 50 + [1] * 5, [0] * 50 + [3] * 5, [GATEWAY] * 50 + [DISPUTE] * 5)
    sums = [(target * weight).sum() for target, weight in (treat(given, CURVE, NOW, h) for h in ("model", "weights"))]
    assert sums[0] == pytest.approx(sums[1])


def test_an_unknown_treatment_is_named():
    with pytest.raises(InputError, match="treatment of delays, one of model, weights, cut, none; got 'hope'"):
        treat(labels([0], [0], [GATEWAY]), CURVE, NOW, "hope")
