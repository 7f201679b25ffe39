"""Measures of a ranking and of probabilities, with weights, so that a bootstrap only changes the weights.

Correctness: with unit weights every measure equals its textbook definition (ties in the score count as one group),
and with integer weights it equals the same measure on the rows repeated that often.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

TINY: Final = 1e-12


@dataclass(frozen=True)
class Ranking:
    """Cards sorted by falling score once; every ranking measure is then a pass over cumulative weights.

    Attributes
    ----------
    order
        Positions of the cards by falling score.
    failed
        float64 0/1 in that order.
    last
        bool in that order: the card is the last one of its score; only there may a threshold stand.
    """

    order: npt.NDArray[np.intp]
    failed: Floats
    last: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, failed: Floats, score: Floats) -> "Ranking":
        """Rank cards by score; ``failed`` is 0/1 without nulls."""
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        last = np.ones(len(order), bool)
        last[:-1] = ordered[:-1] != ordered[1:]
        return cls(order, failed[order], last)

    def curve(self, weight: Floats | None = None) -> tuple[Floats, Floats]:
        """Weight of failed and of good cards at or above each threshold, thresholds by falling score."""
        given = np.ones(len(self.order)) if weight is None else weight[self.order]
        hits = np.cumsum(given * self.failed)[self.last]
        alarms = np.cumsum(given * (1.0 - self.failed))[self.last]
        return hits, alarms


def average_precision(ranking: Ranking, weight: Floats | None = None) -> float:
    """Mean precision over the failed cards, step-wise (no interpolation); NaN without failures."""
    hits, alarms = ranking.curve(weight)
    if not len(hits) or hits[-1] <= 0:
        return float("nan")
    precision = hits / np.maximum(hits + alarms, TINY)
    return float(np.sum(np.diff(hits, prepend=0.0) * precision) / hits[-1])


def auc(ranking: Ranking, weight: Floats | None = None) -> float:
    """Area under the ROC curve, ties half; NaN with one class only."""
    hits, alarms = ranking.curve(weight)
    if not len(hits) or hits[-1] <= 0 or alarms[-1] <= 0:
        return float("nan")
    before = np.concatenate([[0.0], hits[:-1]])
    return float(np.sum(np.diff(alarms, prepend=0.0) * (before + hits) / 2.0) / (hits[-1] * alarms[-1]))


def recall_at_review(ranking: Ranking, share: float, weight: Floats | None = None) -> float:
    """Share of the failed cards among the ``share`` of cards with the highest scores (linear inside ties)."""
    hits, alarms = ranking.curve(weight)
    if not len(hits) or hits[-1] <= 0:
        return float("nan")
    stopped = np.concatenate([[0.0], hits + alarms])
    return float(np.interp(share * stopped[-1], stopped, np.concatenate([[0.0], hits])) / hits[-1])


def recall_at_fpr(ranking: Ranking, rate: float, weight: Floats | None = None) -> float:
    """Share of the failed cards found while ``rate`` of the good ones are stopped."""
    hits, alarms = ranking.curve(weight)
    if not len(hits) or hits[-1] <= 0 or alarms[-1] <= 0:
        return float("nan")
    last = np.searchsorted(alarms, rate * alarms[-1], side="right")
    left_hits, left = (hits[last - 1], alarms[last - 1]) if last else (0.0, 0.0)
    if last == len(alarms):
        return 1.0
    step = (rate * alarms[-1] - left) / max(alarms[last] - left, TINY)
    return float((left_hits + step * (hits[last] - left_hits)) / hits[-1])


def log_loss(failed: Floats, p: Floats, weight: Floats | None = None) -> float:
    """Mean of -log of the probability given to what happened (nats); ``p`` is kept within 1e-12 of 0 and 1."""
    inside = np.clip(p, TINY, 1 - TINY)
    return _mean(-(failed * np.log(inside) + (1 - failed) * np.log1p(-inside)), weight)


def brier(failed: Floats, p: Floats, weight: Floats | None = None) -> float:
    """Mean squared difference of probability and outcome."""
    return _mean((failed - p) ** 2, weight)


def bias(failed: Floats, p: Floats, weight: Floats | None = None) -> float:
    """Mean probability minus failure rate: above 0 means too pessimistic."""
    return _mean(p - failed, weight)


def ece(failed: Floats, p: Floats, weight: Floats | None = None, *, bins: int = 20) -> float:
    """Expected calibration error over bins of equal counts: mean absolute gap of mean p and failure rate."""
    if not len(p):
        return float("nan")
    given = np.ones(len(p)) if weight is None else weight
    place = equal_count_bins(p, bins)
    total = np.bincount(place, given, bins)
    gap = np.bincount(place, given * (p - failed), bins)
    return float(np.sum(np.abs(gap)) / max(total.sum(), TINY))


def equal_count_bins(p: Floats, bins: int) -> npt.NDArray[np.intp]:
    """Bin 0 .. bins-1 per card, by rank of ``p``; equal scores share a bin."""
    ranks = np.searchsorted(np.sort(p), p, side="left")
    return np.asarray(ranks * bins // max(len(p), 1), np.intp)


def precision_at_k_a_day(
    failed: Floats, score: Floats, day: npt.NDArray[np.int64], k: int, weight: Floats | None = None
) -> float:
    """Failure share of the ``k`` highest scores of each day, averaged over days (days with fewer cards count all).

    ``weight`` is per card but constant within a day, as a bootstrap by day draws it.
    """
    order = np.lexsort((-score, day))
    days, starts, counts = np.unique(day[order], return_index=True, return_counts=True)
    if not len(days):
        return float("nan")
    hits = np.concatenate([[0.0], np.cumsum(failed[order])])
    taken = np.minimum(counts, k)
    share = (hits[starts + taken] - hits[starts]) / taken
    return _mean(share, None if weight is None else weight[order][starts])


def wilson(hits: Floats, counts: Floats, z: float = 1.96) -> tuple[Floats, Floats]:
    """Wilson's interval of a share: (low, high) per element; (0, 1) where there are no counts."""
    n = np.maximum(counts, TINY)
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    empty = counts <= 0
    return np.where(empty, 0.0, np.maximum(centre - half, 0.0)), np.where(empty, 1.0, np.minimum(centre + half, 1.0))


def calibration_table(failed: Floats, p: Floats, *, bins: int = 20) -> pd.DataFrame:
    """Mean probability beside failure rate over bins of equal counts.

    Returns
    -------
    pandas.DataFrame
        One row per filled bin: ``bin, count, p_mean, rate, rate_low, rate_high`` (95 % Wilson interval).
    """
    place = equal_count_bins(p, bins)
    counts = np.bincount(place, minlength=bins).astype(float)
    hits = np.bincount(place, failed, bins).astype(np.float64)
    low, high = wilson(hits, counts)
    full = np.maximum(counts, TINY)
    table = pd.DataFrame(
        {
            "bin": np.arange(bins),
            "count": counts.astype(np.int64),
            "p_mean": np.bincount(place, p, bins) / full,
            "rate": hits / full,
            "rate_low": low,
            "rate_high": high,
        }
    )
    return table[table["count"] > 0].reset_index(drop=True)


def _mean(values: Floats, weight: Floats | None) -> float:
    if not len(values):
        return float("nan")
    return float(values.mean()) if weight is None else float(np.sum(values * weight) / max(np.sum(weight), TINY))
