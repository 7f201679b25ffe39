"""LightGBM beside other learners on the same features, the same split and the same labels.

Each peer gets the same matrix (categories as codes), learns from the same cards and is measured on the same later
ones; calibration is left out, so that only the learners differ. Prints average precision, its share of the
ceiling's, log loss and Brier score after the same calibration, CPU seconds to learn, and CPU microseconds per row and
per single card to score with the learner's own predict (ours: with this library's evaluator of the same trees).

Reached with ``--days 24 --scale 0.015`` (68,000 cards), average precision, CPU seconds to learn, microseconds for one
card: LightGBM with this library's settings .751, 19, 38; with its own defaults .725, 18, 145; CatBoost .752, 98,
42,000; XGBoost .751, 27, 2,100; HistGradientBoosting .746, 45, 26,000; logistic regression .705, 17, 10,000. CatBoost's
.002 cost five times the training, and its model does not go through this library's verified parser: LightGBM is kept.

    python -m benchmarks.models [--small] [--days 30] [--scale 0.05]
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality import Ground, ground
from cardrisk.risk import boost, calibrate, metrics
from cardrisk.risk.boost import Settings
from cardrisk.risk.encode import Columns
from cardrisk.risk.labels import labels_of
from cardrisk.risk.trees import parse

Scorer = Callable[[np.ndarray], np.ndarray]
Learner = Callable[[np.ndarray, np.ndarray, list[int]], Scorer]
"""(matrix to learn from, labels, categorical places) to what gives log-odds, or any increasing score, of a matrix."""


def lightgbm_default(X: np.ndarray, y: np.ndarray, categorical: list[int]) -> Scorer:
    grown = boost.grow_fail(X, y, None, settings=Settings({}, 0, 2), categorical=categorical)
    return parse(grown.text).raw


def lightgbm_bare(X: np.ndarray, y: np.ndarray, categorical: list[int]) -> Scorer:
    """LightGBM as it comes: its own defaults for everything but the number of rounds."""
    import lightgbm

    data = lightgbm.Dataset(X, y, categorical_feature=categorical, params={"verbosity": -1})
    params = {"objective": "binary", "verbosity": -1, "num_threads": 2, "seed": 0, "deterministic": True}
    booster = lightgbm.train(params, data, 300)
    return lambda Z: np.asarray(booster.predict(Z, raw_score=True, num_threads=1))


def hist_gradient_boosting(X: np.ndarray, y: np.ndarray, categorical: list[int]) -> Scorer:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=300, max_leaf_nodes=31, min_samples_leaf=40, l2_regularization=5.0,
        max_features=0.5, categorical_features=categorical, early_stopping=False, random_state=0,
    )  # fmt: skip
    return model.fit(X, y).decision_function


def logistic(X: np.ndarray, y: np.ndarray, categorical: list[int]) -> Scorer:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numeric = [place for place in range(X.shape[1]) if place not in set(categorical)]
    squeeze = FunctionTransformer(lambda values: np.sign(values) * np.log1p(np.abs(values)))
    filled = SimpleImputer(strategy="constant", fill_value=-1)
    prepared = make_column_transformer(
        (make_pipeline(squeeze, SimpleImputer(add_indicator=True), StandardScaler()), numeric),
        (make_pipeline(filled, OneHotEncoder(handle_unknown="ignore")), categorical),
    )
    model = make_pipeline(prepared, LogisticRegression(C=0.1, max_iter=300))
    return model.fit(X, y).decision_function


def xgboost_peer(X: np.ndarray, y: np.ndarray, categorical: list[int]) -> Scorer:
    import xgboost

    kinds = ["c" if place in set(categorical) else "q" for place in range(X.shape[1])]
    options: dict[str, Any] = {"feature_types": kinds, "enable_categorical": True}
    made = xgboost.DMatrix(X, y, **options)
    params = {
        "objective": "binary:logistic", "eta": 0.05, "max_leaves": 31, "max_depth": 0, "grow_policy": "lossguide",
        "tree_method": "hist", "colsample_bytree": 0.5, "subsample": 0.8, "lambda": 5.0, "nthread": 2, "seed": 0,
    }  # fmt: skip
    booster = xgboost.train(params, made, 300)
    booster.set_param({"nthread": 1})
    return lambda Z: np.asarray(booster.predict(xgboost.DMatrix(Z, **options), output_margin=True))


def catboost_peer(X: np.ndarray, y: np.ndarray, categorical: list[int]) -> Scorer:
    from catboost import CatBoostClassifier, Pool

    def pool(values: np.ndarray, labels: np.ndarray | None = None) -> Any:
        frame = pd.DataFrame(values)
        frame = frame.astype(dict.fromkeys(categorical, "object"))
        for place in categorical:
            frame[place] = frame[place].fillna(-1).astype(int)
        return Pool(frame, labels, cat_features=categorical)

    model = CatBoostClassifier(
        iterations=400, learning_rate=0.08, depth=6, thread_count=2, random_seed=0, verbose=False,
        allow_writing_files=False,
    )  # fmt: skip
    model.fit(pool(X, y))
    return lambda Z: np.asarray(model.predict(pool(Z), prediction_type="RawFormulaVal", thread_count=1))


LEARNERS: dict[str, Learner] = {
    "LightGBM (ours)": lightgbm_default,
    "LightGBM (its defaults)": lightgbm_bare,
    "HistGradientBoosting": hist_gradient_boosting,
    "logistic regression": logistic,
    "XGBoost": xgboost_peer,
    "CatBoost": catboost_peer,
}


SINGLES = 200
"""Cards scored one at a time."""


def compare(g: Ground) -> pd.DataFrame:
    ids = g.tables.submissions["submission_id"]
    known = labels_of(ids[g.early], g.known().outcomes, g.cut)
    later = labels_of(ids[~g.early], g.tables.outcomes)
    columns = Columns.learn(g.features[g.early])
    X = columns.matrix(g.features[g.early])[known.known]
    Z = columns.matrix(g.features[~g.early])[later.known]
    y, failed = known.failed[known.known], later.failed[later.known]
    ceiling = g.truth.set_index("submission_id")["p_fail"].reindex(ids[~g.early][later.known]).to_numpy(np.float64)
    best = metrics.average_precision(metrics.Ranking.of(failed, ceiling))
    rows = []
    for name, learner in LEARNERS.items():
        start = time.process_time()
        try:
            scorer = learner(X, y, columns.categorical)
        except ImportError as reason:
            print(f"{name}: left out, {reason.name} is not installed")
            continue
        learning = time.process_time() - start
        scorer(Z[:1])  # what is compiled or built once is in place from here on
        start = time.process_time()
        raw = np.asarray(scorer(Z), np.float64)
        scoring = (time.process_time() - start) / len(Z)
        start = time.process_time()
        for row in range(SINGLES):
            scorer(Z[row : row + 1])
        single = (time.process_time() - start) / SINGLES
        half = np.arange(len(raw)) % 2 == 0
        fitted = calibrate.fit(raw[half], failed[half], np.full(half.sum(), "", dtype=object))
        p = fitted.probability(raw[~half])
        ranking = metrics.Ranking.of(failed, raw)
        ap = metrics.average_precision(ranking)
        rows.append(
            (name, ap, ap / best, metrics.auc(ranking), metrics.log_loss(failed[~half], p),
             metrics.brier(failed[~half], p), learning, 1e6 * scoring, 1e6 * single)
        )  # fmt: skip
        print(f"{name}: average precision {ap:.4f}, {learning:.0f} s", flush=True)
    names = ["learner", "AP", "of ceiling", "AUC", "log loss", "Brier", "CPU s", "us/row", "us/card"]
    return pd.DataFrame(rows, columns=names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--scale", type=float, default=0.05)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    g = ground(201, 12 if given.small else given.days, 0.01 if given.small else given.scale)
    table = compare(g)
    print(table.round(4).to_string(index=False))
    if not ((table["AP"] > 0) & (table["AP"] <= 1)).all():
        raise SystemExit("an average precision lies outside (0, 1]")


if __name__ == "__main__":
    main()
