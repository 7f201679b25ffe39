"""A row of float32 numbers gets the sums of the ordinary layout, to the bit, whatever the trees and the values."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardrisk.risk.trees import Ensemble, parse
from cardrisk.risk.trees.single import NODE, WIDE, Single, fill, sum_single
from tests.risk.trees.test_ensemble import OBJECTIVES, SETTINGS, strange, value
from tests.risk.trees.texts import chain, random_model, trained


def sums(single: Single, row: np.ndarray, first: int, stop: int, outputs: int) -> np.ndarray:
    """Raw scores of the trees from number ``first`` to before ``stop``."""
    whole = np.empty(len(single.columns))
    filled = np.empty(len(single.columns) + len(single.sets), np.float32)
    fill(row, single.columns, single.sets, single.words, whole, filled)
    out = np.empty(outputs)
    sum_single(filled, single.nodes, single.roots, first, stop, out)
    return out


def singles(rows: np.ndarray) -> np.ndarray:
    """Rows as float32 holds them, as float64."""
    with np.errstate(over="ignore"):
        return rows.astype(np.float32).astype(np.float64)


def assert_same(first: Ensemble, second: Ensemble | None, rows: np.ndarray) -> None:
    """Both ensembles of one layout give what each gives alone."""
    single, start = Single.of(first, second), 0
    for ensemble in (first, second):
        if ensemble is not None:
            stop = start + ensemble.n_trees
            found = [sums(single, row, start, stop, ensemble.num_class) for row in rows]
            expected = ensemble.raw(rows).reshape(len(rows), -1)
            np.testing.assert_array_equal(np.array(found).view(np.int64), expected.view(np.int64))
            start = stop


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_trained_models(setting: dict[str, object], full_or: Callable[[int, int], int]) -> None:
    for seed in range(full_or(12, 1)):
        booster, rows = trained(seed, **setting)
        ensemble = Ensemble.from_booster(booster)
        more = strange(np.random.default_rng(seed), 200, 6)
        assert_same(ensemble, None, singles(np.concatenate([rows[:200], more])))


@pytest.mark.parametrize(("objective", "classes"), OBJECTIVES)
def test_made_up_models_side_by_side(objective: str, classes: int, full_or: Callable[[int, int], int]) -> None:
    for seed in range(full_or(500, 10)):
        rng = np.random.default_rng([seed, classes, 7])
        one = parse(random_model(rng, "binary sigmoid:1", 1))
        other = parse(random_model(rng, objective, classes))
        assert_same(one, other, singles(strange(rng, 60, 5)))


@settings(deadline=None, max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.lists(value, min_size=5, max_size=5), min_size=1, max_size=9), seed=st.integers(0, 7))
def test_any_value(rows: list[list[float]], seed: int) -> None:
    ensemble = parse(random_model(np.random.default_rng(seed), "binary sigmoid:1", 1))
    assert_same(ensemble, None, singles(np.array(rows)))


def test_a_value_beside_a_threshold_falls_on_its_own_side() -> None:
    """Thresholds are float64: the nearest float32 may lie on the wrong side of one."""
    booster, _ = trained(1)
    ensemble = Ensemble.from_booster(booster)
    nodes = ensemble.tables.nodes
    near = nodes["threshold"][nodes["column"] > 0].astype(np.float32)
    beside = [np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf)]
    rows = np.stack([*beside, near]).astype(np.float64).ravel()
    assert_same(ensemble, None, np.repeat(rows[:600, None], 6, axis=1))


def test_a_tree_of_any_size() -> None:
    for leaves, kind in ((2, NODE), (100, NODE), (21_845, NODE), (21_846, WIDE), (131_072, WIDE)):
        ensemble = parse(chain(leaves))
        assert Single.of(ensemble, None).nodes.dtype == kind
        assert_same(ensemble, None, np.array([[-1.0], [0.0], [leaves], [leaves / 2]]))
