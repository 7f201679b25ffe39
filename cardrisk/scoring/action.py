"""The policy for one card: what :func:`cardrisk.policy.decide` decides for a table of that card, to the bit."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cardrisk.policy import ACTIONS, STOPPED, Costs
from cardrisk.policy.decide import _DOCUMENT, _GOOD, _HOLD, _choose, _draws
from cardrisk.scoring.assemble import KINDS_THAT_BIND

_BIND: Final = ACTIONS.index("bind_first")


class Policy:
    """Costs made ready for one card at a time; one thread at a time.

    Parameters
    ----------
    costs
        The platform's money.
    """

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._tables = (costs.fixed(), costs.mended(), costs.stopped(), costs.lost(), costs.turned_away())
        self._p_fail, self._p_cause = np.empty(1), np.empty((1, len(_DOCUMENT)))
        self._price, self._margin = np.empty(1), np.empty(1)
        self._open = np.ones((1, len(ACTIONS)), np.bool_)

    def __call__(self, card: Mapping[str, Any], p: NDArray[np.float64]) -> tuple[str, float, float]:
        """Return decision, expected loss in yuan and propensity.

        Parameters
        ----------
        card
            The card after intake.
        p
            float64 (14,): ``p_fail``, then the causes.
        """
        costs = self._costs
        self._p_fail[0] = p[0]
        self._p_cause[0] = p[1:]
        if p[1] != p[1]:  # causes are known all or none
            np.multiply(p[0], _DOCUMENT, out=self._p_cause[0])
        face, asked = card.get("face_value"), card.get("asking_price")
        face = costs.face_value if face is None or face != face else float(face)
        self._price[0] = price = costs.price * face if asked is None or asked != asked else float(asked)
        self._margin[0] = costs.margin * face
        self._open[0, _BIND] = card.get("card_kind") in KINDS_THAT_BIND
        chosen, loss = _choose(
            self._p_fail, self._p_cause, self._price, self._margin, self._open, *self._tables, _GOOD, _HOLD
        )
        action = ACTIONS[int(chosen[0])]
        if action not in STOPPED:
            return action, float(loss[0]), 1.0
        if costs.explore > 0.0 and price <= costs.explore_limit:
            lucky = _draws(pd.Series([card["submission_id"]]))[0] < costs.explore
            return ACTIONS[0] if lucky else action, float(loss[0]), costs.explore
        return action, float(loss[0]), 0.0
