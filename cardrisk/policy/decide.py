"""One card, one action: the least expected loss among the actions open to that card.

Correct when every row gets what :mod:`cardrisk.policy.choose` gives its card alone, and what an exploring policy lets
through is drawn from the card's own id.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._later import pd
from cardrisk.facts import CAUSES
from cardrisk.policy.choose import BIND, Terms, choose, lot
from cardrisk.policy.costs import ACTIONS, STOPPED, Costs, costs_given

_IS_STOPPED: Final = np.array([action in STOPPED for action in ACTIONS])


def decide(
    probabilities: pd.DataFrame,
    cards: pd.DataFrame,
    *,
    costs: Costs | None = None,
    kinds_that_bind: frozenset[str] | None = None,
) -> pd.DataFrame:
    """Choose an action for every card.

    Parameters
    ----------
    probabilities
        Columns ``p_fail`` and ``p_<cause>``, one row per card; null means the card could not be scored.
    cards
        Same rows: ``submission_id`` and, where known, ``face_value``, ``asking_price`` (yuan), ``card_kind``.
    costs
        The platform's money; the defaults when omitted.
    kinds_that_bind
        Card kinds for which ``bind_first`` makes sense; all when omitted.

    Returns
    -------
    pandas.DataFrame
        ``decision`` (one of ``ACTIONS``), ``expected_loss`` in yuan (null where ``p_fail`` is), and
        ``propensity``: the probability with which the policy lets this card reach activation. Index as given.
    """
    costs = costs_given(costs)
    p_fail = probabilities["p_fail"].to_numpy(np.float64)
    p_cause = np.array(probabilities[[f"p_{cause}" for cause in CAUSES]], dtype=np.float64, order="C")
    price, margin = amounts(cards, costs)
    may = open_actions(cards, kinds_that_bind)
    action, loss = choose(p_fail, p_cause, price, margin, may, *Terms.of(costs))
    propensity = np.where(_IS_STOPPED[action], 0.0, 1.0)
    if costs.explore > 0.0:
        may_pass = _IS_STOPPED[action] & (price <= costs.explore_limit) & ~np.isnan(p_fail)
        lucky = may_pass & (np.array([lot(name) for name in cards["submission_id"]]) < costs.explore)
        action = np.where(lucky, ACTIONS.index("accept"), action)
        propensity = np.where(may_pass, costs.explore, propensity)
    return pd.DataFrame(
        {
            "decision": pd.array(np.array(ACTIONS, dtype=object)[action], dtype="str"),
            "expected_loss": loss,
            "propensity": propensity,
        },
        index=probabilities.index,
    )


def amounts(cards: pd.DataFrame, costs: Costs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Price paid and margin earned per card in yuan; shape ``(rows,)`` each, never null."""
    face = _column(cards, "face_value")
    asked = _column(cards, "asking_price")
    face = np.where(np.isnan(face), costs.face_value, face)
    return np.where(np.isnan(asked), costs.price * face, asked), costs.margin * face


def open_actions(cards: pd.DataFrame, kinds_that_bind: frozenset[str] | None) -> NDArray[np.bool_]:
    """Which actions make sense for which card; shape ``(rows, actions)``."""
    allowed = np.ones((len(cards), len(ACTIONS)), dtype=np.bool_)
    if kinds_that_bind is not None and "card_kind" in cards:
        allowed[:, BIND] = cards["card_kind"].isin(kinds_that_bind).to_numpy()
    return allowed


def _column(cards: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in cards:
        return np.full(len(cards), np.nan)
    return cards[name].to_numpy(np.float64, na_value=np.nan)
