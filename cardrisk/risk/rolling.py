"""Prequential evaluation: at each origin learn from what was known, score what came next, move on.

Correctness: the model of a fold depends only on what was known before its origin, every card is scored by exactly
one model, and all figures of a fold are the same functions of the same cards as those of `evaluate`.
Dawid (1984) named it; it shows whether yesterday's good model would have been good every week.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError
from cardrisk.risk import delays
from cardrisk.risk.boost import Settings
from cardrisk.risk.evaluation import Evaluation, evaluate
from cardrisk.risk.labels import DAY, labels_of
from cardrisk.risk.splits import Part, rolling_origin
from cardrisk.risk.tables import Tables, prepare
from cardrisk.risk.training import train_on

if TYPE_CHECKING:
    from cardrisk.features import FeatureSet

FOLDS: Final = 4
FIRST_SHARE: Final = 0.4
"""Share of the cards that the first model may learn from."""

LONGEST_GAP: Final = 7 * DAY
"""Cards this young, microseconds, are left out of a training part at most, however slow the slowest answers are."""

SHOWN: Final = ("average_precision", "auc", "recall_at_review_15", "log_loss", "brier", "bias", "ece")
"""Measures of which a fold's row holds the model's value and interval, and the other scores' values."""


@dataclass(frozen=True)
class Origin:
    """One moment of learning.

    Attributes
    ----------
    rows
        Positions of the cards learnt from.
    tables
        These cards, and the answers known before the moment.
    test
        The cards scored: those handed in from the moment on, until the next one.
    """

    rows: npt.NDArray[np.intp]
    tables: Tables
    test: Part


def prequential(
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    truth: pd.DataFrame | None = None,
    folds: int = FOLDS,
    first_share: float = FIRST_SHARE,
    gap_days: float | None = None,
    key: Any = None,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    features: "FeatureSet | None" = None,
    propensity: "pd.Series[float] | None" = None,
    tz: str | None = None,
    threads: int = 0,
    bootstrap: int = 100,
) -> Evaluation:
    """Train at several moments as it would have been done then, and measure each model on the time after it.

    Parameters
    ----------
    submissions, outcomes, history, key, params, seed, features, propensity, tz, threads
        As in `train`.
    truth
        The world's truth: adds the ceiling and the real causes.
    folds
        Models trained; the periods they are tested on hold equally many cards.
    first_share
        Share of the cards, in (0, 1), that come before the first origin.
    gap_days
        Cards handed in less than so many days before an origin are not learnt from: their answers are still to
        come. None: the time in which 99 % of the answers known at the origin came, 7 days at most.
    bootstrap
        Resamples of days for the intervals; 0: none.

    Returns
    -------
    Evaluation
        Figures over all tested cards, and the frame ``folds``: ``fold, start, end`` (UTC), ``trained, tested,
        failed`` (cards), ``rate``, and per measure its value, ``_low``, ``_high`` (95 %, by day), and ``base_``,
        ``screening_`` and ``ceiling_`` (null where not known).

    Raises
    ------
    InputError
        If folds or shares make no sense, or no origin has answered cards of both classes on either side.
    MissingColumnError, TimeZoneError
        If the tables break their contract.
    """
    from cardrisk.features import FEATURES, compute

    declared = FEATURES if features is None else features
    tables = prepare(submissions, outcomes, history=history, key=key, tz=tz)
    frame = compute(tables.submissions, tables.outcomes, history=tables.history, features=declared)
    settings = Settings(dict(params or {}), seed, threads)
    found = origins(tables, folds=folds, first_share=first_share, gap_days=gap_days)
    return prequential_on(
        frame, tables, found, settings=settings, declared=declared, truth=truth, propensity=propensity,
        bootstrap=bootstrap,
    )  # fmt: skip


