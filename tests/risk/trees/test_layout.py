"""Two models' trees in one set of tables: each still gives its own sums, to the bit."""

import numpy as np
import pytest

from cardrisk.risk.trees import kernels, parse
from cardrisk.risk.trees.layout import join
from tests.risk.trees.test_ensemble import strange
from tests.risk.trees.texts import random_model, trained

OBJECTIVES = [("binary sigmoid:1", 1), ("multiclass num_class:3", 3)]


def texts() -> list[bytes]:
    """Models over five features: with categories, and without."""
    made = [random_model(np.random.default_rng([k, 5]), *OBJECTIVES[k % 2]) for k in range(6)]
    numeric = trained(2, categorical=())[0].model_to_string().encode()
    return [*made, numeric]


@pytest.mark.parametrize("seed", range(6))
def test_joined_trees_keep_their_sums(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (parse(text) for text in rng.choice(np.array(texts(), object), 2))
    if first.n_features != second.n_features:
        second = first
    both = join(first.tables, second.tables)
    filled = np.empty(len(both.columns))
    parts = [both.roots[: first.n_trees + 1], both.roots[first.n_trees :]]
    for row in strange(rng, 100, first.n_features):
        kernels.fill_columns(row, both.columns, filled)
        for roots, model in zip(parts, (first, second), strict=True):
            out = np.empty(model.num_class)
            kernels.sum_trees(filled, both.nodes, roots, both.words, out)
            np.testing.assert_array_equal(out, np.atleast_1d(model.raw(row[None, :])[0]))
