"""What late answers do to labels: how long answers take, and how many successes still flip.

Correctness: every estimate as of T uses only what was known before T. The flip curve is the Kaplan-Meier product
limit estimate of "a success is disputed within a days of its answer", successes that have not flipped by T being
censored at their age (Kaplan & Meier 1958); so a young table does not read as one without disputes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.facts import MATURITY
from cardrisk.risk.labels import DAY, NEVER, microseconds

HORIZON = int(MATURITY.value * DAY)


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
