"""Have the scores and the decisions moved, or is it chance? Population stability index, with what chance alone gives.

Correctness: the index is 0 for equal shares and grows with their distance; a verdict other than ``stable`` needs
both a shift worth naming and one that chance gives in less than 1 of 1,000 comparisons of independent cards.

``PSI = sum (a - e) ln(a / e)`` over cells, shares with half a card added to each. The thresholds .10 and .25 are
the usual ones of credit scoring (Siddiqi, "Credit risk scorecards", 2006); under no drift PSI is distributed as
``(1/n + 1/m)`` times chi-square with one degree of freedom less than cells (Yurdakul and Naranjo, "Statistical
properties of the population stability index", 2020). Cards of one batch resemble each other, so that chance gives
more than that when few large batches make up a table: the thresholds then still keep small shifts out.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

MOVED: Final = 0.10
SHIFTED: Final = 0.25
BINS: Final = 10
LEAST_CARDS: Final = 100
"""Cards that each side needs; below, the verdict is ``too few``."""

PER_BIN: Final = 20
"""Cards a bin of scores should hold on the smaller side."""

ERROR_RATE: Final = 0.001
"""Chance that any of the mixes of one comparison is named without drift."""

MIXES: Final = ("p_fail", "decision", "cause")
NULL: Final = "(null)"


def drift(scores: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Compare the mixes of two tables of scores.

    Parameters
    ----------
    scores, reference
        What ``cardrisk.score`` gave, now and then: ``p_fail`` (null: quarantined), ``decision``, ``cause``.

    Returns
    -------
    pandas.DataFrame
        One row per mix: ``mix``, ``cards``, ``reference`` (cards), ``cells``, ``psi``, ``by_chance`` (what
        independent cards without drift exceed in 1 of 1,000 comparisons) and ``verdict``: ``stable``, ``moved``,
        ``shifted`` or ``too few``.
    """
    mixes = [name for name in MIXES if name in scores and name in reference]
    return pd.DataFrame([_row(name, scores[name], reference[name], ERROR_RATE / len(mixes)) for name in mixes])


def psi(counts: Floats, reference: Floats) -> float:
    """Population stability index of two histograms over the same cells; 0 where either is empty."""
    if not counts.sum() or not reference.sum():
        return 0.0
    now, then = (side + 0.5 for side in (counts, reference))
    now, then = now / now.sum(), then / then.sum()
    return float(np.sum((now - then) * np.log(now / then)))


def by_chance(cards: int, reference: int, cells: int, error_rate: float) -> float:
    """PSI that two samples of one population exceed with probability ``error_rate``."""
    from scipy.stats import chi2

    return float((1 / cards + 1 / reference) * chi2.ppf(1 - error_rate, cells - 1)) if cells > 1 else 0.0


def _row(name: str, scores: "pd.Series[Any]", reference: "pd.Series[Any]", error_rate: float) -> dict[str, object]:
    n, m = len(scores), len(reference)
    row: dict[str, object] = {"mix": name, "cards": n, "reference": m, "cells": 0, "psi": np.nan, "by_chance": np.nan}
    if min(n, m) < LEAST_CARDS:
        return row | {"verdict": "too few"}
    now, then = _binned(scores, reference) if name == "p_fail" else _named(scores, reference)
    found, chance = psi(now, then), by_chance(n, m, len(now), error_rate)
    verdict = "stable" if found < MOVED or found <= chance else "moved" if found < SHIFTED else "shifted"
    return row | {"cells": len(now), "psi": found, "by_chance": chance, "verdict": verdict}


def _binned(scores: "pd.Series[Any]", reference: "pd.Series[Any]") -> tuple[Floats, Floats]:
    """Counts in bins of equal count of the reference, equal scores together; nulls are a cell of their own."""
    now, then = np.asarray(scores, np.float64), np.asarray(reference, np.float64)
    known = then[~np.isnan(then)]
    bins = max(2, min(BINS, min(len(now), len(then)) // PER_BIN))
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="lower")) if len(known) else np.empty(0)
    return _histogram(now, edges), _histogram(then, edges)


def _histogram(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Floats:
    null = np.isnan(values)
    place = np.where(null, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    return np.bincount(place, minlength=len(edges) + 2).astype(np.float64)


def _named(scores: "pd.Series[Any]", reference: "pd.Series[Any]") -> tuple[Floats, Floats]:
    sides = [side.astype("str").fillna(NULL).value_counts() for side in (scores, reference)]
    names = sides[0].index.union(sides[1].index)
    now, then = (np.asarray(side.reindex(names).fillna(0), np.float64) for side in sides)
    return now, then
