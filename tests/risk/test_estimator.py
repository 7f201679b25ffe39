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
