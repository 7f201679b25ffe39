"""Compiled probabilities equal the formulas they are made of, card by card and all at once."""

import numpy as np
import pytest

from cardrisk.facts import CAUSES
from cardrisk.risk.calibrate import Calibration, sigmoid
from cardrisk.risk.causes import CauseShares
from cardrisk.risk.chances import Chances, by_cause, chance, chances


def made(classes: int, seed: int) -> tuple[Calibration, CauseShares]:
    rng = np.random.default_rng([seed, classes])
    a, b = rng.lognormal(0, 0.3, 2)
    chosen = tuple(sorted(rng.choice(len(CAUSES), classes, replace=False).tolist()))
    rest = tuple(rng.dirichlet(np.ones(len(CAUSES))).tolist())
    return Calibration(a, b, rng.normal()), CauseShares(chosen, rest, 0.2 if classes else 1.0, 1.37)


@pytest.mark.parametrize("classes", [0, 2, 7, 8, 9, 13])
def test_a_table_and_a_card_are_the_formulas(classes: int) -> None:
    calibration, shares = made(classes, 3)
    rng = np.random.default_rng(classes)
    n = 5_000
    raw = np.concatenate([rng.normal(-2, 3, n - 3), [0.0, 700.0, -700.0]])
    slope, offset = rng.normal(0, 0.1, n), rng.normal(0, 0.3, n)
    scores = rng.normal(0, 3, (n, classes))
    laid = Chances.of(calibration, shares)
    out = np.empty((n, 1 + len(CAUSES)))
    chances(raw, scores.copy(), slope, offset, *laid, out)
    p = sigmoid(calibration.margin(raw, slope, offset))
    expected = np.column_stack([p, shares.shares(scores if classes else None, n) * p[:, None]])
    # The C library and NumPy's vectorised functions may differ in the last bits.
    np.testing.assert_allclose(out, expected, rtol=1e-13)
    alone = np.empty(len(CAUSES))
    for i in range(0, n, 250):
        assert chance(raw[i], slope[i], offset[i], laid.numbers) == out[i, 0]
        by_cause(out[i, 0], scores[i].copy(), *laid, alone)
        np.testing.assert_array_equal(alone, out[i, 1:])


def test_causes_nobody_knew_are_null() -> None:
    shares = CauseShares((), (1 / len(CAUSES),) * len(CAUSES), 1.0, known=False)
    out = np.empty((2, 1 + len(CAUSES)))
    zeros = np.zeros(2)
    chances(zeros, np.empty((2, 0)), zeros, zeros, *Chances.of(Calibration(), shares), out)
    assert (out[:, 0] == 0.5).all()
    assert np.isnan(out[:, 1:]).all()
