"""One call from tables to a calibrated model.

Correctness: the model as of T depends only on what was known before T; cards without an answer are not successes
but have no label; the map to probabilities is fitted on cards later than every card that its own trees learnt from
(`sighting`), and the trees that are kept then learn from these cards too.

Successes that may still be disputed count as failures by the chance that they flip (`delays.flips`), so that young
labels do not read as too good.
Chosen over labels as they stand, importance weights and a maturity cut (`benchmarks/delays.py` compares all four): on
68,000 cards with many disputes its bias is .001 where theirs are -.030 to -.037, at the ranking of the best of them. A
cut forgets the newest campaigns, and labels as they stand are wrong where disputes are many.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk._version import __version__
from cardrisk.risk import delays, doubts
from cardrisk.risk.boost import Settings
from cardrisk.risk.document import ModelCard
from cardrisk.risk.encode import Columns
from cardrisk.risk.labels import micro
from cardrisk.risk.material import Places, TrainingData, labelled
from cardrisk.risk.model import RiskModel
from cardrisk.risk.sighting import GROUPS, Grower, parts, sight
from cardrisk.risk.tables import Tables, prepare

if TYPE_CHECKING:
    from cardrisk.features import FeatureSet

Mask = npt.NDArray[np.bool_]


def train(
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    as_of: Any = None,
    key: Any = None,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    features: "FeatureSet | None" = None,
    propensity: "pd.Series[float] | None" = None,
    tz: str | None = None,
    threads: int = 0,
) -> RiskModel:
    """Train a calibrated model of p(fail) and its causes.

    Parameters
    ----------
    submissions
        Cards handed in: ``submission_id``, ``submitted_at``, one entity column; every other column is optional.
    outcomes
        Answers: ``submission_id``, ``answered_at``, ``status``, optionally ``cause``; any number per card.
    history
        Earlier (submissions, outcomes) that feed features but are not trained on.
    as_of
        A moment with time zone, or microseconds UTC: only answers known before it are labels, and only cards
        known before it are trained on. None: everything given.
    key
        Where the token key comes from (`cardrisk.codes`); None: the environment.
    params
        LightGBM parameters that differ from the defaults, also ``rounds`` and ``cause_rounds``.
    seed
        Seed of every draw.
    features
        Declarations to use; None: those of the library.
    propensity
        Indexed by ``submission_id``: the probability in (0, 1] with which the policy let the card through. Cards
        then weigh its inverse, so that what the policy mostly stops is not forgotten. None: all let through.
    tz
        Zone of times that carry none.
    threads
        Threads; 0: the processors this process may use.

    Returns
    -------
    RiskModel

    Raises
    ------
    InputError
        If no card has an answer, or all answers are successes or all are failures.
    MissingColumnError, TimeZoneError
        If the tables break their contract; see `cardrisk.tables`.

    Warns
    -----
    TrainingWarning
        Fewer than 100 cards failed, ids repeat, answers are dated more than 90 days from their card, or features read
        columns that are kept out.
    QuarantineWarning
        Rows that break a rule are left out.
    """
    from cardrisk.features import FEATURES, compute

    moment = None if as_of is None else micro(as_of)
    declared = FEATURES if features is None else features
    tables = prepare(submissions, outcomes, history=history, as_of=moment, key=key, tz=tz)
    doubts.tell_of_tables(tables, len(submissions))
    doubts.tell_of_columns(declared, list(submissions), list(tables.submissions))
    frame = compute(tables.submissions, tables.outcomes, history=tables.history, features=declared)
    settings = Settings(dict(params or {}), seed, threads)
    model = train_on(frame, tables, settings=settings, declared=declared, as_of=moment, propensity=propensity)
    doubts.tell_of_few(int(model.about["cards"]["failed"]))
    return model


def train_on(
    frame: pd.DataFrame,
    tables: Tables,
    *,
    settings: Settings,
    declared: "FeatureSet | None" = None,
    as_of: int | None = None,
    propensity: "pd.Series[float] | None" = None,
    delay: delays.Treatment = "model",
) -> RiskModel:
    """Train on features that are computed already; `train` is the road to it.

    Parameters
    ----------
    frame
        Features of ``tables.submissions``, same rows.
    tables
        Checked tables without secrets.
    settings
        How to grow the trees.
    declared, as_of, propensity
        As in `train`; ``as_of`` in microseconds.
    delay
        What is done about labels that may still change; see `delays.treat`.

    Returns
    -------
    RiskModel

    Raises
    ------
    InputError
        As `train`.
    """
    data = labelled(frame, tables, as_of, propensity, delay)
    columns = Columns.learn(data.frame)
    grower = Grower(columns.matrix(data.frame), data, columns, Places.of(columns, data.frame), settings)
    fit, held = parts(data, tables)
    seen = sight(grower, fit, held)
    grown, (cause_grown, shares) = grower.fail(), grower.causes()
    groups = tuple(name for name in GROUPS if name in columns.categories)
    used = {*grown.used, *(cause_grown.used if cause_grown else ())}
    needed = tuple(name for place, name in enumerate(columns.names) if place in used or name in groups)
    about = {"metrics": seen.metrics, **_facts(data, tables, settings, as_of, held)}
    shares = replace(shares, temperature=seen.temperature)
    card = ModelCard(columns, needed, _digests(declared, needed), groups, seen.calibration, shares, about)
    return RiskModel.build(card, grown.text, cause_grown.text if cause_grown else None, declared)


def _facts(data: TrainingData, tables: Tables, settings: Settings, as_of: int | None, held: Mask) -> dict[str, Any]:
    import lightgbm

    return {
        "window": {"start": _iso(int(data.moments.min())), "end": _iso(int(data.moments.max()))},
        "as_of": None if as_of is None else _iso(as_of),
        "cards": {"given": len(tables.moments), "labelled": len(data.target), "trees": len(data.target),
                  "calibration": int(held.sum()), "failed": int(data.labels.failed.sum())},
        "data_digest": _data_digest(data, tables),
        "settings": {"seed": settings.seed, "params": dict(settings.params)},
        "versions": {"cardrisk": __version__, "lightgbm": lightgbm.__version__, "numpy": np.__version__,
                     "pandas": pd.__version__},
    }  # fmt: skip


def _data_digest(data: TrainingData, tables: Tables) -> str:
    """SHA-256 over ids and moments of all cards and over the labels; independent of token keys."""
    ids = pd.util.hash_array(tables.submissions["submission_id"].to_numpy(object), categorize=False)
    content = hashlib.sha256(ids.tobytes())
    for part in (tables.moments, data.labels.failed, data.labels.cause, data.labels.answered):
        content.update(np.ascontiguousarray(part).tobytes())
    return content.hexdigest()


def _digests(declared: "FeatureSet | None", names: tuple[str, ...]) -> dict[str, str]:
    return {} if declared is None else {name: declared.select([name]).digest for name in names}


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1e6, UTC).isoformat()
