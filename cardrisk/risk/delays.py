"""What late answers do to labels: how long answers take, and how many successes still flip.

Correctness: every estimate as of T uses only what was known before T. The flip curve is the Kaplan-Meier product
limit estimate of "a success is disputed within a days of its answer", successes that have not flipped by T being
censored at their age (Kaplan & Meier 1958); so a young table does not read as one without disputes.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError
from cardrisk.facts import MATURITY
from cardrisk.risk.labels import DAY, DISPUTE, NEVER, Labels, microseconds

Floats = npt.NDArray[np.float64]
Treatment = Literal["model", "weights", "cut", "none"]
"""What is done about labels that may still change; see `treat`."""

HORIZON: Final = int(MATURITY.value * DAY)
CUT: Final = 3 * DAY
"""Answers younger than this, microseconds, are no labels where the treatment is a cut."""


@dataclass(frozen=True, slots=True)
class Flips:
    """Chance that a success of a given age is still disputed before it is mature.

    Attributes
    ----------
    ages
        int64 microseconds since the success was answered, ascending: the moments at which flips were seen.
    survival
        float64: share of successes that have not flipped up to and including that age.
    """

    ages: npt.NDArray[np.int64]
    survival: npt.NDArray[np.float64]

    def chance(self, age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Probability, per success of this age (microseconds), that it flips later and before maturity."""
        if not len(self.ages):
            return np.zeros(len(age))
        steps = np.concatenate([[1.0], self.survival])
        left = steps[np.searchsorted(self.ages, age, side="right")]
        return np.where(age >= HORIZON, 0.0, 1.0 - np.minimum(steps[-1] / left, 1.0))


def treat(labels: Labels, curve: Flips, now: int, how: Treatment = "model") -> tuple[Floats, Floats]:
    """Targets and weights of cards whose labels may still change.

    Parameters
    ----------
    labels
        Labels as of ``now``.
    curve
        The flip curve as of ``now``.
    now
        Microseconds UTC.
    how
        ``model``: a success counts as a failure by the chance that it still flips. ``weights``: a success weighs the
        chance that it stays, a disputed card as many as will be like it (importance weights in the manner of Yasui et
        al. 2020, "A feedback shift correction in predicting conversion rates under delayed feedback"). ``cut``:
        answers of the last three days are left out. ``none``:
        labels as they stand.

    Returns
    -------
    tuple of numpy.ndarray
        float64 (cards,): target in [0, 1], NaN where there is no label; weight.

    Raises
    ------
    InputError
        If the treatment does not exist.
    """
    if how not in get_args(Treatment):
        raise InputError(f"expected a treatment of delays, one of {', '.join(get_args(Treatment))}; got {how!r}")
    age = np.maximum(now - labels.answered, 0)
    weight = np.ones(len(age))
    if how == "none":
        return labels.failed, weight
    if how == "cut":
        return np.where(age < CUT, np.nan, labels.failed), weight
    chance = np.where(labels.failed == 0.0, curve.chance(age), 0.0)
    if how == "model":
        return np.where(labels.failed == 0.0, chance, labels.failed), weight
    disputed = (labels.failed == 1.0) & (labels.source == DISPUTE)
    to_come = chance.sum() / disputed.sum() if disputed.any() else 0.0
    return labels.failed, np.where(disputed, 1.0 + to_come, 1.0 - chance)


def flips(outcomes: pd.DataFrame, as_of: int | None = None) -> Flips:
    """Estimate the flip curve from answers known before a moment.

    Parameters
    ----------
    outcomes
        Valid outcomes with revisions.
    as_of
        Microseconds UTC; None: the moment after the last answer.

    Returns
    -------
    Flips
        Empty where no success has been seen.
    """
    answered = microseconds(outcomes["answered_at"])
    if as_of is None:
        as_of = int(answered.max()) + 1 if len(answered) else 0
    keep = answered < as_of
    status = outcomes["status"].to_numpy(object)[keep]
    bad = np.isin(status, ["failed", "partial"])
    good = status == "success"
    frame = pd.DataFrame({"card": outcomes["submission_id"].to_numpy(object)[keep], "at": answered[keep]})
    begin = frame[good].groupby("card")["at"].min()
    if not len(begin):
        return Flips(np.empty(0, np.int64), np.empty(0))
    last_bad = frame[bad].groupby("card")["at"].max().reindex(begin.index)
    start = begin.to_numpy(np.int64)
    flipped = (last_bad > begin).to_numpy(bool)
    end = np.where(flipped, last_bad.fillna(0).to_numpy(np.int64), as_of)
    length = np.minimum(end - start, HORIZON)
    return _product_limit(length, flipped & (end - start <= HORIZON))


def _product_limit(length: npt.NDArray[np.int64], event: npt.NDArray[np.bool_]) -> Flips:
    ordered = np.sort(length)
    ages, deaths = np.unique(length[event], return_counts=True)
    at_risk = len(ordered) - np.searchsorted(ordered, ages, side="left")
    return Flips(ages, np.cumprod(1.0 - deaths / at_risk, dtype=np.float64))


def answer_gap(
    moments: npt.NDArray[np.int64],
    answered: npt.NDArray[np.int64],
    *,
    quantile: float = 0.99,
    cap: int | None = None,
) -> int:
    """How long to wait until a batch of cards counts as answered.

    Parameters
    ----------
    moments
        int64 microseconds: when each card became known.
    answered
        int64 microseconds: when its answer did; ``NEVER`` where it has none.
    quantile
        Share of the answered cards that must have been answered by then.
    cap
        Longest wait allowed, microseconds; None: no limit.

    Returns
    -------
    int
        Microseconds, 0 where nothing is answered.
    """
    given = answered != NEVER
    if not given.any():
        return 0
    wait = int(np.quantile(np.maximum(answered[given] - moments[given], 0), quantile))
    return wait if cap is None else min(wait, cap)
