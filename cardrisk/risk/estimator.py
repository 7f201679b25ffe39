"""The calibrated trees as a scikit-learn classifier, for any numeric table with two classes.

Correctness: it keeps scikit-learn's contract (``check_estimator``): parameters are not touched by ``fit``, equal
input gives equal output, NaN means unknown; probabilities are calibrated on rows that the trees have not seen.
"""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from cardrisk.errors import InputError
from cardrisk.risk import boost, calibrate
from cardrisk.risk.boost import Settings
from cardrisk.risk.trees import parse

Floats = npt.NDArray[np.float64]


class CardRiskClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Boosted trees with beta calibration on held-out rows; two classes, numbers, NaN for unknown.

    `cardrisk.train` is the road for submissions and answers; this is for tables whose features are made elsewhere.

    Parameters
    ----------
    params
        LightGBM parameters that differ from the defaults, also ``rounds``; None: none.
    calibration_share
        Share of the rows held out to calibrate, in [0, 0.5]; 0: the trees' own probabilities.
    time_ordered
        True: rows stand in time order and the last ones calibrate. False: a random part of each class does.
    random_state
        Seed of every draw; an int, a RandomState or None.
    n_jobs
        Threads; None: the processors this process may use.

    Attributes
    ----------
    classes_
        The two classes; the second one is what probabilities speak of.
    n_features_in_
        Number of columns seen by `fit`.
    calibration_
        The fitted map from log-odds to probability.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        *,
        params: dict[str, Any] | None = None,
        calibration_share: float = 0.2,
        time_ordered: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.params = params
        self.calibration_share = calibration_share
        self.time_ordered = time_ordered
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> "CardRiskClassifier":
        """Grow the trees and calibrate them.

        Parameters
        ----------
        X
            (rows, features) numbers; NaN is unknown, infinities are refused.
        y
            (rows,) two classes.

        Returns
        -------
        CardRiskClassifier
            Itself.

        Raises
        ------
        ValueError
            If the data are not a finite table with two classes.
        InputError
            If ``calibration_share`` is not in [0, 0.5].
        """
        from sklearn.utils import check_random_state

        if not 0 <= self.calibration_share <= 0.5:
            raise InputError(f"expected calibration_share in [0, 0.5], got {self.calibration_share}")
        X, y = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, target = np.unique(y, return_inverse=True)
        if len(self.classes_) != 2:
            kinds = "classes" if len(self.classes_) > 2 else "class"
            raise ValueError(
                f"Only binary classification is supported. Classifier can't train when only one class is present or "
                f"more than two are; got {len(self.classes_)} {kinds}."
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        held = self._held(target, seed)
        settings = Settings(dict(self.params or {}), seed, self.n_jobs or 0)
        grown = boost.grow_fail(X[~held], target[~held].astype(np.float64), None, settings=settings)
        self._text = grown.text
        self._trees = parse(grown.text)
        raw = self._trees.raw(X[held])
        alike = np.full(len(raw), "", dtype=object)
        self.calibration_ = calibrate.fit(raw, target[held].astype(np.float64), alike)
        return self

    def decision_function(self, X: Any) -> Floats:
        """Calibrated log-odds of the second class, float64 (rows,); above 0 means more likely than not."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return self.calibration_.margin(self._trees.raw(X))

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of both classes, float64 (rows, 2)."""
        p = calibrate.sigmoid(self.decision_function(X))
        return np.column_stack([1.0 - p, p])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likelier class of each row, (rows,)."""
        chosen = self.decision_function(X) > 0
        return np.asarray(self.classes_[chosen.astype(np.intp)])

    def _held(self, target: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.bool_]:
        """Rows that calibrate; none where a class would be left with too few on either side."""
        held = np.zeros(len(target), bool)
        if self.time_ordered:
            held[len(target) - int(self.calibration_share * len(target)) :] = True
        else:
            random = np.random.default_rng(seed)
            for number in (0, 1):
                rows = random.permutation(np.flatnonzero(target == number))
                held[rows[: int(self.calibration_share * len(rows))]] = True
        enough = all(np.bincount(target[part], minlength=2).min() >= 20 for part in (held, ~held))
        return held if enough else np.zeros(len(target), bool)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_trees", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_text" in state:
            self._trees = parse(state["_text"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags
