import numpy as np
import pytest
from sklearn import metrics as peer

from cardrisk.risk import metrics
from cardrisk.risk.metrics import Ranking


def drawn(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    p = np.round(random.random(count), int(random.integers(1, 6)))
    failed = (random.random(count) < p * 0.6).astype(float)
    return failed, p, random.integers(0, 4, count).astype(float)


@pytest.mark.parametrize("seed", range(8))
def test_equal_scikit_learn_with_ties_and_weights(seed):
    failed, p, weight = drawn(seed)
    ranking = Ranking.of(failed, p)
    for given in (None, weight):
        assert metrics.average_precision(ranking, given) == pytest.approx(
            peer.average_precision_score(failed, p, sample_weight=given)
        )
        assert metrics.auc(ranking, given) == pytest.approx(peer.roc_auc_score(failed, p, sample_weight=given))
        assert metrics.brier(failed, p, given) == pytest.approx(peer.brier_score_loss(failed, p, sample_weight=given))
        inside = np.clip(p, 1e-12, 1 - 1e-12)
        assert metrics.log_loss(failed, p, given) == pytest.approx(peer.log_loss(failed, inside, sample_weight=given))


@pytest.mark.parametrize("seed", range(4))
def test_integer_weights_are_repetitions(seed):
    failed, p, weight = drawn(seed)
    again = np.repeat(np.arange(len(p)), weight.astype(int))
    one, many = Ranking.of(failed, p), Ranking.of(failed[again], p[again])
    for measure in (
        metrics.average_precision,
        metrics.auc,
        lambda r, w=None: metrics.recall_at_review(r, 0.15, w),
        lambda r, w=None: metrics.recall_at_fpr(r, 0.05, w),
    ):
        assert measure(one, weight) == pytest.approx(measure(many))


def test_recalls_on_a_case_done_by_hand():
    failed = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 0], float)
    score = -np.arange(10.0)
    ranking = Ranking.of(failed, score)
    assert metrics.recall_at_review(ranking, 0.3) == pytest.approx(2 / 3)
    assert metrics.recall_at_fpr(ranking, 1 / 7) == pytest.approx(2 / 3)
    assert metrics.recall_at_fpr(ranking, 0.0) == pytest.approx(1 / 3)
    assert metrics.recall_at_review(Ranking.of(failed, np.zeros(10)), 0.3) == pytest.approx(0.3)


def test_precision_at_k_a_day_by_hand():
    failed = np.array([1, 0, 1, 1, 0], float)
    score = np.array([0.9, 0.8, 0.1, 0.5, 0.6])
    day = np.array([0, 0, 0, 1, 1])
    assert metrics.precision_at_k_a_day(failed, score, day, 2) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert metrics.precision_at_k_a_day(failed, score, day, 5) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics.precision_at_k_a_day(failed, score, day, 1, np.array([2.0, 2, 2, 1, 1])) == pytest.approx(2 / 3)


def test_calibration_of_a_calibrated_score():
    random = np.random.default_rng(0)
    p = random.beta(1, 6, 200_000)
    failed = (random.random(len(p)) < p).astype(float)
    # 20 bins of 10,000: each gap has a standard deviation of about .003, so their mean is below .005
    assert metrics.ece(failed, p) < 0.005
    assert metrics.ece(failed, np.minimum(p + 0.05, 1)) == pytest.approx(0.05, abs=0.005)
    table = metrics.calibration_table(failed, p)
    assert table["count"].sum() == len(p)
    # 20 intervals at 95 %: more than five misses happen with probability below .0004
    outside = (table["p_mean"] < table["rate_low"]) | (table["p_mean"] > table["rate_high"])
    assert outside.sum() <= 5


def test_one_class_or_no_cards_give_nan_not_an_error():
    empty = Ranking.of(np.empty(0), np.empty(0))
    assert np.isnan(metrics.average_precision(empty))
    assert np.isnan(metrics.auc(Ranking.of(np.zeros(3), np.arange(3.0))))
    assert np.isnan(metrics.brier(np.empty(0), np.empty(0)))


def test_wilson_against_known_values():
    low, high = metrics.wilson(np.array([0.0, 5, 10]), np.array([0.0, 10, 10]))
    np.testing.assert_allclose(low, [0, 0.2366, 0.7225], atol=1e-4)
    np.testing.assert_allclose(high, [1, 0.7634, 1.0], atol=1e-4)
