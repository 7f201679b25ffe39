"""One card whose features are known: probabilities, cause, decision and reasons, without a table.

Correct when every value has the bits that :func:`cardrisk.score` gives the same card: the same trees, the same
calibration and the same policy run on the same numbers, only laid out once for one row.

A judge keeps arrays that it writes to at every card: one thread at a time.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cardrisk.facts import CAUSES
from cardrisk.features.live.layout import layout_of
from cardrisk.features.live.values import plain
from cardrisk.features.plan import plan_of
from cardrisk.policy import ACTIONS, Costs
from cardrisk.risk import RiskModel
from cardrisk.risk.calibrate import LIMIT
from cardrisk.risk.encode import OTHER
from cardrisk.risk.explain import Language
from cardrisk.risk.model import group_name
from cardrisk.risk.trees import Ensemble
from cardrisk.risk.trees.kernels import raw_row
from cardrisk.scoring.action import Policy
from cardrisk.scoring.result import Score
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
    """

    def __init__(self, model: RiskModel, costs: Costs, reasons: Reasons, language: Language) -> None:
        self.model = model
        self.names = tuple(feature.name for feature in layout_of(model.features).features)
        self._encode = Encoder(model)
        self._probabilities = Probabilities(model)
        self._policy = Policy(costs)
        self._why = Why(model, language)
        self._reasons = reasons

    def score(self, card: Card, row: Floats) -> Score:
        """Answer for a card.

        Parameters
        ----------
        card
            The card after intake.
        row
            float64, its number features in the order of ``names``, as ``LiveHistory.row`` gives them.
        """
        inputs = self._encode(card, row)
        p = self._probabilities(card, inputs)
        action, loss, propensity = self._policy(card, p)
        values = p.tolist()
        asked = self._reasons == "all" or (self._reasons == "stopped" and action != _ACCEPT)
        return Score(
            card["submission_id"],
            values[0],
            dict(zip(CAUSES, values[1:], strict=True)),
            CAUSES[_first_largest(values[1:])],
            action,
            loss,
            propensity,
            tuple(self._why(inputs, self.features(card, row))) if asked else (),
            None,
            self.model.version,
        )

    def features(self, card: Card, row: Floats) -> dict[str, Any]:
        """Features by name: floats, texts, NaN where null."""
        found: dict[str, Any] = dict(zip(self.names, row.tolist(), strict=True))
        for name, column, text in self._encode.handed:
            value = plain(card.get(column))
            found[name] = float("nan") if value is None else value if text else float(np.float32(value))
        return found


class Encoder:
    """From a card and its number features to the row the trees read; as `Columns.row`, laid out once."""

    def __init__(self, model: RiskModel) -> None:
        columns = model.card.columns
        place = {name: i for i, name in enumerate(columns.names)}
        handed = plan_of(model.features).handed
        numbers = [(i, f.name) for i, f in enumerate(layout_of(model.features).features)]
        self._from = np.array([i for i, name in numbers if name in place], np.intp)
        self._to = np.array([place[name] for _, name in numbers if name in place], np.intp)
        self.handed = [(f.name, f.of or f.name, f.dtype == "str") for f in handed]
        self._rest: list[tuple[int, str, dict[str, int] | None]] = [
            (place[name], column, _codes(columns.categories.get(name)))
            for name, column, _ in self.handed
            if name in place
        ]
        self._single = np.full(len(columns.names), np.nan, np.float32)
        self._row = np.empty(len(columns.names))

    def __call__(self, card: Card, row: Floats) -> Floats:
        """Write and return the trees' input, float64 (columns,); it holds until the next call."""
        single = self._single
        single[self._to] = row[self._from]
        for i, column, codes in self._rest:
            value = card.get(column)
            if value is None or value != value:
                single[i] = np.nan
            else:
                single[i] = value if codes is None else codes.get(str(value), OTHER)
        self._row[:] = single
        return self._row


def _codes(values: tuple[str, ...] | None) -> dict[str, int] | None:
    return None if values is None else {value: code + 1 for code, value in enumerate(values)}


