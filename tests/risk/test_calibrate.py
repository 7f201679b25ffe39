import numpy as np
import pytest

from cardrisk.risk.calibrate import Calibration, fit, sigmoid


def drawn(count: int, seed: int, slope: float = 1.0, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    margin = random.normal(-2, 1.5, count)
    return margin, (random.random(count) < sigmoid(slope * margin + offset)).astype(float)


def alike(count: int) -> np.ndarray:
    return np.full(count, "one", dtype=object)


@pytest.mark.parametrize(("slope", "offset"), [(0.6, 0.3), (1.0, 0.0), (1.5, -1.0)])
def test_recovers_a_distortion(slope, offset):
    margin, target = drawn(40_000, 0, slope, offset)
    fitted = fit(margin, target, alike(len(margin)))
    told = fitted.probability(margin)
    assert abs(told.mean() - target.mean()) < 1e-3
    # at 40,000 cards the fit's own error is about .01 in probability at the edges: three of them
    assert np.abs(told - sigmoid(slope * margin + offset)).max() < 0.03


def test_strictly_monotone_everywhere():
    margin, target = drawn(3_000, 1, 2.0, 1.0)
    group = np.where(np.arange(3_000) % 3 == 0, "a", "b").astype(object)
    fitted = fit(margin, target, group)
    line = np.linspace(-60, 60, 5_001)
    for name in ("a", "b", "never seen"):
        slope, offset = fitted.of(name)
        assert (np.diff(fitted.margin(line, slope, offset)) > 0).all()
        assert fitted.probability(line, slope, offset).min() > 0
        assert fitted.probability(line, slope, offset).max() < 1


def test_groups_get_what_their_own_answers_carry():
    margin, target = drawn(30_000, 2)
    odd_margin, odd_target = drawn(3_000, 3, offset=1.0)
    few_margin, few_target = drawn(12, 4, offset=1.0)
    group = np.array(["big"] * 30_000 + ["odd"] * 3_000 + ["few"] * 12, dtype=object)
    fitted = fit(
        np.concatenate([margin, odd_margin, few_margin]), np.concatenate([target, odd_target, few_target]), group
    )
    assert abs(fitted.of("odd")[1] - fitted.of("big")[1] - 1.0) < 0.35
    assert abs(fitted.of("few")[1]) < 0.3
    assert fitted.of("nobody") == (0.0, 0.0)


def test_no_cards_and_one_class_stay_finite():
    assert fit(np.empty(0), np.empty(0), alike(0)) == Calibration()
    margin, _ = drawn(50, 5)
    for value in (0.0, 1.0):
        assert np.isfinite(fit(margin, np.full(50, value), alike(50)).probability(margin)).all()


def test_one_card_and_a_million_give_the_same_bits():
    margin, target = drawn(2_000, 6)
    fitted = fit(margin, target, alike(2_000))
    one = np.array([fitted.probability(margin[place : place + 1], 0.1, -0.2)[0] for place in range(2_000)])
    np.testing.assert_array_equal(one, fitted.probability(margin, np.full(2_000, 0.1), np.full(2_000, -0.2)))
