"""From raw scores of the trees to probabilities, compiled: the one definition for a card alone and for a table.

Correct when every value has the bits of the formulas in :mod:`cardrisk.risk.calibrate` and :mod:`cardrisk.risk.causes`
evaluated with the C library's functions, one card at a time or many at once.
"""

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled
from cardrisk.risk.calibrate import LIMIT

if TYPE_CHECKING:
    from cardrisk.risk.calibrate import Calibration
    from cardrisk.risk.causes import CauseShares

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

A, B, C, TEMPERATURE, INSIDE, FIRST_REST = range(6)
_LANES: Final = 8


class Chances(NamedTuple):
    """What turns raw scores into probabilities, as arrays that compiled code reads.

    Attributes
    ----------
    numbers
        float64: the global map's a, b, c; the divisor of class scores; the part of a card that goes to the classes;
        then each cause's share of the part that does not (NaN throughout where no cause is known).
    classes
        int64: place among the causes of each class of the cause trees.
    """

    numbers: Floats
    classes: Places

    @classmethod
    def of(cls, calibration: "Calibration", shares: "CauseShares") -> "Chances":
        """Lay out a calibration and shares of causes."""
        rest = shares.rest_weight * np.asarray(shares.rest)
        if not shares.known:
            rest[:] = np.nan
        first = [calibration.a, calibration.b, calibration.c, shares.temperature, 1.0 - shares.rest_weight]
        return cls(np.concatenate([first, rest]), np.array(shares.classes, np.int64))


@compiled
def _softplus(x: float) -> float:
    """log(1 + exp(x)), without overflow."""
    if x < 0.0:
        return math.log1p(math.exp(x))
    return x + math.log1p(math.exp(-x))


@compiled
def chance(raw: float, slope: float, offset: float, numbers: Floats) -> float:
    """Return the calibrated probability of failure of one card.

    Parameters
    ----------
    raw
        Log-odds of the trees.
    slope, offset
        Of the card's calibration group: log slope, and log-odds.
    numbers
        See `Chances`.
    """
    low, high = -_softplus(-raw), _softplus(raw)
    squeezed = math.exp(slope) * (numbers[A] * low + numbers[B] * high + numbers[C]) + offset
    margin = squeezed / math.pow(1.0 + math.pow(squeezed / LIMIT, 8.0), 0.125)
    half: float = math.exp(-abs(margin))
    return (1.0 if margin >= 0.0 else half) / (1.0 + half)


@compiled
def _total(values: Floats) -> float:
    """Sum in NumPy's order: up to seven one after the other, more in eight lanes."""
    n = values.shape[0]
    total: float = 0.0
    if n < _LANES:
        for k in range(n):
            total += values[k]
        return total
    r = values[:_LANES].copy()
    whole = n - n % _LANES
    for k in range(_LANES, whole):
        r[k % _LANES] += values[k]
    total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
    for k in range(whole, n):
        total += values[k]
    return total


@compiled
def by_cause(p_fail: float, scores: Floats, numbers: Floats, classes: Places, out: Floats) -> None:
    """Write p(cause) of one card.

    Parameters
    ----------
    p_fail
        Its probability of failure, which the causes share.
    scores
        float64 (classes,): raw scores of the cause trees; overwritten.
    numbers, classes
        See `Chances`.
    out
        float64 (causes,), overwritten; NaN where no cause was known in training.
    """
    for cause in range(out.shape[0]):
        out[cause] = numbers[FIRST_REST + cause]
    if classes.shape[0] > 0:
        top = -math.inf
        for k in range(classes.shape[0]):
            scores[k] /= numbers[TEMPERATURE]
            top = max(top, scores[k])
        for k in range(classes.shape[0]):
            scores[k] = math.exp(scores[k] - top)
        total = _total(scores)
        for k in range(classes.shape[0]):
            out[classes[k]] += numbers[INSIDE] * (scores[k] / total)
    for cause in range(out.shape[0]):
        out[cause] *= p_fail


@compiled
def chances(
    raw: Floats, scores: Floats, slope: Floats, offset: Floats, numbers: Floats, classes: Places, out: Floats
) -> None:
    """Write probabilities of n cards.

    Parameters
    ----------
    raw
        float64 (n,): log-odds of the failure trees.
    scores
        float64 (n, classes): raw scores of the cause trees; overwritten.
    slope, offset
        float64 (n,): each card's calibration group.
    numbers, classes
        See `Chances`.
    out
        float64 (n, 1 + causes): p(fail), then the causes.
    """
    for i in range(raw.shape[0]):
        out[i, 0] = chance(raw[i], slope[i], offset[i], numbers)
        by_cause(out[i, 0], scores[i], numbers, classes, out[i, 1:])
