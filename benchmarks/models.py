"""LightGBM beside other learners on the same features, the same split and the same labels.

Each peer gets the same matrix (categories as codes), learns from the same cards and is measured on the same later
ones; calibration is left out, so that only the learners differ. Prints average precision, its share of the
ceiling's, log loss after the same calibration, and CPU seconds.

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

Learner = Callable[[np.ndarray, np.ndarray, np.ndarray, list[int]], np.ndarray]
"""(matrix to learn from, labels, matrix to score, categorical places) to log-odds or any increasing score."""


def lightgbm_default(X: np.ndarray, y: np.ndarray, Z: np.ndarray, categorical: list[int]) -> np.ndarray:
    grown = boost.grow_fail(X, y, None, settings=Settings({}, 0, 2), categorical=categorical)
    return parse(grown.text).raw(Z)


def hist_gradient_boosting(X: np.ndarray, y: np.ndarray, Z: np.ndarray, categorical: list[int]) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=300, max_leaf_nodes=31, min_samples_leaf=40, l2_regularization=5.0,
        max_features=0.5, categorical_features=categorical, early_stopping=False, random_state=0,
    )  # fmt: skip
    return np.asarray(model.fit(X, y).decision_function(Z))


def logistic(X: np.ndarray, y: np.ndarray, Z: np.ndarray, categorical: list[int]) -> np.ndarray:
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
    return np.asarray(model.fit(X, y).decision_function(Z))


def xgboost_peer(X: np.ndarray, y: np.ndarray, Z: np.ndarray, categorical: list[int]) -> np.ndarray:
    import xgboost

    kinds = ["c" if place in set(categorical) else "q" for place in range(X.shape[1])]
    options: dict[str, Any] = {"feature_types": kinds, "enable_categorical": True}
    made = xgboost.DMatrix(X, y, **options)
    params = {
        "objective": "binary:logistic", "eta": 0.05, "max_leaves": 31, "max_depth": 0, "grow_policy": "lossguide",
        "tree_method": "hist", "colsample_bytree": 0.5, "subsample": 0.8, "lambda": 5.0, "nthread": 2, "seed": 0,
    }  # fmt: skip
    return np.asarray(xgboost.train(params, made, 300).predict(xgboost.DMatrix(Z, **options), output_margin=True))


def catboost_peer(X: np.ndarray, y: np.ndarray, Z: np.ndarray, categorical: list[int]) -> np.ndarray:
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
    return np.asarray(model.fit(pool(X, y)).predict(pool(Z), prediction_type="RawFormulaVal"))


LEARNERS: dict[str, Learner] = {
    "LightGBM (ours)": lightgbm_default,
    "HistGradientBoosting": hist_gradient_boosting,
    "logistic regression": logistic,
    "XGBoost": xgboost_peer,
    "CatBoost": catboost_peer,
}


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
            raw = learner(X, y, Z, columns.categorical).astype(np.float64)
        except ImportError:
            print(f"{name}: not installed, left out")
            continue
        spent = time.process_time() - start
        half = np.arange(len(raw)) % 2 == 0
        fitted = calibrate.fit(raw[half], failed[half], np.full(half.sum(), "", dtype=object))
        p = fitted.probability(raw[~half])
        ap = metrics.average_precision(metrics.Ranking.of(failed, raw))
        rows.append((name, ap, ap / best, metrics.auc(metrics.Ranking.of(failed, raw)),
                     metrics.log_loss(failed[~half], p), spent))  # fmt: skip
    return pd.DataFrame(rows, columns=["learner", "AP", "of ceiling", "AUC", "log loss", "CPU s"])


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
