"""Finding parameters for one's own cards: an Optuna study over splits by knowledge time, within a time budget.

Correctness: every trial is measured on cards that came after all it learnt from, with labels as they were known then;
the first trial is the defaults, so what is returned is never worse than they are on these splits; a study that was
broken off goes on where it stood, on the same data alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError, MissingExtraError
from cardrisk.risk import boost, metrics
from cardrisk.risk.boost import DEFAULTS, Settings
from cardrisk.risk.calibrate import sigmoid
from cardrisk.risk.encode import Columns, Matrix
from cardrisk.risk.labels import labels_of
from cardrisk.risk.material import Places, TrainingData, labelled
from cardrisk.risk.rolling import Origin, origins
from cardrisk.risk.tables import Tables, prepare
from cardrisk.risk.trees import parse

if TYPE_CHECKING:
    from optuna import Study, Trial

    from cardrisk.features import FeatureSet

Floats = npt.NDArray[np.float64]

SECONDS: Final = 600.0
"""Time budget unless said: a dozen trials on 200,000 cards and two cores."""

FOLDS: Final = 2
FIRST_SHARE: Final = 0.5
SPACE: Final[Mapping[str, tuple[float, float, bool]]] = {
    "rounds": (40, 600, True),
    "learning_rate": (0.02, 0.2, True),
    "num_leaves": (4, 127, True),
    "min_data_in_leaf": (5, 300, True),
    "lambda_l2": (0.1, 50.0, True),
    "feature_fraction": (0.15, 1.0, False),
    "bagging_fraction": (0.5, 1.0, False),
    "cat_smooth": (1.0, 100.0, True),
}
"""Lowest and highest value of each parameter, and whether steps are by factors; whole where the lowest is."""


@dataclass(frozen=True)
class Tuned:
    """What a study found.

    Attributes
    ----------
    params
        LightGBM parameters, also ``rounds``, that differ from the defaults: for `train`. Empty: nothing beats them.
    log_loss, default_log_loss
        Mean log loss (nats) over the tested cards with these parameters and with the defaults.
    trials
        One row per finished trial: its parameters, ``log_loss``, ``average_precision`` and ``seconds``.
    """

    params: Mapping[str, Any]
    log_loss: float
    default_log_loss: float
    trials: pd.DataFrame


@dataclass(frozen=True)
class _Fold:
    """Matrices of one origin, encoded once for all trials."""

    matrix: Matrix
    data: TrainingData
    columns: Columns
    places: Places
    later: Matrix
    failed: Floats

    @classmethod
    def of(cls, frame: pd.DataFrame, tables: Tables, origin: Origin, propensity: "pd.Series[float] | None") -> "_Fold":
        data = labelled(frame.iloc[origin.rows], origin.tables, origin.tables.end, propensity)
        columns = Columns.learn(data.frame)
        after = origin.test.rows
        failed = labels_of(tables.submissions["submission_id"].iloc[after], tables.outcomes).failed
        known = ~np.isnan(failed)
        later = columns.matrix(frame.iloc[after[known]])
        return cls(
            columns.matrix(data.frame), data, columns, Places.of(columns, data.frame), later, failed[known]
        )  # fmt: skip

    def measured(self, settings: Settings) -> tuple[float, float]:
        """Log loss and average precision on the later cards of trees grown with these settings."""
        grown = boost.grow_fail(
            self.matrix, self.data.target, self.data.weight, settings=settings,
            categorical=self.columns.categorical, fine=self.places.fine, monotone=self.places.monotone,
        )  # fmt: skip
        raw = parse(grown.text).raw(self.later, threads=max(1, settings.threads))
        ranking = metrics.Ranking.of(self.failed, raw)
        return metrics.log_loss(self.failed, sigmoid(raw)), metrics.average_precision(ranking)


def tune(
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    seconds: float | None = SECONDS,
    trials: int | None = None,
    storage: str | None = None,
    study: str = "cardrisk",
    folds: int = FOLDS,
    first_share: float = FIRST_SHARE,
    key: Any = None,
    seed: int = 0,
    features: "FeatureSet | None" = None,
    propensity: "pd.Series[float] | None" = None,
    tz: str | None = None,
    threads: int = 0,
) -> Tuned:
    """Search LightGBM parameters for one's own cards; needs ``cardrisk[tune]``.

    Parameters
    ----------
    submissions, outcomes, history, key, features, propensity, tz, threads
        As in `train`.
    seconds
        No trial begins after so many seconds; None: no limit.
    trials
        Most trials in this call, the one with the defaults included; None: no limit. One of the two must be given.
    storage
        Where the study is kept, such as ``sqlite:///study.db``: a later call with the same data and name goes on
        with it. None: in memory.
    study
        Name of the study inside the storage.
    folds, first_share
        Rolling origins; see `prequential`.
    seed
        Seed of the search and of every training.

    Returns
    -------
    Tuned

    Raises
    ------
    MissingExtraError
        If Optuna is not installed.
    InputError
        If there is neither a time nor a number of trials, the storage holds a study of other data, or the tables
        cannot be split; see `prequential`.
    MissingColumnError, TimeZoneError
        If the tables break their contract.
    """
    from cardrisk.features import FEATURES, compute

    optuna = _optuna()
    if seconds is None and trials is None:
        raise InputError("expected seconds or trials to end the search, got neither")
    declared = FEATURES if features is None else features
    tables = prepare(submissions, outcomes, history=history, key=key, tz=tz)
    frame = compute(tables.submissions, tables.outcomes, history=tables.history, features=declared)
    splits = origins(tables, folds=folds, first_share=first_share)
    parts = [_Fold.of(frame, tables, origin, propensity) for origin in splits]
    made = optuna.create_study(
        direction="minimize", storage=storage, study_name=study, load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed), pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )  # fmt: skip
    _same_data(made, parts, declared.digest)
    if not made.trials:
        made.enqueue_trial(_defaults(parts))
    made.optimize(lambda trial: _loss(trial, parts, seed, threads), n_trials=trials, timeout=seconds)
    return _found(made)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("tuning needs Optuna, which is not installed; install cardrisk[tune]") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _defaults(parts: list[_Fold]) -> dict[str, Any]:
    """What `train` would take for these cards, as a trial."""
    given, rounds = Settings({}).for_size(int(parts[-1].data.target.sum()))
    found = {name: given.get(name, DEFAULTS.get(name)) for name in SPACE if name != "rounds"}
    return {**found, "rounds": rounds}


def _same_data(study: "Study", parts: list[_Fold], declared: str) -> None:
    """Refuse to go on with a study of other cards, labels or features."""
    content = hashlib.sha256(declared.encode())
    for part in parts:
        for array in (part.data.moments, part.data.target, part.failed):
            content.update(np.ascontiguousarray(array).tobytes())
    digest = content.hexdigest()
    if study.user_attrs.get("data", digest) != digest:
        raise InputError(
            f"expected the data that the study {study.study_name!r} began with, got other cards, answers or features; "
            "give another name or storage"
        )
    study.set_user_attr("data", digest)


def _loss(trial: "Trial", parts: list[_Fold], seed: int, threads: int) -> float:
    import optuna

    params: dict[str, Any] = {}
    for name, (low, high, by_factors) in SPACE.items():
        if isinstance(low, int):
            params[name] = trial.suggest_int(name, low, int(high), log=by_factors)
        else:
            params[name] = trial.suggest_float(name, low, high, log=by_factors)
    losses, precisions = [], []
    for step, part in enumerate(parts):
        loss, precision = part.measured(Settings(params, seed, threads))
        losses.append(loss * len(part.failed))
        precisions.append(precision)
        if step + 1 < len(parts):
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
    trial.set_user_attr("average_precision", float(np.mean(precisions)))
    return float(sum(losses) / sum(len(part.failed) for part in parts))


def _found(study: "Study") -> Tuned:
    done = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if not done:
        raise InputError("expected at least one finished trial, got none; give more seconds")
    rows = [
        {**trial.params, "log_loss": trial.value, "average_precision": trial.user_attrs.get("average_precision"),
         "seconds": trial.duration.total_seconds() if trial.duration else None}
        for trial in done
    ]  # fmt: skip
    best = study.best_trial
    params = {} if best.number == done[0].number else dict(best.params)
    return Tuned(params, float(best.value or 0.0), float(done[0].value or 0.0), pd.DataFrame(rows))
