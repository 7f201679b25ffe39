"""Champion and challenger on the same cards: average precision with a paired interval, and the decisions.

Correctness: both models score the same cards, each at its own moment, with what was known then; a card counts only
if its answer is final and neither model was trained on it; days are drawn whole, because cards of a day share
incidents. An interval at 95 % excludes zero for two equal models in at most about 1 of 20 comparisons.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError
from cardrisk.facts import MATURITY
from cardrisk.risk.labels import labels_of, micro
from cardrisk.risk.metrics import Ranking, average_precision
from cardrisk.risk.tables import Tables

if TYPE_CHECKING:
    from cardrisk.policy import Costs
    from cardrisk.risk import RiskModel

Floats = npt.NDArray[np.float64]

DAY: Final = 86_400_000_000
"""Microseconds."""

DRAWS: Final = 1_000
LEAST_PROPENSITY: Final = 0.01
"""Cards let through by a smaller chance than this weigh no more: each would outweigh a hundred others."""


class StabilityWarning(UserWarning):
    """Another model would change the mix of decisions by more than a percentage point at unchanged policy."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same cards.

    Attributes
    ----------
    champion, challenger
        Average precision of each; NaN where no card counted.
    difference, interval
        Challenger's minus champion's, and its 95 % interval; NaN where it cannot be computed.
    cards, failed, days
        Labelled cards that counted, failures among them, UTC days they spread over.
    young, seen
        Cards left out because their answer may still change, or because a model was trained on them.
    mix
        Share of the cards per decision: columns ``decision, champion, challenger``.
    """

    champion: float
    challenger: float
    difference: float
    interval: tuple[float, float]
    cards: int
    failed: int
    days: int
    young: int
    seen: int
    mix: pd.DataFrame = field(repr=False)

    @property
    def moved_share(self) -> float:
        """Largest change of a decision's share, in [0, 1]."""
        change = (self.mix["challenger"] - self.mix["champion"]).abs()
        return float(change.max()) if len(change) else 0.0


