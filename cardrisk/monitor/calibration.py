"""What was said against what happened, on cards whose answer is final.

Correctness: a card counts if it is older than the maturity and was answered; whether it counts does not depend on
how it ended. Cards of a day share incidents, so the interval is that of days, not of cards: it is the ratio
estimator's, with a t quantile of (days - 1) degrees of freedom, never narrower than that of independent cards.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.risk.labels import labels_of

Floats = npt.NDArray[np.float64]

DAY: Final = 86_400_000_000
"""Microseconds."""

TOLERANCE_ALL: Final = 0.01
TOLERANCE_CHANNEL: Final = 0.03
"""Gaps of mean probability and rate that are borne: over all cards, and in a channel."""

LEAST_CARDS: Final = 200
LEAST_DAYS: Final = 3
ERROR_RATE: Final = 0.05
"""Chance that any of the intervals of one table misses the true gap."""

ALL: Final = "all"
UNKNOWN: Final = "(null)"


def calibration(
    scores: pd.DataFrame,
    submissions: pd.DataFrame,
    moments: npt.NDArray[np.int64],
    outcomes: pd.DataFrame,
    *,
    end: int,
    maturity: float,
) -> pd.DataFrame:
    """Compare stated probabilities with observed rates, over all cards and by channel.

    Parameters
    ----------
    scores
        ``submission_id`` and ``p_fail``; null ``p_fail`` is left out.
    submissions
        Valid submissions: ``submission_id`` and, where known, ``channel``.
    moments
        int64 microseconds per submission: when it became known.
    outcomes
        Valid outcomes.
    end
        Microseconds: the moment at which answers are read and ages counted.
    maturity
        Days after which an answer is final.

    Returns
    -------
    pandas.DataFrame
        One row for all and one per channel: ``group``, ``cards`` (labelled), ``unanswered`` (mature, without label),
        ``days``, ``stated`` (mean p_fail), ``observed`` (failure rate), ``gap`` (observed - stated), ``low``, ``high``
        (95 % interval of the gap, all rows together) and ``verdict``: ``calibrated``, ``off`` or ``too few``.
    """
    cards = pd.DataFrame(
        {"submission_id": submissions["submission_id"].to_numpy(object), "day": moments // DAY, "moment": moments}
    )
    channel = submissions["channel"] if "channel" in submissions else pd.Series(None, index=submissions.index)
    cards["group"] = channel.astype("str").fillna(UNKNOWN).to_numpy(object)
    given = scores.loc[scores["p_fail"].notna(), ["submission_id", "p_fail"]].drop_duplicates("submission_id")
    cards = cards.merge(given, on="submission_id", how="inner")
    cards = cards[cards["moment"] + round(maturity * DAY) <= end]
    cards["failed"] = labels_of(cards["submission_id"], outcomes, end).failed
    groups = {ALL: cards} | {str(name): part for name, part in cards.groupby("group")}
    error_rate = ERROR_RATE / len(groups)
    return pd.DataFrame([_row(name, part, error_rate) for name, part in groups.items()])


def _row(name: str, cards: pd.DataFrame, error_rate: float) -> dict[str, object]:
    known = cards[cards["failed"].notna()]
    p, failed = known["p_fail"].to_numpy(np.float64), known["failed"].to_numpy(np.float64)
    days = int(known["day"].nunique())
    low, high = gap_interval(failed - p, p, known["day"].to_numpy(np.int64), error_rate)
    stated, observed = (float(side.mean()) if len(side) else np.nan for side in (p, failed))
    gap = observed - stated
    tolerance = TOLERANCE_ALL if name == ALL else TOLERANCE_CHANNEL
    off = abs(gap) > tolerance and (low > 0 or high < 0)
    few = len(known) < LEAST_CARDS or days < LEAST_DAYS
    return {
        "group": name,
        "cards": len(known),
        "unanswered": len(cards) - len(known),
        "days": days,
        "stated": stated,
        "observed": observed,
        "gap": gap,
        "low": low,
        "high": high,
        "verdict": "too few" if few else "off" if off else "calibrated",
    }


def gap_interval(difference: Floats, p: Floats, day: npt.NDArray[np.int64], error_rate: float) -> tuple[float, float]:
    """Interval of the mean of ``difference`` over all cards.

    Parameters
    ----------
    difference, p
        float64 (cards,): label minus probability, and the probability.
    day
        int64 (cards,): UTC day.
    error_rate
        Chance of missing the true mean.

    Returns
    -------
    tuple of float
        (low, high); NaN where fewer than two days hold cards.
    """
    from scipy.stats import t

    _, place = np.unique(day, return_inverse=True)
    days = int(place.max()) + 1 if len(place) else 0
    if days < 2:
        return float("nan"), float("nan")
    mean = float(difference.mean())
    spread = np.bincount(place, difference - mean, days)
    of_days = np.sum(spread**2) * days / (days - 1)
    of_cards = np.sum(p * (1 - p))
    half = float(t.ppf(1 - error_rate / 2, days - 1) * np.sqrt(max(of_days, of_cards)) / len(difference))
    return mean - half, mean + half