class Probabilities:
    """p(fail) and p(cause) of one encoded row: the bits of ``RiskModel.predict``."""

    def __init__(self, model: RiskModel) -> None:
        card = model.card
        self._calibration, self._known = card.calibration, card.shares.known
        self._fail, self._raw = _walker(model.fail)
        self._cause: Callable[[Floats], None] | None = None
        if model.cause is not None:
            self._cause, self._scores = _walker(model.cause)
        group = {feature.name: feature.of or feature.name for feature in model.features}
        self._columns = [group[name] for name in card.groups]
        self._groups: dict[tuple[Any, ...], tuple[float, float]] = {}
        shares = card.shares
        self._rest = shares.rest_weight * np.asarray(shares.rest)
        self._classes = np.array(shares.classes, np.intp)
        self._inside, self._temperature = 1.0 - shares.rest_weight, shares.temperature
        self._one, self._out = np.empty(1), np.empty(len(CAUSES))
        self._raised = np.empty((1, len(shares.classes)))
        self._unknown = np.full(len(CAUSES), np.nan)

    def __call__(self, card: Card, row: Floats) -> Floats:
        """Return float64 (14,): ``p_fail``, then the causes in order."""
        self._fail(row)
        out = np.empty(1 + len(CAUSES))
        p_fail = self._calibrated(*self._group(card))
        out[0] = p_fail
        np.multiply(self._shares(row), p_fail, out=out[1:])
        return out

    def _group(self, card: Card) -> tuple[float, float]:
        """Return (exp of the log slope, offset) of the card's calibration group."""
        values = tuple(card.get(column) for column in self._columns)
        found = self._groups.get(values)
        if found is None:
            slope, offset = self._calibration.of(group_name(list(values)))
            if len(self._groups) > 4_096:
                self._groups.clear()
            found = self._groups[values] = (float(np.exp(np.array([slope]))[0]), offset)
        return found

    def _calibrated(self, slope: float, offset: float) -> float:
        """`Calibration.margin`, then `sigmoid`.

        Sums and products of Python floats are NumPy's; where the functions are concerned NumPy's own are called, on
        arrays of one, because vectorised ones may differ from the C library's in the last bit.
        """
        one, raw = self._one, self._raw
        np.logaddexp(0.0, raw, out=one)
        high = one.item()
        np.negative(raw, out=one)
        np.logaddexp(0.0, one, out=one)
        low = -one.item()
        squeezed = slope * (self._calibration.a * low + self._calibration.b * high + self._calibration.c) + offset
        one[0] = squeezed / LIMIT
        np.power(one, 8, out=one)
        one += 1.0
        np.power(one, 0.125, out=one)
        margin = squeezed / one.item()
        one[0] = -abs(margin)
        half = np.exp(one, out=one).item()
        return float((1.0 if margin >= 0 else half) / (1.0 + half))

    def _shares(self, row: Floats) -> Floats:
        """`CauseShares.shares` of one card."""
        if not self._known:
            return self._unknown
        np.copyto(self._out, self._rest)
        if self._cause is not None:
            self._cause(row)
            raised = self._raised
            np.divide(self._scores, self._temperature, out=raised)
            raised -= np.maximum.reduce(raised, axis=1, keepdims=True)
            np.exp(raised, out=raised)
            raised /= np.add.reduce(raised, axis=1, keepdims=True)
            raised *= self._inside
            self._out[self._classes] += raised[0]
        return self._out


def _first_largest(values: list[float]) -> int:
    """Position of the first of the largest; 0 where none is known."""
    return 0 if values[0] != values[0] else values.index(max(values))


def _walker(trees: Ensemble) -> tuple[Callable[[Floats], None], Floats]:
    """Return a function that evaluates one row, and the array it writes to: raw scores."""
    t, out = trees.tables, np.empty(trees.num_class)

    def walk(row: Floats) -> None:
        raw_row(row, t.nodes, t.roots, t.columns, t.words, out)

    return walk, out
