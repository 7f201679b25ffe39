"""A dealer whose guarantee is worth nothing: cards opened, used and sealed again (C7)."""

from dataclasses import dataclass
from typing import ClassVar

from cardrisk.world.batches import Batches
from cardrisk.world.ground import Ground
from cardrisk.world.incidents._base import Flood, Incident, flood, split


@dataclass(frozen=True, kw_only=True)
class DealerTampering(Incident):
    """Used cards through one dealer's shops, brought by people who do not know.

    Attributes
    ----------
    size
        Cards at ``scale=1``, over all days.
    kind
        What they are.
    share
        Share of them that is used.
    """

    NAME: ClassVar[str] = "dealer_tampering"

    size: int = 1_200
    channel: str = "offline"
    kind: str = "china_mobile"
    share: float = 0.65

    def plan(self, ground: Ground, day: int, key: tuple[int, int, int]) -> Batches:
        """Return small batches at the dealer's shops."""
        size = self.cards_today(ground.scale, key[2])
        how = Flood(self.channel, self.kind, "already_used", self.share, 2, 1, retail=True)
        return flood(ground, day, key, how, split(size, 2.5, ground.rng(2_000 + key[0], day)), day - key[2])
