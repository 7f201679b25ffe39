"""What a world stands on: its seed, size, kinds and the numbers derived from them once.

Correct when two grounds with the same seed, scale, kinds and start are equal in everything they answer, and when
the number of cards per entity does not depend on the scale.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from cardrisk import facts
from cardrisk.kinds import FAMILIES, CardKind
from cardrisk.world.hashing import Array
from cardrisk.world.rates import CHANNEL_NAMES, INTRINSIC, Rates

if TYPE_CHECKING:
    from cardrisk.world.incidents import Incident

DAY: Final = 86_400
MICRO: Final = 1_000_000

SUPPLIERS: Final = (900, 450, 200)
RESELLERS: Final = (3_500, 1_300, 900)
PEOPLE: Final = (220_000, 170_000, 90_000)
STORES: Final = 1_500
DEALERS: Final = 200
"""Entities alive at once per channel (or offline) at ``scale=1``."""

PLAIN_CODE: Final = 16
"""Characters of a synthetic secret where nobody published a shape."""


@dataclass(frozen=True)
class KindTable:
    """Card kinds as arrays, one entry per kind in name order of the mapping."""

    names: tuple[str, ...]
    family: Array
    provincial: Array
    binds: Array
    expires: Array
    activates: Array
    fixed_region: Array
    weight: Array
    number_lengths: tuple[tuple[int, ...], ...]
    number_alnum: Array
    number_letters: Array
    secret_lengths: tuple[tuple[int, ...], ...]
    secret_alnum: Array
    denominations: Array
    denomination_count: Array

    @classmethod
    def of(cls, kinds: Mapping[str, CardKind]) -> "KindTable":
        """Return the table of ``kinds``."""
        every = list(kinds.values())
        names = tuple(kinds)
        width = max(len(kind.denominations) for kind in every) or 1
        amounts = np.zeros((len(every), width))
        for row, kind in enumerate(every):
            amounts[row, : len(kind.denominations)] = kind.denominations
            amounts[row, len(kind.denominations) :] = kind.denominations[-1] if kind.denominations else 100
        fixed = [facts.KIND_REGIONS.get(name) for name in names]
        return cls(
            names=names,
            family=np.array([FAMILIES.index(kind.family) for kind in every]),
            provincial=np.array([kind.provincial for kind in every]),
            binds=np.array([kind.binds for kind in every]),
            expires=np.array([kind.expires for kind in every]),
            activates=np.array([kind.activates for kind in every]),
            fixed_region=np.array([facts.REGIONS.index(name) if name else -1 for name in fixed]),
            weight=np.array([facts.KIND_WEIGHTS.value.get(name, 1.0) for name in names]),
            number_lengths=tuple(kind.number.lengths if kind.number else () for kind in every),
            number_alnum=np.array([bool(k.number and k.number.alphabet == "alnum") for k in every]),
            number_letters=np.array([k.number.letters_first if k.number else 0 for k in every]),
            secret_lengths=tuple(kind.secret.lengths if kind.secret else (PLAIN_CODE,) for kind in every),
            secret_alnum=np.array([k.secret is None or k.secret.alphabet == "alnum" for k in every]),
            denominations=amounts,
            denomination_count=np.array([max(1, len(kind.denominations)) for kind in every]),
        )

    def can_have(self, cause: str) -> Array:
        """Return which kinds can fail for ``cause`` at all, boolean per kind."""
        if cause == "expired":
            return np.asarray(self.expires)
        if cause == "region_mismatch":
            return np.asarray(self.provincial)
        if cause == "bound_to_account":
            return np.asarray(self.binds)
        if cause == "not_activated":
            return np.asarray(self.activates | (self.family == FAMILIES.index("phone")))
        if cause == "insufficient_balance":
            return np.asarray(self.family == FAMILIES.index("ecommerce"))
        if cause == "batch_invalid":
            return np.asarray(self.family == FAMILIES.index("phone"))
        return np.ones(len(self.names), dtype=bool)


@dataclass(frozen=True)
class Ground:
    """Everything about a world that no day changes.

    Attributes
    ----------
    seed
        Names the world.
    scale
        1 is the document's 190,000 cards a day.
    start
        First day, ``datetime64[D]``.
    kinds
        The kinds in circulation.
    rates
        What fails and what screening stops.
    daily
        Cards that reach activation on an average day, per channel, at ``scale=1``.
    families
        Share of each channel's cards by family.
    incidents
        What stands out of the usual stream.
    screened
        Whether each platform's own screening has thinned the stream.
    """

    seed: int
    scale: float
    start: np.datetime64
    kinds: KindTable
    rates: Rates
    daily: Mapping[str, float]
    families: Mapping[str, Mapping[str, float]]
    incidents: "tuple[Incident, ...]" = ()
    screened: bool = True

    @cached_property
    def raw_daily(self) -> Array:
        """Raw cards on an average day, per channel."""
        daily = np.array([self.daily[name] for name in CHANNEL_NAMES])
        return np.asarray(daily * self.scale / self.rates.pass_rate)

    @cached_property
    def _mixes(self) -> dict[tuple[str, str | None], Array]:
        return {
            (channel, cause): self._mix(channel, cause) for channel in CHANNEL_NAMES for cause in (None, *INTRINSIC)
        }

    def mix(self, channel: str, cause: str | None = None) -> Array:
        """Return each kind's share of a channel's cards, or of its stock bad by ``cause``; float64 summing to 1."""
        return self._mixes[channel, cause]

    def _mix(self, channel: str, cause: str | None) -> Array:
        weights = np.zeros(len(self.kinds.names))
        for index, family in enumerate(FAMILIES):
            inside = self.kinds.weight * (self.kinds.family == index)
            share = self.families[channel][family]
            if cause == "forged":
                game = facts.FORGED_GAME_SHARE.value
                share = game if family == "game" else (1.0 - game) / 2.0
            weights += share * inside / max(inside.sum(), 1e-9)
        if cause is not None:
            weights = weights * self.kinds.can_have(cause)
        return np.asarray(weights / max(weights.sum(), 1e-12))

    @cached_property
    def stock(self) -> Array:
        """Raw cards from bad lots per raw card, shape (channels, intrinsic causes)."""
        return np.where(self._eligible > 0, self.rates.stock, 0.0)

    @cached_property
    def background(self) -> Array:
        """Each cause's chance on an eligible card of no bad lot of that cause, shape (channels, intrinsic causes)."""
        return self.rates.background(self._eligible)

    @cached_property
    def _eligible(self) -> Array:
        return np.array([[self.mix(ch)[self.kinds.can_have(c)].sum() for c in INTRINSIC] for ch in CHANNEL_NAMES])

    def many(self, at_scale_one: int, least: int) -> int:
        """Return how many entities of a sort are alive at once."""
        return max(least, round(at_scale_one * self.scale))

    def rng(self, concern: int, day: int) -> np.random.Generator:
        """Return the generator of one concern on one day, independent of every other."""
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence((self.seed, concern, day))))
