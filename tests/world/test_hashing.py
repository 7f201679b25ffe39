"""Hashed numbers are a function of their keys, and look random."""

import numpy as np
from scipy import stats

from cardrisk.world.hashing import bits, integer, normal, pick, uniform


def test_one_definition_for_single_keys_and_arrays() -> None:
    keys = np.arange(50)
    together = bits(3, 4, keys, 5)
    assert [int(bits(3, 4, int(key), 5)[0]) for key in keys] == together.tolist()
    assert bits(3, np.full(50, 4), keys, 5).tolist() == together.tolist()
    assert bits(-1)[0] == bits(np.array([-1]))[0]


def test_known_values() -> None:
    """Frozen: a change here is a change of every world."""
    assert [int(value) for value in bits(7, np.array([0, 1, 2]))] == KNOWN


KNOWN = [3863364003828011602, 17686512200023392379, 3207091191561469523]


def test_order_of_keys_matters_and_neighbours_are_independent() -> None:
    a, b = np.arange(20_000), np.arange(20_000) + 1
    assert not (bits(1, a) == bits(a, 1))[a != 1].any()
    assert abs(stats.spearmanr(uniform(1, a), uniform(1, b)).statistic) < 0.035
    assert abs(stats.spearmanr(uniform(1, a), uniform(2, a)).statistic) < 0.035
    assert stats.kstest(uniform(1, a), "uniform").pvalue > 1e-4
    assert stats.kstest(normal(1, a), "norm").pvalue > 1e-4
    assert set(integer(7, 1, a)) == set(range(7))


def test_pick_gives_shares_and_never_what_has_none() -> None:
    draws = np.linspace(0, 1, 10_001)[:-1]
    index = pick(np.array([0.0, 1.0, 3.0, 0.0]), draws)
    assert set(index) == {1, 2}
    assert (index == 1).mean() == 0.25
    assert pick(np.array([1.0, 0.0]), np.array([1.0 - 1e-16]))[0] == 0
