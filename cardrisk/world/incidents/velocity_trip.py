"""A seller in a hurry: good cards from one IP faster than the issuer allows (C8)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cardrisk.world.batches import HASTY_SIZE, Batches
from cardrisk.world.ground import Ground
from cardrisk.world.incidents._base import Flood, Incident, flood, split


@dataclass(frozen=True, kw_only=True)
class VelocityTrip(Incident):
    """Batches of sound game cards, each within seconds, all from one IP.

    Attributes
    ----------
    size
        Cards at ``scale=1``.
    channel, kind
        Where they come in and what they are.
    """

    NAME: ClassVar[str] = "velocity_trip"

    size: int = 1_200
    channel: str = "ecommerce"
    kind: str = "qq"

    def plan(self, ground: Ground, day: int, key: tuple[int, int, int]) -> Batches:
        """Return the hurried batches."""
        size = self.cards_today(ground.scale, key[2])
        sizes = split(size, 4.0 * HASTY_SIZE, ground.rng(2_000 + key[0], day))
        how = Flood(self.channel, self.kind, None, 0.0, 4, 2)
        out = flood(ground, day, key, how, sizes, day - key[2])
        out.gap[:] = np.minimum(out.gap, 4.0)
        out.ip[:] = out.ip[0]
        return out
