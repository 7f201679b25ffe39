"""Calibration: margins of the trees become probabilities that can be multiplied by money.

Correctness: within one group the map from margin to probability is strictly increasing, so the ranking of the trees
is kept; a group without data gets the global map exactly.

The global map is beta calibration (Kull, Silva Filho & Flach 2017) in log-odds,
``a * log(p) - b * log(1 - p) + c`` with a, b > 0. Each group (channel x family) then has a slope and an offset of
its own, shrunk to the global map by a Gaussian prior: what a group may differ is what its own answers can carry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LIMIT: Final = 13.8
"""Largest absolute log-odds given out: probabilities stay within 1e-6 and 1 - 1e-6."""

SLOPE_SD: Final = 0.10
OFFSET_SD: Final = 0.30
"""Prior standard deviations of a group's log slope and log-odds offset: chosen so that 40 failures outweigh the
prior of the offset threefold."""

_GLOBAL_SD: Final = np.array([0.5, 0.5, 2.0])


def sigmoid(margin: Floats) -> Floats:
    """1 / (1 + exp(-margin)), without overflow."""
    half = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1.0 / (1.0 + half), half / (1.0 + half))


def _basis(margin: Floats) -> tuple[Floats, Floats]:
    """log(p) and -log(1 - p) for p = sigmoid(margin)."""
    return -np.logaddexp(0.0, -margin), np.logaddexp(0.0, margin)


@dataclass(frozen=True)
class Calibration:
    """A fitted calibration.

    Attributes
    ----------
    a, b, c
        Global beta map; 1, 1, 0 leaves the margin as it is.
    groups
        Group name to (log slope, offset) on the global log-odds. A name that is not there gets (0, 0).
    """

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    groups: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def global_margin(self, margin: Floats) -> Floats:
        """Log-odds after the global map, same shape."""
        low, high = _basis(margin)
        return self.a * low + self.b * high + self.c

    def margin(self, margin: Floats, slope: Floats | float = 0.0, offset: Floats | float = 0.0) -> Floats:
        """Calibrated log-odds for margins of groups with these (log slope, offset)."""
        squeezed = np.exp(slope) * self.global_margin(margin) + offset
        # A hard limit would tie the extremes; this bends only them (0.05 % at half the limit) and keeps the order.
        return np.asarray(squeezed / (1.0 + (squeezed / LIMIT) ** 8) ** 0.125, np.float64)

    def probability(self, margin: Floats, slope: Floats | float = 0.0, offset: Floats | float = 0.0) -> Floats:
        """Probabilities strictly inside (0, 1), same shape as ``margin``."""
        return sigmoid(self.margin(margin, slope, offset))

    def of(self, name: str) -> tuple[float, float]:
        """(log slope, offset) of a group; (0, 0) where it is not known."""
        return self.groups.get(name, (0.0, 0.0))


def fit(
    margin: Floats,
    target: Floats,
    group: npt.NDArray[np.object_],
    weight: Floats | None = None,
    *,
    alike: float = 1.0,
) -> Calibration:
    """Fit a calibration on cards that the trees have not seen.

    Parameters
    ----------
    margin
        float64, raw log-odds of the trees.
    target
        float64 in [0, 1]: 1 failed, 0 not, between for a label that may still flip. No nulls.
    group
        Group name per card.
    weight
        Weight per card; None: 1.
    alike
        How many cards share one fate, as those of a batch do: a group's evidence is divided by it.

    Returns
    -------
    Calibration
        The identity where there are no cards.
    """
    if not len(margin):
        return Calibration()
    weight = np.ones(len(margin)) if weight is None else weight
    a, b, c = _fit_global(margin, target, weight)
    flat = Calibration(a, b, c)
    base = flat.global_margin(margin)
    names, place = np.unique(group.astype(str), return_inverse=True)
    groups = {}
    if len(names) < 2:
        return flat
    for number, name in enumerate(names):
        rows = place == number
        groups[str(name)] = _fit_group(base[rows], target[rows], weight[rows] / alike)
    return Calibration(a, b, c, groups)


def _fit_global(margin: Floats, target: Floats, weight: Floats) -> tuple[float, float, float]:
    """Penalised maximum likelihood in (log a, log b, c); Newton steps on the positive part."""
    low, high = _basis(margin)
    point = np.zeros(3)
    for _ in range(50):
        a, b = np.exp(point[:2])
        columns = np.stack([a * low, b * high, np.ones_like(margin)], axis=1)
        step = _newton(columns, columns.sum(axis=1) - 1.0 + point[2], target, weight, point / _GLOBAL_SD**2, _GLOBAL_SD)
        point = point + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    return float(np.exp(point[0])), float(np.exp(point[1])), float(point[2])


def _fit_group(base: Floats, target: Floats, weight: Floats) -> tuple[float, float]:
    deviation = np.array([SLOPE_SD, OFFSET_SD])
    point = np.zeros(2)
    for _ in range(50):
        scaled = np.exp(point[0]) * base
        columns = np.stack([scaled, np.ones_like(base)], axis=1)
        step = _newton(columns, scaled + point[1], target, weight, point / deviation**2, deviation)
        point = point + np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < 1e-10:
            break
    return float(point[0]), float(point[1])


def _newton(columns: Floats, margin: Floats, target: Floats, weight: Floats, pull: Floats, deviation: Floats) -> Floats:
    """One Fisher-scoring step of a penalised logistic fit; the prior keeps the matrix invertible."""
    p = sigmoid(margin)
    slope = columns.T @ (weight * (target - p)) - pull
    curvature = (columns * (weight * p * (1.0 - p))[:, None]).T @ columns + np.diag(1.0 / deviation**2)
    return np.asarray(np.linalg.solve(curvature, slope), np.float64)
