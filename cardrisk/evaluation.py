"""A model measured the way it would have been used: every card scored from what was known when it was handed in.

Figures stand beside the base rate, the document's own screening and, where the world's truth is given, the ceiling;
money stands beside accepting every card.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cardrisk.codes import KeySource, intake
from cardrisk.facts import CAUSES
from cardrisk.policy import ACTIONS, Costs, costs_given
from cardrisk.policy.decide import amounts
from cardrisk.risk import evaluate as measure
from cardrisk.risk.labels import Labels, labels_of
from cardrisk.scoring import score
from cardrisk.scoring.batch import History
from cardrisk.tables import Checked, check_outcomes, check_submissions, pair, quarantine

if TYPE_CHECKING:
    from cardrisk.risk import Evaluation, RiskModel


def evaluate(
    model: "RiskModel | str | None",
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    history: History | None = None,
    truth: pd.DataFrame | None = None,
    costs: Costs | None = None,
    as_of: Any = None,
    key: KeySource | None = None,
    tz: str | None = None,
    bootstrap: int = 200,
    seed: int = 0,
    checked: Checked | None = None,
) -> "Evaluation":
    """Score cards as they came in and measure the scores against what became known later.

    Parameters
    ----------
    model
        A model, or what names one; the default bundle when ``None``.
    submissions, outcomes
        The cards to measure on, and their answers.
    history
        Earlier ``(submissions, outcomes)`` that feed features and are not measured.
    truth
        The world's truth: adds the ceiling and the real causes.
    costs
        The platform's money.
    as_of
        Only answers known before this moment are labels; all when ``None``.
    key, tz
        As in :func:`cardrisk.score`.
    bootstrap, seed
        Resamples of days for the intervals, and their seed.
    checked
        What `check_submissions` gave of ``submissions``, where somebody asked it before.

    Returns
    -------
    Evaluation
        ``metrics`` (numbers by name) and ``frames``; ``money_lost``, ``money_lost_accepting_all`` and ``money_saved``
        are yuan over the labelled cards.

    Raises
    ------
    InputError
        No card has an answer.
    """
    found = check_submissions(submissions, tz=tz) if checked is None else checked
    cards = quarantine.kept(found, "submissions")
    answers = quarantine.kept(check_outcomes(outcomes, tz=tz), "outcomes")
    past, known = cards.iloc[:0], answers
    if history is not None:
        past, earlier = pair(history)
        known = _joined(answers, quarantine.kept(check_outcomes(earlier, tz=tz), "history outcomes"))
    scores = score(submissions, model=model, history=(past, known), costs=costs, key=key, tz=tz, reasons="none")
    scored = scores[scores["rule"].isna()].set_axis(cards.index)
    labels = labels_of(cards["submission_id"], answers)
    decisions = scored[["submission_id", "decision"]].join(money(scored, cards, labels, costs_given(costs)))
    return measure(
        scored,
        intake(cards, key=key),
        answers,
        truth=truth,
        decisions=decisions,
        as_of=as_of,
        bootstrap=bootstrap,
        seed=seed,
    )


def money(scored: pd.DataFrame, cards: pd.DataFrame, labels: Labels, costs: Costs) -> pd.DataFrame:
    """What the decisions cost on cards whose fate is known, beside accepting every card.

    Parameters
    ----------
    scored, cards, labels
        Same rows: decisions, valid submissions, their labels.
    costs
        The platform's money. What an action mends or stops is taken in expectation.

    Returns
    -------
    pandas.DataFrame
        ``cost`` of the decision, ``cost_accepting`` and ``saved``, in yuan; null where there is no label.
    """
    price, margin = amounts(cards, costs)
    action = np.array([ACTIONS.index(name) for name in scored["decision"]], np.intp)
    cost = _cost(action, labels, price, margin, costs)
    accepting = _cost(np.zeros_like(action), labels, price, margin, costs)
    return pd.DataFrame({"cost": cost, "cost_accepting": accepting, "saved": accepting - cost}, index=scored.index)


def _cost(action: Any, labels: Labels, price: Any, margin: Any, costs: Costs) -> Any:
    """Cost of one action per card, given how the card ended: the policy's formula with the fate known."""
    # a failure whose cause nobody learnt counts as the costliest kind: nothing mends it
    blamed = np.where(labels.cause >= 0, labels.cause, CAUSES.index("forged"))
    mends, stops = costs.mended()[action, blamed], costs.stopped()[action, blamed]
    left = price * (1.0 - mends - stops) * costs.lost()[blamed]
    leaves = costs.turned_away()[action]
    could = costs.mended()[:, blamed].max(axis=0)
    failed = left + margin * (could - (1.0 - leaves) * mends)
    cost = costs.fixed()[action] + np.where(labels.failed == 1.0, failed, margin * leaves)
    return np.where(labels.known, cost, np.nan)


def _joined(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return one if one.equals(other) else pd.concat([other, one], ignore_index=True).drop_duplicates()
