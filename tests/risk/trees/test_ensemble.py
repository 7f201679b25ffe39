"""Raw scores and predictions are LightGBM's own, to the bit."""

import threading
from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba import njit

from cardrisk.errors import FeatureMismatchError
from cardrisk.risk.trees import Ensemble, kernels, parse
from tests.risk.trees.texts import SPECIAL, chain, random_model, trained

SETTINGS: list[dict[str, object]] = [
    {},
    {"zero_as_missing": True},
    {"use_missing": False},
    {"max_depth": 3},
    {"num_leaves": 2},
    {"min_data_in_leaf": 10_000},
    {"sigmoid": 2.3},
    {"max_cat_to_onehot": 100},
    {"min_data_per_group": 1, "cat_smooth": 0.0, "cat_l2": 0.0, "min_data_in_leaf": 1},
    {"categorical": (), "monotone_constraints": [0, 0, 1, 0, 1, 0]},
    {"boosting": "dart", "drop_rate": 0.5},
    {"data_sample_strategy": "goss"},
    {"linear_lambda": 0.0, "extra_trees": True},
    {"objective": "cross_entropy"},
    {"objective": "regression"},
    {"objective": "multiclass", "num_class": 3},
    {"objective": "multiclassova", "num_class": 3, "sigmoid": 0.7},
    {"use_quantized_grad": True},
]
OBJECTIVES = [
    ("binary sigmoid:1", 1),
    ("regression", 1),
    ("multiclass num_class:3", 3),
    ("multiclassova num_class:4 sigmoid:0.5", 4),
]


def assert_same(booster: lightgbm.Booster, ensemble: Ensemble, rows: np.ndarray) -> None:
    """Every road over ``rows``: batch, raw, one by one, in threads."""
    predictions = booster.predict(rows, num_threads=1)
    np.testing.assert_array_equal(ensemble.predict(rows), predictions)
    np.testing.assert_array_equal(ensemble.raw(rows), booster.predict(rows, raw_score=True, num_threads=1))
    some = rows[:40]
    one_by_one = np.array([ensemble.predict_row(row) for row in some]).reshape(predictions[:40].shape)
    np.testing.assert_array_equal(one_by_one, predictions[:40])


def strange(rng: np.random.Generator, rows: int, features: int) -> np.ndarray:
    """Rows of values at every edge of the decision rules, beside ordinary ones."""
    values = rng.choice(SPECIAL, (rows, features))
    return np.where(rng.random(values.shape) < 0.3, rng.normal(0, 30, values.shape), values)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_trained_models_give_the_same_bits(setting: dict[str, object], full_or: Callable[[int, int], int]) -> None:
    for seed in range(full_or(12, 2)):
        booster, rows = trained(seed, **setting)
        ensemble = Ensemble.from_booster(booster)
        assert_same(booster, ensemble, rows)
        assert_same(booster, ensemble, strange(np.random.default_rng(seed), 500, 6))


@pytest.mark.parametrize(("objective", "classes"), OBJECTIVES)
def test_made_up_models_give_the_same_bits(objective: str, classes: int, full_or: Callable[[int, int], int]) -> None:
    """Shapes, thresholds, missing types and category sets that training would hardly give."""
    for seed in range(full_or(500, 25)):
        rng = np.random.default_rng([seed, classes])
        text = random_model(rng, objective, classes)
        booster = lightgbm.Booster(model_str=text.decode())
        assert_same(booster, parse(text), strange(rng, 200, 5))


value = st.one_of(st.floats(), st.sampled_from(SPECIAL.tolist()), st.integers(-3, 100).map(float))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[lightgbm.Booster, Ensemble]]:
    found = []
    for seed in range(4):
        text = random_model(np.random.default_rng(seed), "binary sigmoid:1", 1)
        found.append((lightgbm.Booster(model_str=text.decode()), parse(text)))
    return found


@settings(deadline=None, max_examples=150, derandomize=True, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.lists(value, min_size=5, max_size=5), min_size=1, max_size=9), which=st.integers(0, 3))
def test_any_value_gives_the_same_bits(
    pairs: list[tuple[lightgbm.Booster, Ensemble]], rows: list[list[float]], which: int
) -> None:
    assert_same(*pairs[which], np.array(rows))


def test_rows_of_any_kind_of_array() -> None:
    booster, rows = trained(1)
    ensemble = Ensemble.from_booster(booster)
    expected = booster.predict(rows, num_threads=1)
    np.testing.assert_array_equal(ensemble.predict(np.asfortranarray(rows)), expected)
    np.testing.assert_array_equal(ensemble.predict(rows[::-1])[::-1], expected)
    narrow = rows.astype(np.float32)
    np.testing.assert_array_equal(ensemble.predict(narrow), booster.predict(narrow, num_threads=1))
    assert ensemble.predict(rows[:0]).shape == (0,)


def test_threads_change_nothing() -> None:
    booster, rows = trained(2)
    ensemble = Ensemble.from_booster(booster)
    many = np.tile(rows, (50, 1))
    np.testing.assert_array_equal(ensemble.predict(many, threads=2), ensemble.predict(many))
    found: list[np.ndarray] = []
    workers = [threading.Thread(target=lambda: found.append(ensemble.predict(many))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    for one in found:
        np.testing.assert_array_equal(one, ensemble.predict(many))


def test_compiled_code_can_evaluate_a_row() -> None:
    booster, rows = trained(3)
    ensemble = Ensemble.from_booster(booster)

    @njit
    def fused(row, nodes, roots, columns, words, out, link, slope):  # type: ignore[no-untyped-def]
        kernels.predict_row(row, nodes, roots, columns, words, out, link, slope)
        return out[0]

    found = fused(rows[0], *ensemble.tables, np.empty(1), ensemble.link, ensemble.slope)
    assert found == booster.predict(rows[:1])[0]


def test_what_a_model_says_about_itself() -> None:
    booster, _ = trained(0, objective="multiclass", num_class=3)
    ensemble = Ensemble.from_booster(booster)
    assert ensemble.feature_names == tuple(booster.feature_name())
    assert (ensemble.n_features, ensemble.num_class, ensemble.n_trees) == (6, 3, booster.num_trees())
    assert ensemble.objective == "multiclass num_class:3"
    assert repr(ensemble) == f"Ensemble({booster.num_trees()} trees, 6 features, 'multiclass num_class:3')"


def test_wrong_width_is_refused() -> None:
    ensemble = Ensemble.from_booster(trained(0)[0])
    with pytest.raises(FeatureMismatchError, match="expected 6 features a row, got shape"):
        ensemble.predict(np.zeros((2, 5)))
    with pytest.raises(FeatureMismatchError, match="expected 6 features a row, got shape"):
        ensemble.predict_row(np.zeros(7))
    with pytest.raises(FeatureMismatchError, match="expected 6 features a row, got shape"):
        ensemble.raw(np.zeros(6))


def test_deepest_tree_is_walked_without_recursion() -> None:
    leaves = 131_072
    ensemble = parse(chain(leaves))
    rows = np.array([[-1.0], [0.0], [leaves * 1.0], [leaves // 2]])
    booster_order = ensemble.raw(rows)
    # Split s sends x above leaves - 2 - s + 0.5 to leaf s - 1 (to the last leaf at the root).
    assert booster_order[0] == booster_order[1] == leaves - 2
    assert booster_order[2] == leaves - 1
    assert booster_order[3] == leaves - 2 - leaves // 2
    assert abs(ensemble.contributions(rows[3:]).sum() - booster_order[3]) < 1e-6
