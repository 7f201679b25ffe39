"""How good scores are: beside the base rate, the document's own screening and the ceiling, with intervals by day.

Correctness: every measure reads labels as of one moment and scores that were made at intake; all columns of the
summary are the same function of the same cards, only the score differs. Intervals come from resampling whole days,
because cards of a day share incidents.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError, MissingColumnError
from cardrisk.risk import metrics, slices
from cardrisk.risk.labels import DAY, labels_of, micro
from cardrisk.risk.metrics import Ranking

Floats = npt.NDArray[np.float64]

REVIEW_SHARES: Final = (0.05, 0.15, 0.30)
"""Shares of the cards reviewed or stopped: the document's bands (C1, C2) end at them."""

FALSE_ALARMS: Final = 0.05


@dataclass(frozen=True)
class Evaluation:
    """Figures of one evaluation.

    Attributes
    ----------
    metrics
        Plain figures by name: ``<measure>``, ``<measure>_low`` and ``_high`` (95 %, by day), and the same measure
        of the ``screening_``, ``ceiling_`` and ``base_`` scores; measures that cannot be computed are left out.
    frames
        ``summary`` (one row per measure), ``scored`` (one row per labelled card), ``calibration``, ``segments``,
        ``causes`` (confusion), ``incidents``, ``days``; with decisions also ``decisions``.
    """

    metrics: dict[str, float]
    frames: dict[str, pd.DataFrame] = field(repr=False)


@dataclass(frozen=True)
class _Scored:
    """Labelled cards with the scores to compare."""

    failed: Floats
    day: npt.NDArray[np.int64]
    scores: Mapping[str, Floats]

    @property
    def p(self) -> Floats:
        return self.scores["model"]


def evaluate(
    scores: pd.DataFrame,
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    truth: pd.DataFrame | None = None,
    decisions: pd.DataFrame | None = None,
    as_of: Any = None,
    per_day: int = 100,
    bootstrap: int = 200,
    seed: int = 0,
) -> Evaluation:
    """Measure scores against what became known of the cards.

    Parameters
    ----------
    scores
        One row per card: ``submission_id``, ``p_fail`` (null: not scored, left out) and, where known,
        ``p_<cause>`` and ``cause``.
    submissions
        The cards after intake: ``submission_id``, ``submitted_at``; channel, kind, registration, credit score and
        ``code_*`` facts where known.
    outcomes
        Answers, any number per card.
    truth
        The world's truth: the ceiling's ``p_fail``, the real ``cause``, ``incident``. None: not known.
    decisions
        One row per card: ``submission_id`` and ``decision``; money columns (``expected_loss``, ``cost``, ``saved``
        ...) are summed per decision and in all.
    as_of
        Only answers known before this moment are labels; None: all.
    per_day
        k of precision at k a day, cards.
    bootstrap
        Resamples of days; 0: no intervals.
    seed
        Seed of the resampling.

    Returns
    -------
    Evaluation

    Raises
    ------
    MissingColumnError
        If ``submission_id`` or ``p_fail`` is absent.
    InputError
        If no scored card has an answer.
    """
    cards = _cards(scores, submissions)
    labels = labels_of(cards["submission_id"], outcomes, None if as_of is None else micro(as_of))
    known = labels.known
    if not known.any():
        raise InputError("expected scored cards with answers, got none; give the outcomes of these cards")
    cards, labels = cards[known].reset_index(drop=True), labels.take(np.flatnonzero(known))
    cards["failed"] = labels.failed
    cards = _with_truth(cards, truth)
    table = _Scored(labels.failed, cards["day"].to_numpy(np.int64), _score_columns(cards))
    summary = _summary(table, per_day, bootstrap, seed)
    threshold = slices.review_threshold(table.p, REVIEW_SHARES[1])
    frames = {
        "summary": summary,
        "scored": slices.scored(cards),
        "calibration": metrics.calibration_table(table.failed, table.p),
        "segments": slices.segments(cards),
        "causes": slices.cause_confusion(cards, labels),
        "incidents": slices.incidents(cards, threshold),
        "days": slices.days(cards),
    }
    figures = _figures(summary) | slices.cause_figures(cards, labels) | slices.segment_figures(frames["segments"])
    if decisions is not None:
        frames["decisions"], money = slices.decisions(cards, decisions)
        figures |= money
    return Evaluation({name: value for name, value in figures.items() if np.isfinite(value)}, frames)