def prequential_on(
    frame: pd.DataFrame,
    tables: Tables,
    found: list[Origin],
    *,
    settings: Settings,
    declared: "FeatureSet | None" = None,
    truth: pd.DataFrame | None = None,
    propensity: "pd.Series[float] | None" = None,
    bootstrap: int = 100,
) -> Evaluation:
    """`prequential` on features that are computed already; ``found`` is what `origins` gave."""
    scores, rows = [], []
    for number, origin in enumerate(found, start=1):
        model = train_on(
            frame.iloc[origin.rows], origin.tables, settings=settings, declared=declared,
            as_of=origin.tables.end, propensity=propensity,
        )  # fmt: skip
        cards = tables.submissions.iloc[origin.test.rows]
        scored = model.predict(frame.iloc[origin.test.rows], threads=max(1, settings.threads))
        scores.append(scored.assign(submission_id=cards["submission_id"]))
        figures = evaluate(scores[-1], cards, tables.outcomes, truth=truth, bootstrap=bootstrap, seed=settings.seed)
        rows.append(_row(number, origin, figures, model.about["cards"]["labelled"]))
    tested = np.concatenate([origin.test.rows for origin in found])
    cards = tables.submissions.iloc[tested]
    report = evaluate(pd.concat(scores), cards, tables.outcomes, truth=truth, bootstrap=bootstrap, seed=settings.seed)
    return Evaluation(report.metrics, {**report.frames, "folds": pd.DataFrame(rows)})


def origins(
    tables: Tables, *, folds: int = FOLDS, first_share: float = FIRST_SHARE, gap_days: float | None = None
) -> list[Origin]:
    """Moments of learning with cards to learn from and cards to test on.

    Parameters
    ----------
    tables
        Checked tables without secrets.
    folds, first_share, gap_days
        As in `prequential`.

    Returns
    -------
    list of Origin
        In time order; a fold without answered cards of both classes to learn from, or without any to test on, is
        left out.

    Raises
    ------
    InputError
        If the numbers make no sense or no fold is left.
    """
    if gap_days is not None and not gap_days >= 0:
        raise InputError(f"expected gap_days >= 0, got {gap_days}")
    ids, found = tables.submissions["submission_id"], []
    for part, test in rolling_origin(tables.moments, folds=folds, first_share=first_share):
        known = tables.until(test.start)
        labels = labels_of(ids.iloc[part.rows], known.outcomes)
        if gap_days is None:
            gap = delays.answer_gap(tables.moments[part.rows], labels.answered, cap=LONGEST_GAP)
        else:
            gap = round(gap_days * DAY)
        rows = part.rows[tables.moments[part.rows] < test.start - gap]
        learnt = labels_of(ids.iloc[rows], known.outcomes)
        tested = labels_of(ids.iloc[test.rows], tables.outcomes)
        if 0 < np.nansum(learnt.failed) < learnt.known.sum() and tested.known.any():
            found.append(Origin(rows, known.take(rows), test))
    if not found:
        raise InputError(
            "expected answered cards of both classes before an origin and answered ones after it, got none; "
            "give more days of answers or a larger first_share"
        )
    return found


def _row(number: int, origin: Origin, figures: Evaluation, trained: int) -> dict[str, Any]:
    got = figures.metrics
    scored = figures.frames["scored"]
    row: dict[str, Any] = {
        "fold": number,
        "start": pd.Timestamp(origin.test.start, unit="us", tz="UTC"),
        "end": pd.Timestamp(origin.test.end, unit="us", tz="UTC"),
        "trained": trained,
        "tested": len(scored),
        "failed": int(scored["failed"].sum()),
        "rate": float(scored["failed"].mean()),
    }
    for name in SHOWN:
        row[name] = got.get(name, np.nan)
        row |= {f"{name}_{side}": got.get(f"{name}_{side}", np.nan) for side in ("low", "high")}
        row |= {f"{other}_{name}": got.get(f"{other}_{name}", np.nan) for other in ("base", "screening", "ceiling")}
    return row
