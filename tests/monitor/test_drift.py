"""Chance is not called drift; a shift worth naming is."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.monitor.drift import ERROR_RATE, drift, psi

RNG = np.random.default_rng(11)


def scored(n, shift=0.0, accept=0.7, rng=RNG):
    p = 1 / (1 + np.exp(-(rng.normal(-2.0 + shift, 1.2, n))))
    return pd.DataFrame(
        {
            "p_fail": p,
            "decision": np.where(rng.random(n) < accept, "accept", "review"),
            "cause": rng.choice(["forged", "mistyped", "expired"], n, p=[0.4, 0.4, 0.2]),
        }
    )


def verdicts(scores, reference):
    return drift(scores, reference).set_index("mix")["verdict"].to_dict()


def test_the_index_is_the_textbooks():
    now, then = np.array([300.0, 700.0]), np.array([500.0, 500.0])
    a, e = (now + 0.5) / 1001, (then + 0.5) / 1001
    assert psi(now, then) == pytest.approx(((a - e) * np.log(a / e)).sum())
    assert psi(then, then) == 0.0
    assert psi(then, now) == pytest.approx(psi(now, then))
    assert psi(np.zeros(2), then) == 0.0


@pytest.mark.parametrize("n", [100, 400, 3_000])
def test_equal_populations_are_stable(n, full_or):
    """A verdict is wrong in 1 of 1,000 comparisons: more than the bound has a chance below 1e-4 for each size."""
    tries = full_or(1_000, 30)
    wrong = sum(any(v != "stable" for v in verdicts(scored(n), scored(n)).values()) for _ in range(tries))
    assert ERROR_RATE == 0.001
    assert wrong <= full_or(6, 2)


def test_a_shift_is_named_by_its_size():
    reference = scored(5_000)
    assert verdicts(scored(5_000, shift=0.5), reference)["p_fail"] == "moved"
    assert verdicts(scored(5_000, shift=1.2), reference)["p_fail"] == "shifted"
    assert verdicts(scored(5_000, accept=0.3), reference)["decision"] == "shifted"
    assert verdicts(scored(5_000, shift=0.05), reference)["p_fail"] == "stable"


def test_too_few_cards_say_so():
    assert set(verdicts(scored(99), scored(5_000)).values()) == {"too few"}
    assert set(verdicts(scored(5_000), scored(0)).values()) == {"too few"}


def test_more_quarantined_cards_are_drift():
    now = scored(2_000)
    now.loc[now.index[:800], ["p_fail", "cause"]] = np.nan
    found = verdicts(now, scored(2_000))
    assert found["p_fail"] == "shifted"
    assert found["cause"] == "shifted"


def test_one_score_for_all_and_no_score_at_all():
    flat = scored(500).assign(p_fail=0.1)
    assert verdicts(flat, flat)["p_fail"] == "stable"
    none = scored(500).assign(p_fail=np.nan)
    assert verdicts(none, none)["p_fail"] == "stable"
    assert verdicts(none, flat)["p_fail"] == "shifted"
