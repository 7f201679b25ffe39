"""From the document's rates to what the raw stream must hold.

Correct when the raw stream, thinned by each platform's screening, has the scenario's cause rates.

Each failing cause reaches a card on two roads: in *stock* - lots of which a share is bad, handed in over days by
the same suppliers and submitters - and as *background*, card by card, anywhere. ``IN_STOCK`` says how much of a
cause is stock: that is what history can reveal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.world.hashing import Array

PRECEDENCE: Final[tuple[str, ...]] = (
    "forged",
    "mistyped",
    "batch_invalid",
    "not_activated",
    "expired",
    "region_mismatch",
    "already_used",
    "bound_to_account",
    "insufficient_balance",
    "wrong_face_value",
    "rate_limited",
    "issuer_busy",
)
"""Which cause a card is recorded with when several meet: the first. A code that never existed cannot be spoilt,
a spoilt code cannot be looked up, a card that is not valid has no owner or balance, and only a card that is good
in itself can be merely delayed."""

INTRINSIC: Final[tuple[str, ...]] = PRECEDENCE[:-2]
"""Causes that the card brings along; the last two belong to the moment of activation."""

IN_STOCK: Final[dict[str, float]] = {
    "forged": 0.98,
    "batch_invalid": 0.7,
    "not_activated": 0.9,
    "expired": 0.8,
    "region_mismatch": 0.8,
    "already_used": 0.85,
    "bound_to_account": 0.7,
    "insufficient_balance": 0.6,
}
"""Share of a cause that comes in bad lots; causes not named have background only."""

BAD_SHARE: Final[dict[str, tuple[float, float]]] = {
    "forged": (0.85, 1.0),
    "batch_invalid": (0.9, 1.0),
    "not_activated": (0.85, 1.0),
    "expired": (0.75, 1.0),
    "region_mismatch": (0.75, 1.0),
    "already_used": (0.6, 0.95),
    "bound_to_account": (0.55, 0.9),
    "insufficient_balance": (0.5, 0.9),
}
"""Lowest and highest share of bad cards in a bad lot, uniform between."""

SALTED: Final = 0.12
"""Share of bad lots that are mostly sound, to look honest: their share of bad cards is halved."""

CHANNEL_NAMES: Final[tuple[str, ...]] = tuple(facts.CHANNELS)
MOST: Final = 0.95
"""No background chance goes above."""


def mean_share(cause: str) -> float:
    """Return the mean share of bad cards over the bad lots of a cause."""
    low, high = BAD_SHARE[cause]
    return (low + high) / 2.0 * (1.0 - SALTED / 2.0)


@dataclass(frozen=True)
class Rates:
    """What fails and what is stopped, per channel.

    Attributes
    ----------
    causes
        Share of the cards that reach activation, by channel and cause.
    stops
        Share of cards stopped before activation, by channel and true cause; ``other`` for causes not named.
    """

    causes: Mapping[str, Mapping[str, float]]
    stops: Mapping[str, Mapping[str, float]]

    def stop(self, channel: str, cause: str) -> float:
        """Return the share of a channel's cards of a true cause that its own screening stops."""
        named = self.stops[channel]
        return named["ok"] if cause in facts.RETRYABLE else named.get(cause, named["other"])

    @cached_property
    def stop_table(self) -> Array:
        """Stop shares, float64 of shape (channels, 1 + intrinsic causes); column 0 is ``ok``."""
        return np.array([[self.stop(name, cause) for cause in ("ok", *INTRINSIC)] for name in CHANNEL_NAMES])

    @cached_property
    def _wanted(self) -> Array:
        return np.array([[self.causes[name].get(cause, 0.0) for cause in INTRINSIC] for name in CHANNEL_NAMES])

    @cached_property
    def pass_rate(self) -> Array:
        """Share of each channel's raw cards that its screening lets through, float64 of shape (channels,)."""
        passing = 1.0 - self.stop_table
        raw = (1.0 - self._wanted.sum(axis=1)) / passing[:, 0] + (self._wanted / passing[:, 1:]).sum(axis=1)
        return np.asarray(1.0 / raw)

    @cached_property
    def raw(self) -> Array:
        """Bad raw cards per raw card, float64 of shape (channels, intrinsic causes)."""
        return np.asarray(self._wanted / (1.0 - self.stop_table[:, 1:]) * self.pass_rate[:, None])

    @cached_property
    def stock(self) -> Array:
        """Raw cards from bad lots per raw card, float64 of shape (channels, intrinsic causes)."""
        out = np.zeros_like(self.raw)
        mistyped = INTRINSIC.index("mistyped")
        for column, cause in enumerate(INTRINSIC):
            if cause in IN_STOCK:
                out[:, column] = self.raw[:, column] * IN_STOCK[cause] / mean_share(cause)
                if column > mistyped:
                    out[:, column] /= 1.0 - self.raw[:, mistyped] / 2.0
        return out

    def background(self, eligible: Array) -> Array:
        """Return each cause's chance on a card that can have it and comes from no bad lot of that cause.

        Parameters
        ----------
        eligible
            Share of each channel's cards whose kind can have the cause, shape (channels, intrinsic causes).

        Returns
        -------
        ndarray
            Float64 of shape (channels, intrinsic causes), raised for what earlier causes in the precedence take.
        """
        out = np.zeros_like(self.raw)
        for column, cause in enumerate(INTRINSIC):
            room = 1.0 - self.raw[:, :column].sum(axis=1)
            wanted = self.raw[:, column] * (1.0 - IN_STOCK.get(cause, 0.0)) / room
            out[:, column] = wanted / np.maximum(eligible[:, column], 1e-9)
        return np.minimum(out, MOST)
