"""Region-limited stock sold out of its region, a regional spike (窜货, C15)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cardrisk import facts
from cardrisk.errors import ScenarioError
from cardrisk.kinds import CardKind
from cardrisk.world.batches import Batches
from cardrisk.world.ground import Ground
from cardrisk.world.incidents._base import Flood, Incident, flood, split


@dataclass(frozen=True, kw_only=True)
class Diversion(Incident):
    """Cards of one kind that were issued elsewhere turn up for use in one region.

    Attributes
    ----------
    size
        Cards at ``scale=1``, over all days.
    channel, kind
        Where they come in and what they are; the kind must be region-limited.
    region
        Where they shall be used.
    share
        Share of them that is out of its region.
    """

    NAME: ClassVar[str] = "diversion"

    size: int = 2_500
    channel: str = "offline"
    kind: str = "qq"
    region: str = "GD"
    share: float = 0.9

    def check(self, length: int, channels: Mapping[str, Any], kinds: Mapping[str, CardKind]) -> None:
        """Refuse a kind that knows no regions and a region that does not exist.

        Raises
        ------
        ScenarioError
            With what contradicts what.
        """
        super().check(length, channels, kinds)
        if not kinds[self.kind].provincial:
            raise ScenarioError(f"{self.NAME}: kind {self.kind!r} is used in any region: nothing can be diverted")
        if self.region not in facts.REGIONS:
            raise ScenarioError(f"{self.NAME}: region: expected one of {facts.REGIONS}, got {self.region!r}")

    def plan(self, ground: Ground, day: int, key: tuple[int, int, int]) -> Batches:
        """Return batches of some fourteen cards from a few lots, all for the one region."""
        size = self.cards_today(ground.scale, key[2])
        count = max(2, round(self.size * ground.scale / 200))
        how = Flood(self.channel, self.kind, "region_mismatch", self.share, count, count)
        sizes = split(size, 14.0, ground.rng(2_000 + key[0], day))
        out = flood(ground, day, key, how, sizes, day - key[2])
        here = facts.REGIONS.index(self.region)
        out.sent_to[:] = here
        out.region[out.region == here] = (here + 1) % len(facts.REGIONS)
        return out
