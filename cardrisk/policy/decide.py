"""One card, one action: the least expected loss among the actions open to that card.

For an action ``a`` on a card bought at price ``v`` with margin ``m`` and cause probabilities ``p_c``::

    paid(a)    = v * sum_c p_c (1 - mends[a, c] - stops[a, c]) lost_c
    earned(a)  = (1 - leaves_a) * (sound + sum_c p_c mends[a, c])         sound: good or retryable
    loss(a)    = cost_a + paid(a) + m * (sound + sum_c p_c max_b mends[b, c] - earned(a))

Sums run in the order of ``CAUSES`` in compiled code, so one card and a million give the same bits. A card
whose ``p_fail`` is not known is held: never accepted, never blamed. Where the causes are not known, the card is
taken to fail in the document's shares.
"""

import hashlib
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.facts import CAUSE_SHARES, CAUSES, RETRYABLE
from cardrisk.policy.costs import ACTIONS, STOPPED, Costs

_HOLD: Final = ACTIONS.index("hold")
_GOOD: Final = np.array([cause in RETRYABLE for cause in CAUSES])
JOINT_SHARE: Final = ("bound_to_account", "not_activated", "insufficient_balance")
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
    costs = costs or Costs()
    p_fail = probabilities["p_fail"].to_numpy(np.float64)
    p_cause = _by_cause(probabilities)
    price, margin = amounts(cards, costs)
    action, loss = _choose(
        p_fail,
        p_cause,
        price,
        margin,
        open_actions(cards, kinds_that_bind),
        costs.fixed(),
        costs.mended(),
        costs.stopped(),
        costs.lost(),
        costs.turned_away(),
        _GOOD,
        _HOLD,
    )
    propensity = np.where(_IS_STOPPED[action], 0.0, 1.0)
    if costs.explore > 0.0:
        may = _IS_STOPPED[action] & (price <= costs.explore_limit) & ~np.isnan(p_fail)
        lucky = may & (_draws(cards["submission_id"]) < costs.explore)
        action = np.where(lucky, ACTIONS.index("accept"), action)
        propensity = np.where(may, costs.explore, propensity)
    return pd.DataFrame(
        {
            "decision": pd.array(np.array(ACTIONS, dtype=object)[action], dtype="str"),
            "expected_loss": loss,
            "propensity": propensity,
        },
        index=probabilities.index,
    )


def _by_cause(probabilities: pd.DataFrame) -> NDArray[np.float64]:
    given = np.array(probabilities[[f"p_{cause}" for cause in CAUSES]], dtype=np.float64, order="C")
    unknown = np.isnan(given).any(axis=1)
    given[unknown] = probabilities["p_fail"].to_numpy(np.float64)[unknown, None] * _DOCUMENT
    return given


def _document_shares() -> NDArray[np.float64]:
    """The document's shares of failures in the order of ``CAUSES``, its joint share split evenly."""
    shares = {**CAUSE_SHARES.value, **dict.fromkeys(JOINT_SHARE, CAUSE_SHARES.value["bound_or_part_spent"] / 3)}
    known = np.array([shares.get(cause, 0.0) for cause in CAUSES])
    total: NDArray[np.float64] = known / known.sum()
    return total


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
        allowed[:, ACTIONS.index("bind_first")] = cards["card_kind"].isin(kinds_that_bind).to_numpy()
    return allowed


def _column(cards: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in cards:
        return np.full(len(cards), np.nan)
    return cards[name].to_numpy(np.float64, na_value=np.nan)


def _draws(ids: pd.Series) -> NDArray[np.float64]:
    """Uniform draws that depend on the id alone: a retry of the same card gets the same draw."""
    raw = b"".join(hashlib.blake2b(str(i).encode(), digest_size=8, person=b"explore").digest() for i in ids)
    return np.frombuffer(raw, dtype="<u8") / 2.0**64


_DOCUMENT: Final = _document_shares()


@compiled
def _choose(  # one loop over cards, actions and causes: the formula above, in its order
    p_fail: NDArray[np.float64],
    p_cause: NDArray[np.float64],
    price: NDArray[np.float64],
    margin: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    fixed: NDArray[np.float64],
    mended: NDArray[np.float64],
    stopped: NDArray[np.float64],
    lost: NDArray[np.float64],
    leaves: NDArray[np.float64],
    good: NDArray[np.bool_],
    hold: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rows, causes = p_cause.shape
    action = np.full(rows, hold, np.int64)
    least = np.full(rows, np.nan, np.float64)
    for i in range(rows):
        if np.isnan(p_fail[i]):
            continue
        sound = 1.0 - p_fail[i]
        could = 0.0
        for c in range(causes):
            if good[c]:
                sound += p_cause[i, c]
            else:
                could += p_cause[i, c] * mended[:, c].max()
        for a in range(fixed.shape[0]):
            if not allowed[i, a]:
                continue
            paid = 0.0
            saved = 0.0
            for c in range(causes):
                paid += p_cause[i, c] * (1.0 - mended[a, c] - stopped[a, c]) * lost[c]
                if not good[c]:
                    saved += p_cause[i, c] * mended[a, c]
            earned = (1.0 - leaves[a]) * (sound + saved)
            loss = fixed[a] + price[i] * paid + margin[i] * (sound + could - earned)
            if np.isnan(least[i]) or loss < least[i]:
                least[i] = loss
                action[i] = a
    return action, least
