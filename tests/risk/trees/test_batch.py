"""Many rows together get what each of them gets alone, to the bit, however many they are and wherever they go."""

import numpy as np
import pytest

from cardrisk.risk.trees import Ensemble, parse
from cardrisk.risk.trees.batch import BLOCK, FEW, SMALL, SMALL_WITH_SETS, STRIPE
from tests.risk.trees.test_ensemble import OBJECTIVES, strange
from tests.risk.trees.texts import Parts, apart, chain, joined, random_model, random_tree, trained

COUNTS = [
    1,
    SMALL_WITH_SETS - 1,
    SMALL_WITH_SETS,
    SMALL_WITH_SETS + 1,
    SMALL - 1,
    SMALL,
    SMALL + 1,
    3 * STRIPE,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    2 * BLOCK + 1,
]


def assert_same(ensemble: Ensemble, rows: np.ndarray) -> None:
    """Together as alone."""
    alone = [ensemble.raw(row[None, :]).ravel() for row in rows]
    together = ensemble.raw(rows).reshape(len(rows), -1)
    np.testing.assert_array_equal(together.view(np.int64), np.reshape(alone, together.shape).view(np.int64))


@pytest.mark.parametrize("count", COUNTS)
def test_any_number_of_rows(count: int) -> None:
    rng = np.random.default_rng(count)
    for objective, classes in OBJECTIVES:
        assert_same(parse(random_model(rng, objective, classes)), strange(rng, count, 5))
    booster, _ = trained(1, categorical=())
    assert_same(Ensemble.from_booster(booster), strange(rng, count, 6))


def test_rows_that_go_one_way() -> None:
    """At every split one of the two lists is empty, or holds one row."""
    rng = np.random.default_rng(1)
    for seed in range(20):
        ensemble = parse(random_model(np.random.default_rng(seed), "binary sigmoid:1", 1))
        rows = np.repeat(strange(rng, 1, 5), SMALL + 50, axis=0)
        assert_same(ensemble, rows)
        rows[rng.integers(len(rows))] = strange(rng, 1, 5)
        assert_same(ensemble, rows)


def test_as_many_nodes_wait_as_can() -> None:
    """A line of splits that takes one row off at a time: as long as rows are many, every split leaves a node behind."""
    leaves = BLOCK + int(FEW) + 100
    ensemble = parse(chain(leaves))
    rows = np.arange(BLOCK, dtype=np.float64)[:, None]
    for order in (rows, rows[::-1], np.random.default_rng(0).permutation(rows)):
        assert_same(ensemble, order)


def large_sets(rng: np.random.Generator, objective: str, sizes: int) -> bytes:
    """A model whose category sets take from one word to ``sizes`` words."""
    parts = apart(random_model(rng, objective, 1))
    trees = []
    for index in range(9):
        tree = dict(random_tree(rng, index, 60, 5))
        words = rng.integers(1, sizes + 1, int(tree[b"num_cat"]))
        tree[b"cat_boundaries"] = joined(np.append(0, np.cumsum(words)))
        tree[b"cat_threshold"] = joined(rng.integers(0, 2**32, int(words.sum())))
        trees.append(list(tree.items()))
    return Parts(parts.header, trees, parts.tail).text()


@pytest.mark.parametrize("sizes", [1, 2, 150])
def test_sets_of_any_size(sizes: int) -> None:
    """Categories within, at the end of and beyond sets of up to several thousand."""
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(sizes)
    text = large_sets(rng, "binary sigmoid:1", sizes)
    ensemble, booster = parse(text), lightgbm.Booster(model_str=text.decode())
    rows = np.where(rng.random((3000, 5)) < 0.3, strange(rng, 3000, 5), rng.integers(-2, 40 * sizes, (3000, 5)))
    np.testing.assert_array_equal(ensemble.predict(rows), booster.predict(rows, num_threads=1))
    assert_same(ensemble, rows[:300])


def test_a_model_without_splits() -> None:
    booster, rows = trained(0, min_data_in_leaf=10_000)
    assert_same(Ensemble.from_booster(booster), rows)