def _cards(scores: pd.DataFrame, submissions: pd.DataFrame) -> pd.DataFrame:
    """Scored cards with the facts of their submissions, one row each."""
    from cardrisk.tables import known_at

    for name in ("submission_id", "p_fail"):
        if name not in scores.columns:
            raise MissingColumnError(f"expected a column {name} in the scores, got {list(scores.columns)[:10]}")
    facts = submissions.drop_duplicates("submission_id")
    moment = np.asarray(known_at(facts), np.int64)
    facts = facts.assign(moment=moment, day=moment // DAY)
    wanted = [name for name in scores.columns if name in ("submission_id", "p_fail", "cause") or name.startswith("p_")]
    given = scores.loc[scores["p_fail"].notna(), wanted].drop_duplicates("submission_id")
    return given.merge(facts, on="submission_id", how="inner", suffixes=("", "_given"))


def _with_truth(cards: pd.DataFrame, truth: pd.DataFrame | None) -> pd.DataFrame:
    if truth is None:
        return cards
    wanted = [name for name in ("submission_id", "cause", "incident", "p_fail") if name in truth.columns]
    named = truth[wanted].rename(columns={"cause": "true_cause", "p_fail": "ceiling"})
    return cards.merge(named.drop_duplicates("submission_id"), on="submission_id", how="left")


def _score_columns(cards: pd.DataFrame) -> dict[str, Floats]:
    columns = {"model": cards["p_fail"].to_numpy(np.float64), "screening": slices.screening(cards)}
    if "ceiling" in cards and cards["ceiling"].notna().all():
        columns["ceiling"] = cards["ceiling"].to_numpy(np.float64)
    return columns


Measure = Callable[["_Scored", Ranking, Floats, Floats | None], float]


def _measures(per_day: int) -> dict[str, tuple[Measure, bool]]:
    """Measures by name: (function of table, ranking, score, weight; whether the score must be a probability)."""
    return {
        "average_precision": (lambda t, r, s, w: metrics.average_precision(r, w), False),
        "auc": (lambda t, r, s, w: metrics.auc(r, w), False),
        **{f"recall_at_review_{round(100 * share)}": (_recall_at(share), False) for share in REVIEW_SHARES},
        "recall_at_fpr_5": (lambda t, r, s, w: metrics.recall_at_fpr(r, FALSE_ALARMS, w), False),
        f"precision_at_{per_day}_a_day": (
            lambda t, r, s, w: metrics.precision_at_k_a_day(t.failed, s, t.day, per_day, w),
            False,
        ),
        "log_loss": (lambda t, r, s, w: metrics.log_loss(t.failed, s, w), True),
        "brier": (lambda t, r, s, w: metrics.brier(t.failed, s, w), True),
        "bias": (lambda t, r, s, w: metrics.bias(t.failed, s, w), True),
        "ece": (lambda t, r, s, w: metrics.ece(t.failed, s, w), True),
    }


def _recall_at(share: float) -> Measure:
    return lambda t, r, s, w: metrics.recall_at_review(r, share, w)


def _summary(table: _Scored, per_day: int, bootstrap: int, seed: int) -> pd.DataFrame:
    """One row per measure: the model with its interval, beside base rate, screening and ceiling."""
    rankings = {name: Ranking.of(table.failed, score) for name, score in table.scores.items()}
    measures = _measures(per_day)
    draws = {name: np.full((bootstrap, 2), np.nan) for name in measures}
    days, place = np.unique(table.day, return_inverse=True)
    random = np.random.default_rng(seed)
    for round_ in range(bootstrap if len(days) > 1 else 0):
        weight = np.bincount(random.integers(0, len(days), len(days)), minlength=len(days)).astype(float)[place]
        for name, (measure, _) in measures.items():
            draws[name][round_, 0] = measure(table, rankings["model"], table.p, weight)
            if "ceiling" in rankings and name.startswith(("average", "recall_at_review")):
                best = measure(table, rankings["ceiling"], table.scores["ceiling"], weight)
                draws[name][round_, 1] = draws[name][round_, 0] / best if best else np.nan
    constant = np.full(len(table.failed), table.failed.mean())
    flat = Ranking.of(table.failed, constant)
    rows = []
    for name, (measure, probability) in measures.items():
        row: dict[str, object] = {"measure": name, "model": measure(table, rankings["model"], table.p, None)}
        row["low"], row["high"] = _interval(draws[name][:, 0])
        row["base"] = measure(table, flat, constant, None)
        for other in ("screening", "ceiling"):
            usable = other in rankings and not (probability and other == "screening")
            row[other] = measure(table, rankings[other], table.scores[other], None) if usable else np.nan
        row["of_ceiling_low"], row["of_ceiling_high"] = _interval(draws[name][:, 1])
        rows.append(row)
    summary = pd.DataFrame(rows)
    higher = ~summary["measure"].isin(["log_loss", "brier", "bias", "ece"])
    summary["of_ceiling"] = (summary["model"] / summary["ceiling"]).where(higher)
    return summary


def _interval(draws: Floats) -> tuple[float, float]:
    finite = draws[np.isfinite(draws)]
    if len(finite) < 20:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def _figures(summary: pd.DataFrame) -> dict[str, float]:
    out: dict[str, float] = {}
    for row in summary.to_dict("records"):
        name = str(row["measure"])
        out[name] = float(row["model"])
        out |= {f"{name}_low": float(row["low"]), f"{name}_high": float(row["high"])}
        out |= {f"{other}_{name}": float(row[other]) for other in ("base", "screening", "ceiling")}
        out[f"{name}_of_ceiling"] = float(row["of_ceiling"])
    return out
