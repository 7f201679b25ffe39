"""Thousands of forged cards of one kind at once, all answered with one message (C13)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cardrisk.world.batches import TOGETHER, Batches
from cardrisk.world.ground import Ground
from cardrisk.world.incidents._base import Flood, Incident, flood


@dataclass(frozen=True, kw_only=True)
class ForgedBatch(Incident):
    """One batch from one supplier, every card forged and dumped at a low price.

    Attributes
    ----------
    size
        Cards at ``scale=1``; the document tells of 5,000.
    channel, kind
        Where they come in and what they claim to be.
    hours
        How long the upload takes.
    """

    NAME: ClassVar[str] = "forged_batch"

    size: int = 5_000
    channel: str = "vertical"
    kind: str = "battlenet"
    hours: float = 5.0

    @property
    def one_message(self) -> bool:
        """Whether the gateway answers all its forged cards with one message: it does."""
        return True

    def plan(self, ground: Ground, day: int, key: tuple[int, int, int]) -> Batches:
        """Return the batch: one account, one lot."""
        size = self.cards_today(ground.scale, key[2])
        how = Flood(self.channel, self.kind, "forged", 1.0, 1, 1, opened=True)
        out = flood(ground, day, key, how, np.array([size]), day - key[2])
        out.gap[:] = self.hours * 3_600.0 / max(1, (size - 1) // TOGETHER)
        out.start[:] = 7 * 3_600.0
        out.price[:] -= 0.10
        return out
