"""Expired cards in bulk from submitters whom their credit score lets pass (C5)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cardrisk.world.batches import Batches
from cardrisk.world.ground import Ground
from cardrisk.world.incidents._base import Flood, Incident, flood, split


@dataclass(frozen=True, kw_only=True)
class ExpiredBulk(Incident):
    """Old stock of one kind, sold off by well-reputed submitters on one day.

    Attributes
    ----------
    size
        Cards at ``scale=1``; 7,000 take a 15 % day of ``ecommerce`` to 20 %.
    channel, kind
        Where they come in and what they are.
    share
        Share of them that is expired.
    credit
        Credit score of the lowest of the submitters.
    """

    NAME: ClassVar[str] = "expired_bulk"

    size: int = 7_000
    channel: str = "ecommerce"
    kind: str = "qq"
    share: float = 0.96
    credit: float = 800.0

    def plan(self, ground: Ground, day: int, key: tuple[int, int, int]) -> Batches:
        """Return batches of some forty cards from many submitters."""
        size = self.cards_today(ground.scale, key[2])
        count = max(2, size // 80)
        sizes = split(size, 40.0, ground.rng(2_000 + key[0], day))
        how = Flood(self.channel, self.kind, "expired", self.share, count, count)
        out = flood(ground, day, key, how, sizes, day - key[2])
        out.credit[:] = np.round(self.credit + (out.credit - 350.0) / 600.0 * (950.0 - self.credit))
        return out
