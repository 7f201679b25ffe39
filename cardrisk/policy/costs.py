"""What each action costs and what it mends: the platform's own numbers, all of them to be overwritten.

An action either mends a failing card (it becomes a good one), stops it (nothing is paid), or leaves it as
it is. Its expected loss is its own cost, plus what is paid for the failures it leaves, plus the margin of the
cards that were or could have become good and that it turns away. All money is in yuan, all shares are of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from cardrisk.errors import InputError
from cardrisk.facts import CAUSES, RETRYABLE

ACTIONS: Final[tuple[str, ...]] = (
    "accept",
    "recheck",
    "review",
    "hold",
    "reroute",
    "wait",
    "bind_first",
    "reject",
)
"""The closed set of decisions. At equal expected loss the earlier one is taken, so the seller is spared."""

STOPPED: Final[frozenset[str]] = frozenset({"hold", "review", "reject"})
"""Actions after which the card does not reach activation by itself: its answer may never be seen."""

_REVIEWED: Final = 0.70
"""Share of bad cards that format check, history association and human review stop together (C6)."""

_LOSSES: Final = {
    "wrong_face_value": 0.5,  # often settled at its real value
    "insufficient_balance": 0.6,
    "not_activated": 0.4,  # the seller can usually have it activated
    "bound_to_account": 0.8,
    "region_mismatch": 0.3,  # the card is good elsewhere
    "rate_limited": 0.02,  # the card is good: only a second attempt
    "issuer_busy": 0.02,
}

_MENDS: Final = {
    "recheck": {"bad_format": 0.8, "mistyped": 0.6, "wrong_face_value": 0.5, "not_activated": 0.3},
    "reroute": {"region_mismatch": 0.95},
    "wait": {"rate_limited": 0.95, "issuer_busy": 0.95},
    "hold": {"rate_limited": 0.9, "issuer_busy": 0.9},
    "bind_first": {"bound_to_account": 0.4, "not_activated": 0.5},
}

_STOPS: Final = {
    # a seller who cannot correct the code does not hand it in again
    "recheck": {"bad_format": 0.2, "mistyped": 0.1, "expired": 0.2},
    "review": {cause: _REVIEWED for cause in CAUSES if cause not in RETRYABLE},
    # the answers of the same batch and supplier arrive meanwhile
    "hold": {
        "forged": 0.8,
        "already_used": 0.6,
        "expired": 0.6,
        "batch_invalid": 0.8,
        "region_mismatch": 0.5,
    },
    # binding shows a card that is bound or spent before anything is paid
    "bind_first": {"bound_to_account": 0.55, "already_used": 0.8, "insufficient_balance": 0.8, "forged": 0.8},
    "reject": dict.fromkeys(CAUSES, 1.0),
}


@dataclass(frozen=True, slots=True)
class Costs:
    """The platform's money: what a failed card loses, what an action costs, what a lost good card costs.

    Attributes
    ----------
    margin
        Earned on a good card, as a share of its face value.
    price
        Paid for a card whose asking price is not known, as a share of its face value.
    face_value
        Taken for a card whose face value is not known, in yuan: an unknown amount is never a free card.
    recheck, review, hold, reroute, wait, bind_first, reject
        Cost of the action itself, in yuan a card.
    leaves
        Share of sellers of good cards who go elsewhere after an action, by action.
    loss
        Share of the price paid that is lost when a card fails, by cause; 1 where not named.
    mends
        Share of a cause's failures that an action turns into good cards; 0 where not named.
    stops
        Share of a cause's failures for which nothing is paid after the action; 0 where not named. The default
        for ``review`` is the document's C6; the others are choices, to be replaced by one's own figures.
    explore
        Share of stopped cards that are let through all the same, so that their answers are learnt.
        0 unless set: it spends money.
    explore_limit
        Dearest card, in yuan of price, that exploring may let through.

    Raises
    ------
    InputError
        A number outside its range, or an action or cause that does not exist.
    """

    margin: float = 0.06
    price: float = 0.88
    face_value: float = 100.0
    recheck: float = 0.8
    review: float = 3.0
    hold: float = 0.6
    reroute: float = 1.0
    wait: float = 0.3
    bind_first: float = 0.8
    reject: float = 0.5
    leaves: MappingProxyType[str, float] | dict[str, float] = field(
        default_factory=lambda: {
            "recheck": 0.05,
            "review": 0.08,
            "hold": 0.10,
            "reroute": 0.04,
            "wait": 0.03,
            "bind_first": 0.10,
            "reject": 1.0,
        }
    )
    loss: MappingProxyType[str, float] | dict[str, float] = field(default_factory=lambda: dict(_LOSSES))
    mends: MappingProxyType[str, Any] | dict[str, dict[str, float]] = field(
        default_factory=lambda: {action: dict(row) for action, row in _MENDS.items()}
    )
    stops: MappingProxyType[str, Any] | dict[str, dict[str, float]] = field(
        default_factory=lambda: {action: dict(row) for action, row in _STOPS.items()}
    )
    explore: float = 0.0
    explore_limit: float = 100.0

    def __post_init__(self) -> None:
        for item in fields(self):
            name, value = item.name, getattr(self, item.name)
            if name in _EFFECTS:
                kept: Any = {
                    action: _shares(f"{name}[{action!r}]", CAUSES, row)
                    for action, row in _table(name, ACTIONS, value, "an action").items()
                }
            elif name in _BY_NAME:
                kept = _shares(name, _BY_NAME[name], value)
            else:
                kept = _number(name, value, 1.0 if name in _SHARES else np.inf)
            object.__setattr__(self, name, kept)  # whole numbers as floats, and nobody else's dictionaries
        if (_matrix(self.mends) + _matrix(self.stops) > 1.0 + 1e-9).any():
            raise InputError("expected mends + stops at most 1 for every action and cause, got more")

    def lost(self) -> NDArray[np.float64]:
        """Share of the price lost per cause, in the order of ``CAUSES``; shape ``(causes,)``."""
        return np.array([self.loss.get(cause, 1.0) for cause in CAUSES])

    def mended(self) -> NDArray[np.float64]:
        """Share of each cause that each action turns good; shape ``(actions, causes)``."""
        return _matrix(self.mends)

    def stopped(self) -> NDArray[np.float64]:
        """Share of each cause for which nothing is paid after each action; shape ``(actions, causes)``."""
        return _matrix(self.stops)

    def fixed(self) -> NDArray[np.float64]:
        """Cost of the action itself in yuan; shape ``(actions,)``; accepting costs nothing."""
        return np.array([float(getattr(self, action, 0.0)) for action in ACTIONS])

    def turned_away(self) -> NDArray[np.float64]:
        """Share of good cards lost to the action; shape ``(actions,)``."""
        return np.array([float(self.leaves.get(action, 0.0)) for action in ACTIONS])

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, as written into reports and decision records."""
        return {
            item.name: value if isinstance(value := getattr(self, item.name), float) else dict(value)
            for item in fields(self)
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        InputError
            A name that is not a cost.
        """
        unknown = sorted(set(values) - {item.name for item in fields(cls)})
        if unknown:
            raise InputError(f"expected costs among {[f.name for f in fields(cls)]}, got {unknown}")
        return cls(**values)


def costs_given(costs: Costs | None) -> Costs:
    """Return the costs handed in, the defaults where none are.

    Raises
    ------
    InputError
        They are none.
    """
    if costs is not None and not isinstance(costs, Costs):
        raise InputError(f"costs: expected cardrisk.Costs(...), got {type(costs).__name__}")
    return Costs() if costs is None else costs


_SHARES: Final = frozenset({"margin", "price", "explore"})
_BY_NAME: Final = {"leaves": ACTIONS, "loss": CAUSES}
_EFFECTS: Final = ("mends", "stops")


def _matrix(effects: Any) -> NDArray[np.float64]:
    return np.array([[effects.get(action, {}).get(cause, 0.0) for cause in CAUSES] for action in ACTIONS])


def _number(name: str, value: Any, high: float) -> float:
    try:
        number = np.nan if isinstance(value, bool | np.bool_ | str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not 0.0 <= number <= high or not np.isfinite(number):
        raise InputError(f"{name}: expected a finite number from 0 to {high:g}, got {repr(value)[:40]}")
    return number


def _table(name: str, known: tuple[str, ...], table: Any, what: str = "a name") -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise InputError(f"{name}: expected a mapping by name, got {type(table).__name__}")
    for key in table:
        if key not in known:
            raise InputError(f"{name}: expected {what} among {known}, got {str(key)[:40]!r}")
    return dict(table)


def _shares(name: str, known: tuple[str, ...], table: Any) -> dict[str, float]:
    found = _table(name, known, table)
    return {key: _number(f"{name}[{key!r}]", value, 1.0) for key, value in found.items()}
