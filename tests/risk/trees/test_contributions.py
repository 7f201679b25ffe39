"""Contributions equal LightGBM's to 1e-9 and sum to the raw score."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import lightgbm
import numpy as np
import pytest

from cardrisk.errors import FeatureMismatchError, ModelError
from cardrisk.risk.trees import Ensemble, parse
from tests.risk.trees.test_ensemble import OBJECTIVES, SETTINGS, strange
from tests.risk.trees.texts import apart, random_model, trained


def assert_close(booster: lightgbm.Booster, ensemble: Ensemble, rows: np.ndarray) -> None:
    expected = booster.predict(rows, pred_contrib=True, num_threads=1)
    found = ensemble.contributions(rows)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=-1), ensemble.raw(rows), rtol=0, atol=1e-9)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_trained_models(setting: dict[str, object]) -> None:
    booster, rows = trained(1, **setting)
    assert_close(
        booster, Ensemble.from_booster(booster), np.vstack([rows[:60], strange(np.random.default_rng(1), 60, 6)])
    )


@pytest.mark.parametrize(("objective", "classes"), OBJECTIVES)
def test_made_up_models(objective: str, classes: int, full_or: Callable[[int, int], int]) -> None:
    """Features asked again and again on one path, in every order."""
    for seed in range(full_or(200, 12)):
        rng = np.random.default_rng([seed, classes])
        text = random_model(rng, objective, classes)
        assert_close(lightgbm.Booster(model_str=text.decode()), parse(text), strange(rng, 30, 5))


@pytest.mark.parametrize("features", [17, 40])
def test_more_features_on_a_path_than_one_block_of_points(features: int) -> None:
    rng = np.random.default_rng(features)
    X = rng.normal(size=(400, features))
    y = (X > -2.0).all(axis=1).astype(float) + 0.01 * X.sum(axis=1)
    settings = {"objective": "regression", "verbose": -1, "num_threads": 1, "num_leaves": 300, "min_data_in_leaf": 1}
    booster = lightgbm.train(settings | {"feature_fraction_bynode": 0.2}, lightgbm.Dataset(X, y), 5)
    ensemble = Ensemble.from_booster(booster)
    assert ensemble.paths.deep.any()
    assert ensemble.paths.points.shape[0] >= 3
    assert_close(booster, ensemble, X[:50])


def by_definition(ensemble: Ensemble, row: np.ndarray) -> np.ndarray:
    """The module's formula leaf by leaf in forty digits, for one output and numeric splits without missing values."""
    nodes, _, columns, _ = ensemble.tables
    found = [Decimal(0)] * ensemble.n_features
    paths: list[tuple[int, dict[int, tuple[Decimal, int]]]] = [(int(k), {}) for k in ensemble.tables.roots[:-1]]
    while paths:
        node, path = paths.pop()
        threshold, column, left = nodes[node].tolist()
        if column:
            feature = int(columns[column, 0])
            share, follows = path.get(feature, (Decimal(1), 1))
            for child in (left, left + 1):
                part = share * int(ensemble.covers[child]) / int(ensemble.covers[node])
                goes = child == left + int(row[feature] > threshold)
                paths.append((child, path | {feature: (part, follows * goes)}))
            continue
        for feature, (share, follows) in path.items():
            powers = [Decimal(1)]  # of t in the product of the other features' factors
            for other, (z, o) in path.items():
                if other != feature:
                    powers = [z * a + (o - z) * b for a, b in zip([*powers, 0], [0, *powers], strict=True)]
            whole = sum(power / (k + 1) for k, power in enumerate(powers))
            found[feature] += Decimal(threshold) * (follows - share) * whole
    return np.array(found, np.float64)


def test_deep_paths_lose_no_digits() -> None:
    """LightGBM's own lose the more the more features a path asks for."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, 40))
    y = (X > -2.0).all(axis=1) + 0.01 * X.sum(axis=1)
    settings = {"objective": "regression", "verbose": -1, "num_threads": 1, "num_leaves": 70, "min_data_in_leaf": 1}
    booster = lightgbm.train(settings | {"feature_fraction_bynode": 0.1, "seed": 1}, lightgbm.Dataset(X, y), 1)
    ensemble = Ensemble.from_booster(booster)
    assert ensemble.paths.deep.any()
    with localcontext(prec=40):
        exact = by_definition(ensemble, X[0])
    np.testing.assert_allclose(ensemble.contributions(X[:1])[0, :-1], exact, rtol=0, atol=1e-14 * np.abs(exact).max())


def test_a_model_without_training_counts_is_refused() -> None:
    parts = apart(model_text())
    tree = dict(parts.trees[0])
    tree[b"leaf_count"] = b" ".join([b"0"] * len(tree[b"leaf_count"].split()))
    parts.trees[0] = list(tree.items())
    ensemble = parse(parts.text())
    assert np.isfinite(ensemble.raw(np.zeros((1, 6)))).all()
    with pytest.raises(ModelError, match="every node's training count"):
        ensemble.contributions(np.zeros((1, 6)))


def test_wrong_width_is_refused() -> None:
    with pytest.raises(FeatureMismatchError, match="expected 6 features a row"):
        parse(model_text()).contributions(np.zeros((1, 5)))


def model_text() -> bytes:
    return trained(1)[0].model_to_string().encode()
