"""Growing the trees: p(fail), and p(cause | fail) on the failed cards.

Correctness: the same matrix, labels, weights and settings give the same trees, whatever the number of threads; a
feature declared monotone never moves the margin against its direction.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cardrisk.risk.encode import Matrix

Floats = npt.NDArray[np.float64]

ROUNDS: Final = 300
CAUSE_ROUNDS: Final = 12
LEAVES: Final = 31
FINE_BINS: Final = 1023
"""Bins of a money feature: with 255, a tail of less than 0.4 % of the cards shares one bin with its neighbours."""

MIN_CLASS: Final = 10
"""Fewest failed cards of a cause that gets trees of its own; rarer ones keep their overall share."""

DEFAULTS: Final[Mapping[str, Any]] = {
    "learning_rate": 0.05,
    "num_leaves": LEAVES,
    "min_data_in_leaf": 40,
    "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_bin": 255,
    "min_data_in_bin": 3,
    "cat_smooth": 20.0,
    "cat_l2": 10.0,
    "max_cat_threshold": 32,
    "monotone_constraints_method": "basic",
}
"""No trial of the study in ``benchmarks/tune.py`` beat these (its trials stand beside it); on larger worlds 31 leaves
beat 63 and 15, and slower and faster learning changed average precision by less than its interval. Constraints of the
"intermediate" method cost a third more time for no gain; ``use_quantized_grad`` aborts in LightGBM 4.7 together with
constraints or categories and is left out."""


@dataclass(frozen=True, slots=True)
class Grown:
    """Trees as LightGBM writes them, and the positions of the features they split on."""

    text: bytes
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to grow the trees.

    Attributes
    ----------
    params
        LightGBM parameters that differ from ``DEFAULTS``; ``rounds`` and ``cause_rounds`` set the numbers of rounds.
    seed
        Seed of every draw.
    threads
        Threads; 0: the processors that this process may use.
    """

    params: Mapping[str, Any]
    seed: int = 0
    threads: int = 0

    def for_size(self, failures: int) -> tuple[dict[str, Any], int]:
        """LightGBM parameters and rounds of p(fail) for so many failures: few failures carry few leaves."""
        given = {**DEFAULTS, **self.params}
        rounds = int(given.pop("rounds", ROUNDS if failures >= 2_000 else max(40, ROUNDS * failures // 2_000)))
        given.pop("cause_rounds", None)
        if "num_leaves" not in self.params:
            given["num_leaves"] = int(np.clip(failures // 25, 4, LEAVES))
        if "min_data_in_leaf" not in self.params:
            given["min_data_in_leaf"] = int(np.clip(failures // 10, 5, 40))
        return given, rounds

    def common(self) -> dict[str, Any]:
        """Parameters of every booster: quiet, repeatable, single layout."""
        return {
            "seed": self.seed,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
            "num_threads": self.threads or len(os.sched_getaffinity(0)),
        }


def quicker(settings: Settings, failures: int) -> Settings:
    """An eighth of the rounds, six times as fast, fewer features and cards a tree: a tenth of the time at most."""
    params, rounds = settings.for_size(failures)
    rate = min(6.0 * float(params["learning_rate"]), 0.3)
    fewer = {"learning_rate": rate, "rounds": max(20, rounds // 8), "feature_fraction": 0.3, "bagging_fraction": 0.4}
    return replace(settings, params={**settings.params, **fewer})


def grow_fail(
    matrix: Matrix,
    target: Floats,
    weight: Floats | None,
    *,
    settings: Settings,
    categorical: Sequence[int] = (),
    fine: Sequence[int] = (),
    monotone: Mapping[int, int] | None = None,
) -> Grown:
    """Grow the trees of p(fail).

    Parameters
    ----------
    matrix
        float32 (cards, features).
    target
        float64 in [0, 1], no nulls: 1 failed, 0 not, between for a label that may still flip.
    weight
        Weight per card, or None.
    settings
        How to grow.
    categorical, fine
        Positions of categorical features, and of numbers whose rare tails must stay visible.
    monotone
        Position to +1 (never lowers the risk as it grows) or -1.

    Returns
    -------
    Grown
        The raw score of the trees is the log-odds.
    """
    params, rounds = settings.for_size(int(target.sum()))
    soft = bool(((target > 0) & (target < 1)).any())
    params |= {"objective": "cross_entropy" if soft else "binary", **settings.common()}
    if fine:
        bins = [int(params["max_bin"])] * matrix.shape[1]
        for place in fine:
            bins[place] = FINE_BINS
        params["max_bin_by_feature"] = bins
    if monotone:
        params["monotone_constraints"] = [monotone.get(place, 0) for place in range(matrix.shape[1])]
    return _grow(matrix, target, weight, params, rounds, categorical)


def grow_cause(
    matrix: Matrix,
    cause: npt.NDArray[np.intp],
    weight: Floats | None,
    *,
    settings: Settings,
    categorical: Sequence[int] = (),
    rounds: int | None = None,
) -> Grown:
    """Grow the trees of p(cause | fail): one softmax over classes 0 .. max(cause).

    Parameters are as in `grow_fail`; ``cause`` holds a class per failed card, every class at least once; ``rounds``
    None: those of the settings.
    """
    classes = int(cause.max()) + 1
    rounds = int(settings.params.get("cause_rounds", CAUSE_ROUNDS)) if rounds is None else rounds
    params = {
        **DEFAULTS,
        **{name: value for name, value in settings.params.items() if name in ("max_bin", "feature_fraction")},
        "learning_rate": 0.25,
        "num_leaves": int(np.clip(len(cause) // (20 * classes), 4, 15)),
        "min_data_in_leaf": 10,
        "objective": "multiclass",
        "num_class": classes,
        **settings.common(),
    }
    params.pop("monotone_constraints_method")
    return _grow(matrix, cause.astype(np.float64), weight, params, rounds, categorical)


def _grow(
    matrix: Matrix,
    target: Floats,
    weight: Floats | None,
    params: dict[str, Any],
    rounds: int,
    categorical: Sequence[int],
) -> Grown:
    # OpenMP reads this once, when LightGBM loads: threads that wait then sleep instead of spinning, which under
    # load is several times faster and on an idle machine no slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    data = lightgbm.Dataset(
        matrix,
        target,
        weight=weight,
        feature_name=[f"f{place}" for place in range(matrix.shape[1])],
        categorical_feature=list(categorical),
        params=params,
        free_raw_data=True,
    )
    booster = lightgbm.train(params, data, num_boost_round=rounds)
    used = np.flatnonzero(booster.feature_importance("split"))
    return Grown(booster.model_to_string().encode(), tuple(int(place) for place in used))