def compare(
    champion: "RiskModel",
    challenger: "RiskModel",
    tables: Tables,
    *,
    costs: "Costs | None" = None,
    propensity: "pd.Series[float] | None" = None,
    maturity: float = MATURITY.value,
    draws: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """Compare two models on cards whose answers are final.

    Parameters
    ----------
    champion, challenger
        Models.
    tables
        What `cardrisk.risk.tables.prepare` gave; its ``end`` is the moment at which labels are read.
    costs
        The platform's money, the same for both.
    propensity
        Indexed by ``submission_id``: the probability in (0, 1] with which the policy let the card through; cards
        then weigh its inverse. None: all the same.
    maturity
        Days after which a card's answer is final.
    draws, seed
        Resamples of days, and their seed.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        A propensity outside (0, 1], or a negative maturity.
    """
    if not maturity >= 0:
        raise InputError(f"maturity: expected days >= 0, got {maturity}")
    ripe = tables.moments + round(maturity * DAY) <= tables.end
    unseen = tables.moments > max(trained_until(champion), trained_until(challenger))
    rows = np.flatnonzero(ripe & unseen)
    cards = tables.submissions.iloc[rows]
    judged = _judge((champion, challenger), tables, rows, costs)
    labels = labels_of(cards["submission_id"], tables.outcomes, tables.end)
    known = labels.known
    failed, day = labels.failed[known], tables.moments[rows][known] // DAY
    left, right = (scores["p_fail"].to_numpy(np.float64)[known] for scores in judged)
    weight = _weights(cards["submission_id"][known], propensity)
    at = [average_precision(Ranking.of(failed, score), weight) for score in (left, right)]
    return Comparison(
        champion=at[0],
        challenger=at[1],
        difference=at[1] - at[0],
        interval=paired_interval(failed, left, right, day, weight=weight, draws=draws, seed=seed),
        cards=int(known.sum()),
        failed=int(failed.sum()),
        days=len(np.unique(day)),
        young=int((~ripe).sum()),
        seen=int((ripe & ~unseen).sum()),
        mix=_mix(*(scores["decision"] for scores in judged)),
    )


def trained_until(model: "RiskModel") -> int:
    """Microseconds up to which a model has learnt from cards; the smallest int64 where it does not say."""
    said = (model.about.get("window", {}).get("end"), model.about.get("as_of"))
    # one more: the text is of a float that may have lost a microsecond
    return max((micro(moment) + 1 for moment in said if moment), default=int(np.iinfo(np.int64).min))


def paired_interval(
    failed: Floats,
    champion: Floats,
    challenger: Floats,
    day: npt.NDArray[np.int64],
    *,
    weight: Floats | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of the difference in average precision, by drawing days with replacement, both models together.

    Parameters
    ----------
    failed, champion, challenger
        float64 (cards,): 1 or 0, and the two scores.
    day
        int64 (cards,): UTC day.
    weight
        float64 (cards,); None: all 1.
    draws, seed, level
        Resamples, their seed, and the interval's level.

    Returns
    -------
    tuple of float
        (low, high): percentiles widened for few days (Hesterberg 2015, "What teachers should know about the
        bootstrap", section 5.3). NaN where fewer than two days hold cards.
    """
    days, place = np.unique(day, return_inverse=True)
    if len(days) < 2:
        return float("nan"), float("nan")
    rankings = Ranking.of(failed, champion), Ranking.of(failed, challenger)
    random = np.random.default_rng(seed)
    found = np.empty(draws)
    for number in range(draws):
        counts = np.bincount(random.integers(0, len(days), len(days)), minlength=len(days)).astype(float)[place]
        drawn = counts if weight is None else counts * weight
        left, right = (average_precision(ranking, drawn) for ranking in rankings)
        found[number] = right - left
    found = found[np.isfinite(found)]
    tail = _widened((1 - level) / 2, len(days))
    low, high = np.quantile(found, [tail, 1 - tail]) if len(found) else (np.nan, np.nan)
    return float(low), float(high)


def _widened(tail: float, groups: int) -> float:
    """The tail to read off so that percentiles of few groups hold their level as a t interval does."""
    from scipy.stats import norm, t

    return float(norm.cdf(np.sqrt(groups / (groups - 1)) * t.ppf(tail, groups - 1)))


def _judge(
    models: "tuple[RiskModel, ...]", tables: Tables, rows: npt.NDArray[np.intp], costs: "Costs | None"
) -> list[pd.DataFrame]:
    """Probabilities and decisions by each model, read against all tables as ``cardrisk.score`` does."""
    from cardrisk.features import FEATURES, compute
    from cardrisk.scoring.assemble import judge

    needed = FEATURES.select(list(dict.fromkeys(name for model in models for name in model.features.names)))
    features = compute(tables.submissions, tables.outcomes, history=tables.history, features=needed).iloc[rows]
    return [judge(model, features, tables.submissions.iloc[rows], costs) for model in models]


def _weights(ids: "pd.Series[str]", propensity: "pd.Series[float] | None") -> Floats | None:
    if propensity is None:
        return None
    given = propensity.reindex(ids).fillna(1.0).to_numpy(np.float64)
    if not ((given > 0) & (given <= 1)).all():
        raise InputError(f"expected propensities in (0, 1], got {given.min()} to {given.max()}")
    return np.asarray(1.0 / np.maximum(given, LEAST_PROPENSITY), np.float64)


def _mix(champion: "pd.Series[Any]", challenger: "pd.Series[Any]") -> pd.DataFrame:
    shares = [decisions.value_counts(normalize=True) for decisions in (champion, challenger)]
    names = sorted({str(name) for share in shares for name in share.index})
    left, right = (share.reindex(names).fillna(0.0).to_numpy(np.float64) for share in shares)
    return pd.DataFrame({"decision": pd.Series(names, dtype="str"), "champion": left, "challenger": right})
