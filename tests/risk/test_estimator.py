import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from cardrisk.errors import InputError
from cardrisk.risk import CardRiskClassifier


@parametrize_with_checks([CardRiskClassifier(params={"rounds": 20}, n_jobs=1)])
def test_sklearn_contract(estimator, check):
    check(estimator)


def table(count: int = 1_500) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(count, 5))
    X[random.random((count, 5)) < 0.1] = np.nan
    p = 1 / (1 + np.exp(-(np.nan_to_num(X[:, 0]) * 2 + np.nan_to_num(X[:, 1]) - 1.5)))
    return X, np.where(random.random(count) < p, "failed", "fine")


def test_pipeline_search_and_cross_validation():
    X, y = table()
    fast = CardRiskClassifier(params={"rounds": 30}, n_jobs=1, random_state=0)
    scores = cross_val_score(make_pipeline(StandardScaler(), fast), X, y, cv=3, scoring="roc_auc")
    assert scores.mean() > 0.8
    search = GridSearchCV(fast, {"params": [{"rounds": 5}, {"rounds": 30}]}, cv=2, scoring="neg_log_loss").fit(X, y)
    assert set(search.best_params_) == {"params"}


def test_time_order_calibrates_on_the_last_rows():
    X, y = table(4_000)
    late = np.arange(4_000) >= 3_200
    drifted = np.where(late & (np.random.default_rng(1).random(4_000) < 0.3), "failed", y)
    ordered = CardRiskClassifier(params={"rounds": 30}, time_ordered=True, random_state=0, n_jobs=1).fit(X, drifted)
    place = list(ordered.classes_).index("failed")
    told = ordered.predict_proba(X[late])[:, place].mean()
    # in-sample for three parameters only: the means agree closely
    assert abs(told - (drifted[late] == "failed").mean()) < 0.01


def test_wrong_share_is_refused():
    X, y = table(100)
    with pytest.raises(InputError, match=r"expected calibration_share in \[0, 0.5\], got 0.9"):
        CardRiskClassifier(calibration_share=0.9).fit(X, y)
