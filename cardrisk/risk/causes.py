"""p(cause | fail): which causes the trees tell apart, and what the rest get.

Correctness: the shares of one card are in [0, 1], stand in the order of ``facts.CAUSES`` and sum to 1; a model
trained without any cause gives null for all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cardrisk.facts import CAUSES
from cardrisk.risk.boost import MIN_CLASS

Floats = npt.NDArray[np.float64]

SMOOTHING: Final = 0.5
"""Cards added to every cause when the shares of rare ones are counted: none is ever impossible."""


@dataclass(frozen=True)
class CauseShares:
    """How class scores become shares of causes.

    Attributes
    ----------
    classes
        Positions in ``CAUSES`` that the trees tell apart, in the order of their classes; empty: no trees.
    rest
        Share per cause (``CAUSES`` order) of the failed cards that the trees do not tell apart; sums to 1.
    rest_weight
        Part of every card that goes to ``rest``; 1 where there are no trees.
    temperature
        Divides the class scores: above 1 where the trees are too sure.
    known
        False where no failed card had a cause: then every share is null.
    """

    classes: tuple[int, ...]
    rest: tuple[float, ...]
    rest_weight: float
    temperature: float = 1.0
    known: bool = True

    @classmethod
    def of(cls, counts: Floats) -> "CauseShares":
        """Choose the classes from the number (or weight) of failed cards per cause, in ``CAUSES`` order."""
        if not counts.sum():
            return cls((), tuple([1.0 / len(CAUSES)] * len(CAUSES)), 1.0, known=False)
        classes = np.flatnonzero(counts >= MIN_CLASS)
        if len(classes) < 2:
            classes = np.empty(0, np.intp)
        rest = counts + SMOOTHING
        rest[classes] = SMOOTHING
        inside = counts[classes].sum()
        share = rest.sum() / (rest.sum() + inside)
        return cls(tuple(int(place) for place in classes), tuple(rest / rest.sum()), float(share))

    def class_of(self, cause: npt.NDArray[np.int16]) -> npt.NDArray[np.intp]:
        """Class per failed card; -1 where the trees have none for its cause."""
        table = np.full(len(CAUSES) + 1, -1, np.intp)
        table[list(self.classes)] = np.arange(len(self.classes))
        return table[cause]

    def shares(self, scores: Floats | None, count: int) -> Floats:
        """Shares of causes given failure.

        Parameters
        ----------
        scores
            float64 (cards, classes): raw scores of the trees; None without trees.
        count
            Number of cards.

        Returns
        -------
        numpy.ndarray
            float64 (cards, causes); NaN where no cause was known in training.
        """
        if not self.known:
            return np.full((count, len(CAUSES)), np.nan)
        out = np.tile(self.rest_weight * np.asarray(self.rest), (count, 1))
        if self.classes and scores is not None:
            out[:, list(self.classes)] += (1.0 - self.rest_weight) * softmax(scores / self.temperature)
        return out


def softmax(scores: Floats) -> Floats:
    """Rows of exp(scores) scaled to sum 1."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float64)


def temperature(scores: Floats, cause: npt.NDArray[np.intp], weight: Floats) -> float:
    """The divisor in [0.5, 5] with the least log loss on cards the trees have not seen; 1 below 50 cards.

    Parameters
    ----------
    scores
        float64 (cards, classes).
    cause
        Class per card, none negative.
    weight
        Weight per card.
    """
    if len(cause) < 50:
        return 1.0
    grid: Mapping[float, float] = {
        float(value): _loss(scores / value, cause, weight) for value in np.geomspace(0.5, 5.0, 47)
    }
    return min(grid, key=lambda value: grid[value])


def _loss(scores: Floats, cause: npt.NDArray[np.intp], weight: Floats) -> float:
    p = softmax(scores)[np.arange(len(cause)), cause]
    return float(-np.sum(weight * np.log(np.maximum(p, 1e-12))))
