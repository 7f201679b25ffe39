"""What a card itself tells the trees and the policy, as numbers.

Correct when each number is what the table road reads from the same card: categories by the model's codes, money with
its defaults, the calibration group by its name.
"""

from collections.abc import Mapping
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
_MOST_SEEN: Final = 4_096


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
        self._named = tuple(dict.fromkeys([*self._columns, *self._texts, "card_kind"]))
        self._seen: dict[tuple[Any, ...], tuple[float, float, bool, list[float]]] = {}
        self._face, self._price, self._margin = costs.face_value, costs.price, costs.margin

    def __len__(self) -> int:
        return GIVEN + len(self._codes) + len(self._numbers)

    def __call__(self, card: Card) -> list[float]:
        """Return the given numbers of a card after intake, as ``scoring.verdict`` takes them."""
        get = card.get
        face, asked = get("face_value"), get("asking_price")
        face = self._face if face is None or face != face else float(face)
        price = self._price * face if asked is None or asked != asked else float(asked)
        named = (*map(get, self._named),)
        slope, offset, binds, codes = self._seen.get(named) or self._read(named)
        found = [slope, offset, price, self._margin * face, binds, *codes]
        for value in map(get, self._numbers):
            found.append(_NAN if value is None else value)  # noqa: PERF401 - a comprehension is a call of its own
        return found

    def _read(self, named: tuple[Any, ...]) -> tuple[float, float, bool, list[float]]:
        """Return what follows from a card's words alone: slope, offset, whether its kind binds, and texts' codes."""
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        of = dict(zip(self._named, named, strict=True))
        group = self._calibration.of(group_name([of[column] for column in self._columns]))
        codes = [code[of[column]] for code, column in zip(self._codes, self._texts, strict=True)]
        found = self._seen[named] = (*group, of["card_kind"] in KINDS_THAT_BIND, codes)
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
