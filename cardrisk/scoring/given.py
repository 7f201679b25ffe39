"""What a card itself tells the trees and the policy, as numbers.

Correct when each number is what the table road reads from the same card: categories by the model's codes, money with
its defaults, the calibration group by its name.
"""

from collections.abc import Mapping
from operator import getitem
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cardrisk.features.live.layout import layout_of
from cardrisk.features.live.values import plain
from cardrisk.features.plan import plan_of
from cardrisk.kinds import KINDS
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel
from cardrisk.risk.encode import OTHER
from cardrisk.risk.model import group_name
from cardrisk.scoring.verdict import ABSENT, GIVEN

Card = Mapping[str, Any]

KINDS_THAT_BIND: Final = frozenset(name for name, kind in KINDS.items() if kind.binds)
_NAN: Final = float("nan")
_MOST_GROUPS: Final = 4_096


class Given:
    """A model's and a policy's view of a card's own columns.

    Attributes
    ----------
    names
        Number features, in the order of a card's row.
    places
        See ``scoring.verdict.Bench``.
    """

    def __init__(self, model: RiskModel, costs: Costs) -> None:
        self.names = tuple(feature.name for feature in layout_of(model.features).features)
        columns, handed = model.card.columns, plan_of(model.features).handed
        self._handed = [(f.name, f.of or f.name, f.dtype == "str") for f in handed]
        asked = sorted((f for f in handed if f.name in columns.names), key=lambda f: f.name not in columns.categories)
        texts = [f for f in asked if f.name in columns.categories]
        self._texts = [f.of or f.name for f in texts]
        self._codes = [_Codes(columns.categories[f.name]) for f in texts]
        self._numbers = [f.of or f.name for f in asked[len(texts) :]]
        where = {name: i for i, name in enumerate(self.names)}
        where |= {f.name: len(self.names) + GIVEN + i for i, f in enumerate(asked)}
        self.places = np.array([where.get(name, ABSENT) for name in columns.names], np.int32)
        group = {feature.name: feature.of or feature.name for feature in model.features}
        self._columns = [group[name] for name in model.card.groups]
        self._calibration = model.card.calibration
        self._groups: dict[tuple[Any, ...], tuple[float, float]] = {}
        self._face, self._price, self._margin = costs.face_value, costs.price, costs.margin

    def __len__(self) -> int:
        return GIVEN + len(self._codes) + len(self._numbers)

    def __call__(self, card: Card) -> list[float]:
        """Return the given numbers of a card after intake, as ``scoring.verdict`` takes them."""
        get = card.get
        face, asked = get("face_value"), get("asking_price")
        face = self._face if face is None or face != face else float(face)
        price = self._price * face if asked is None or asked != asked else float(asked)
        group = tuple([get(column) for column in self._columns])
        slope, offset = self._groups.get(group) or self._group(group)
        found = [slope, offset, price, self._margin * face, get("card_kind") in KINDS_THAT_BIND]
        found += map(getitem, self._codes, map(get, self._texts))
        for column in self._numbers:
            value = get(column)
            found.append(_NAN if value is None else value)
        return found

    def _group(self, values: tuple[Any, ...]) -> tuple[float, float]:
        """Return log slope and offset of a calibration group."""
        if len(self._groups) > _MOST_GROUPS:
            self._groups.clear()
        found = self._groups[values] = self._calibration.of(group_name(list(values)))
        return found

    def features(self, card: Card, row: NDArray[np.float64]) -> dict[str, Any]:
        """Return every feature by name: floats, texts, NaN where null."""
        found: dict[str, Any] = dict(zip(self.names, row.tolist(), strict=True))
        for name, column, is_text in self._handed:
            value = plain(card.get(column))
            found[name] = _NAN if value is None else value if is_text else float(np.float32(value))
        return found


class _Codes(dict[Any, float]):
    """The code of each category that a model knows, NaN for null; asked for another, it says so."""

    def __init__(self, values: tuple[str, ...]) -> None:
        super().__init__({None: _NAN} | {value: float(i + 1) for i, value in enumerate(values)})

    def __missing__(self, value: Any) -> float:
        return _NAN if value != value else self.get(str(value), OTHER)
