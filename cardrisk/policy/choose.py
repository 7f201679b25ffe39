"""The least expected loss among a card's open actions, compiled: the one definition for a card alone and for a table.

For an action ``a`` on a card bought at price ``v`` with margin ``m`` and cause probabilities ``p_c``::

    paid(a)    = v * sum_c p_c (1 - mends[a, c] - stops[a, c]) lost_c
    earned(a)  = (1 - leaves_a) * (sound + sum_c p_c mends[a, c])         sound: good or retryable
    loss(a)    = cost_a + paid(a) + m * (sound + sum_c p_c max_b mends[b, c] - earned(a))

Correct when sums run in the order of ``CAUSES``, so that one card and a million give the same bits. A card whose
``p_fail`` is not known is held: never accepted, never blamed. Where the causes are not known, the card is taken to fail
in the document's shares.
"""

import hashlib
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.facts import CAUSE_SHARES, CAUSES, RETRYABLE
from cardrisk.policy.costs import ACTIONS, Costs

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HOLD: Final = ACTIONS.index("hold")
BIND: Final = ACTIONS.index("bind_first")
_JOINT: Final = ("bound_to_account", "not_activated", "insufficient_balance")
_COST, _KEPT = range(2)
_LOST, _MENDABLE, _SOUND, _DOCUMENT = range(4)
_LEFT, _MENDED = range(2)


class Terms(NamedTuple):
    """The platform's money as arrays that compiled code reads.

    Attributes
    ----------
    actions
        float64 (2, actions): the action's own cost in yuan; the share of good cards that stay.
    causes
        float64 (4, causes): the share of the price lost; the most that any action mends; 1 where the card is good; the
        document's share of failures.
    effects
        float64 (2, actions, causes): the share neither mended nor stopped; the share mended.
    """

    actions: Floats
    causes: Floats
    effects: Floats

    @classmethod
    def of(cls, costs: Costs) -> "Terms":
        """Lay out ``costs``."""
        mended = costs.mended()
        sound = np.array([cause in RETRYABLE for cause in CAUSES], np.float64)
        return cls(
            np.array([costs.fixed(), 1.0 - costs.turned_away()]),
            np.array([costs.lost(), mended.max(axis=0), sound, _document()]),
            np.array([1.0 - mended - costs.stopped(), mended]),
        )


def _document() -> Floats:
    """The document's shares of failures in the order of ``CAUSES``, its joint share split evenly."""
    shares = {**CAUSE_SHARES.value, **dict.fromkeys(_JOINT, CAUSE_SHARES.value["bound_or_part_spent"] / 3)}
    known = np.array([shares.get(cause, 0.0) for cause in CAUSES])
    return np.asarray(known / known.sum(), np.float64)


def lot(submission_id: object) -> float:
    """Draw a uniform number in [0, 1) that depends on the id alone: a retry of the same card gets the same lot."""
    digest = hashlib.blake2b(str(submission_id).encode(), digest_size=8, person=b"explore").digest()
    return float(np.frombuffer(digest, "<u8")[0] / 2.0**64)


@compiled
def choose_one(
    p_fail: float,
    p_cause: Floats,
    price: float,
    margin: float,
    open_to_it: Flags,
    actions: Floats,
    causes: Floats,
    effects: Floats,
) -> tuple[int, float]:
    """Return the action (its place in ``ACTIONS``) and its expected loss for one card.

    Parameters
    ----------
    p_fail, p_cause
        Its probability of failure, and float64 (causes,) of each cause; NaN where not known.
    price, margin
        In yuan.
    open_to_it
        bool (actions,): which actions make sense for it.
    actions, causes, effects
        See `Terms`.
    """
    action, least = HOLD, np.nan
    if np.isnan(p_fail):
        return action, least
    if np.isnan(p_cause).any():
        p_cause = p_fail * causes[_DOCUMENT]
    sound, could = 1.0 - p_fail, 0.0
    for c in range(p_cause.shape[0]):
        if causes[_SOUND, c] > 0.0:
            sound += p_cause[c]
        else:
            could += p_cause[c] * causes[_MENDABLE, c]
    for a in range(actions.shape[1]):
        if not open_to_it[a]:
            continue
        paid, saved = 0.0, 0.0
        for c in range(p_cause.shape[0]):
            paid += p_cause[c] * effects[_LEFT, a, c] * causes[_LOST, c]
            if causes[_SOUND, c] == 0.0:
                saved += p_cause[c] * effects[_MENDED, a, c]
        earned = actions[_KEPT, a] * (sound + saved)
        loss = actions[_COST, a] + price * paid + margin * (sound + could - earned)
        if np.isnan(least) or loss < least:
            action, least = a, loss
    return action, least


@compiled
def choose(
    p_fail: Floats,
    p_cause: Floats,
    price: Floats,
    margin: Floats,
    open_to_it: Flags,
    actions: Floats,
    causes: Floats,
    effects: Floats,
) -> tuple[NDArray[np.int64], Floats]:
    """Return the actions and expected losses of n cards: `choose_one` for each row."""
    action, least = np.empty(p_fail.shape[0], np.int64), np.empty(p_fail.shape[0], np.float64)
    for i in range(p_fail.shape[0]):
        action[i], least[i] = choose_one(
            p_fail[i], p_cause[i], price[i], margin[i], open_to_it[i], actions, causes, effects
        )
    return action, least
