"""One card whose features are known: probabilities, cause, decision and reasons, without a table.

Correct when every value has the bits that :func:`cardrisk.score` gives the same card.

A judge keeps an array that it writes to at every card: one thread at a time. Reasons, which cost many times the rest,
are worked out when they are read, by any thread.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from struct import Struct
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cardrisk.errors import InputError
from cardrisk.facts import CAUSES
from cardrisk.policy import ACTIONS, STOPPED, Costs, costs_given
from cardrisk.policy.choose import BIND, lot
from cardrisk.risk import RiskModel
from cardrisk.risk.explain import LANGUAGES, Language
from cardrisk.scoring.given import Given
from cardrisk.scoring.result import Score, scored
from cardrisk.scoring.verdict import LOSS, P_CAUSE, P_FAIL, PRICE, Bench, inputs_of
from cardrisk.scoring.why import Why

Reasons: TypeAlias = Literal["stopped", "all", "none"]
Floats: TypeAlias = NDArray[np.float64]
Card: TypeAlias = Mapping[str, Any]

_ACCEPT: Final = ACTIONS[0]


class Judge:
    """A model and a policy made ready for one card at a time.

    Parameters
    ----------
    model, costs
        What decides.
    reasons, language
        As in :func:`cardrisk.score`.

    Raises
    ------
    InputError
        The costs are none, or the language is not known.
    """

    def __init__(self, model: RiskModel, costs: Costs, reasons: Reasons, language: Language) -> None:
        costs = costs_given(costs)
        if language not in LANGUAGES:
            raise InputError(f"language: expected one of {LANGUAGES}, got {language!r}")
        self.model = model
        self._version = model.version
        self._given = Given(model, costs)
        self.names = self._given.names
        open_to_it = np.ones((2, len(ACTIONS)), np.bool_)
        open_to_it[0, BIND] = False
        bench = Bench.of(model, costs, self._given.places, open_to_it)
        self._verdict, self._nodes, self._rest = bench.verdict(), bench.nodes, bench.rest
        self._sheet = np.empty(LOSS + 1 + len(self._given))
        self._cells = self._sheet[: LOSS + 1]
        room: Any = self._sheet
        self._pack = partial(Struct(f"{len(self._given)}d").pack_into, room, self._cells.nbytes)
        self._explore, self._limit = costs.explore, costs.explore_limit
        self._why = Why(model, language)
        self._reasons = reasons

    def score(self, card: Card, row: Floats) -> Score:
        """Answer for a card.

        Parameters
        ----------
        card
            The card after intake.
        row
            float64, its number features in the order of ``names``, as ``LiveHistory.take`` gives them.
        """
        given = self._given(card)
        self._pack(*given)
        place, cause = self._verdict(row, self._sheet, self._nodes, self._rest)
        values = self._cells.tolist()
        action, propensity = ACTIONS[place], 1.0
        if action in STOPPED:
            action, propensity = self._explored(card, action, given)
        score = scored(
            card["submission_id"],
            values[P_FAIL],
            values[P_CAUSE:LOSS],
            CAUSES[cause],
            action,
            values[LOSS],
            propensity,
            self._version,
        )
        if self._reasons == "all" or (self._reasons == "stopped" and action != _ACCEPT):
            score.deferring(_Later(self, card, row))
        return score

    def _explored(self, card: Card, action: str, given: Sequence[float]) -> tuple[str, float]:
        """Return a stopped card's action and propensity under an exploring policy."""
        if self._explore <= 0.0 or given[PRICE] > self._limit:
            return action, 0.0
        return (_ACCEPT if lot(card["submission_id"]) < self._explore else action), self._explore

    def reasons(self, card: Card, row: Floats) -> tuple[str, ...]:
        """Return the reasons for a card, strongest first; safe to call from any thread.

        Parameters
        ----------
        card, row
            As in `score`.
        """
        inputs = np.empty(len(self._given.places))
        inputs_of(row, np.array(self._given(card)), self._given.places, inputs)
        return tuple(self._why(inputs, self._given.features(card, row)))


class _Later:
    """The reasons for one card, to be worked out when somebody reads them."""

    __slots__ = ("_asked",)

    def __init__(self, judge: Judge, card: Card, row: Floats) -> None:
        self._asked = judge, card, row

    def __call__(self) -> tuple[str, ...]:
        judge, card, row = self._asked
        return judge.reasons(card, row)
