"""What trees learn from: labelled cards with targets, weights and what is known of their features.

Correctness: a card without an answer is left out, never a success; a card that the policy rarely lets through weighs
the inverse of its chance, so that what is mostly stopped is not forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError
from cardrisk.risk import delays, repair
from cardrisk.risk.encode import Columns
from cardrisk.risk.labels import Labels, labels_of
from cardrisk.risk.tables import Tables

Floats = npt.NDArray[np.float64]

MONOTONE: Final[Mapping[str, int]] = {
    "days_until_valid_until": -1,
    "price_ratio": -1,
    "region_mismatch": 1,
}
"""Features that the document says act in one direction: past expiry (C5), price discount (C12), region (C15)."""


@dataclass(frozen=True)
class TrainingData:
    """What the trees learn from: one row per labelled card.

    Attributes
    ----------
    frame
        Features, one row per card.
    moments
        int64 microseconds: when each card became known.
    labels
        Labels as of the moment of training.
    target
        float64 in [0, 1]: the failure label with late flips counted by their chance; NaN without label.
    weight
        float64 per card.
    groups
        How the cards' entities fared; see `repair.hindsight`.
    """

    frame: pd.DataFrame
    moments: npt.NDArray[np.int64]
    labels: Labels
    target: Floats
    weight: Floats
    groups: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Places:
    """Positions of features that the trees treat specially: fine bins, and +1 or -1 for a direction."""

    fine: list[int]
    monotone: dict[int, int]

    @classmethod
    def of(cls, columns: Columns, frame: pd.DataFrame) -> "Places":
        """Money is fine; directions are those of `MONOTONE`."""
        fine = [place for place, name in enumerate(columns.names) if frame[name].dtype == np.float64]
        monotone = {place: MONOTONE[name] for place, name in enumerate(columns.names) if name in MONOTONE}
        return cls(fine, monotone)


def labelled(
    frame: pd.DataFrame,
    tables: Tables,
    as_of: int | None,
    propensity: "pd.Series[float] | None",
    delay: delays.Treatment = "model",
) -> TrainingData:
    """Gather the labelled cards.

    Parameters
    ----------
    frame
        Features of ``tables.submissions``, same rows.
    tables
        Checked tables.
    as_of
        Microseconds UTC; None: the end of the tables.
    propensity
        As in `train`.
    delay
        As in `train_on`.

    Raises
    ------
    InputError
        If the labelled cards are not of both classes, or a propensity is outside (0, 1].
    """
    ids = tables.submissions["submission_id"]
    labels = labels_of(ids, tables.outcomes, as_of)
    now = tables.end if as_of is None else as_of
    target, weight = delays.treat(labels, delays.flips(tables.outcomes, as_of), now, delay)
    rows = np.flatnonzero(~np.isnan(target))
    bad = int(np.nansum(labels.failed[rows]))
    if not len(rows) or bad in (0, len(rows)):
        got = "no answered card" if not len(rows) else f"{len(rows)} answered cards, {bad} of them failed"
        raise InputError(f"expected answered cards with both successes and failures, got {got}; give more outcomes")
    kept = labels.take(rows)
    weight = weight[rows] * weights(ids.iloc[rows], propensity)
    groups = repair.hindsight(tables.submissions.iloc[rows], kept)
    return TrainingData(frame.iloc[rows], tables.moments[rows], kept, target[rows], weight, groups)


def weights(ids: "pd.Series[str]", propensity: "pd.Series[float] | None") -> Floats:
    """Weights of cards by the inverse of the chance that they were let through, mean 1."""
    if propensity is None:
        return np.ones(len(ids))
    given = propensity.reindex(ids).fillna(1.0).to_numpy(np.float64)
    possible = (given > 0) & (given <= 1)
    if not possible.all():
        raise InputError(
            f"expected propensities in (0, 1], got {given.min()} to {given.max()}: {np.count_nonzero(~possible)} cards "
            "have answers all the same; leave them out of the propensities, or give the chance that let them through"
        )
    # Cards let through by a chance below 1 % would each outweigh a hundred others: their weight is capped.
    weight = 1.0 / np.maximum(given, 0.01)
    return np.asarray(weight / weight.mean(), np.float64)
