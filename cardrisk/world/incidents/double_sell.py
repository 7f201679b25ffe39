"""The same cards sold twice: the second buyer finds them used."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from cardrisk.errors import ScenarioError
from cardrisk.kinds import CardKind
from cardrisk.world.batches import Batches
from cardrisk.world.ground import Ground
from cardrisk.world.incidents._base import Flood, Incident, flood


@dataclass(frozen=True, kw_only=True)
class DoubleSell(Incident):
    """A lot is sold on one day and, card by card, again on the next, through other accounts.

    Attributes
    ----------
    size
        Submissions at ``scale=1``, both days together.
    channel, kind
        Where they come in and what they are.
    """

    NAME: ClassVar[str] = "double_sell"

    days: int = 2
    size: int = 1_000
    channel: str = "ecommerce"
    kind: str = "jd_ecard"

    def check(self, length: int, channels: Mapping[str, Any], kinds: Mapping[str, CardKind]) -> None:
        """Refuse any other length than two days.

        Raises
        ------
        ScenarioError
            With what contradicts what.
        """
        super().check(length, channels, kinds)
        if self.days != 2:
            raise ScenarioError(f"{self.NAME}: days: expected 2 (sold, sold again), got {self.days}")

    def plan(self, ground: Ground, day: int, key: tuple[int, int, int]) -> Batches:
        """Return the lot's batches: the same cards on both days, the second time used."""
        half = max(2, round(self.size * ground.scale) // 2)
        sizes = np.r_[np.full(half // 12, 12), half % 12] if half % 12 else np.full(half // 12, 12)
        first = Flood(self.channel, self.kind, None, 0.0, 1, 3)
        again = replace(first, cause="already_used", share=1.0, accounts=4, opened=True)
        out = flood(ground, day, key, again if key[2] else first, sizes, day - key[2])
        out.age[:] = 0
        return out
