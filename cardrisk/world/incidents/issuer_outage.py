"""An issuer that cannot answer for some hours: good cards fail and would succeed later."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from cardrisk.world.incidents._base import Incident, Regime


@dataclass(frozen=True, kw_only=True)
class IssuerOutage(Incident):
    """Some hours of trouble at one kind's issuer.

    Attributes
    ----------
    kind
        Card kind.
    hour, hours
        First hour (UTC) and how many.
    chance
        Share of its cards that fail meanwhile.
    """

    NAME: ClassVar[str] = "issuer_outage"

    kind: str = "china_mobile"
    hour: float = 11.0
    hours: float = 3.0
    chance: float = 0.6

    def regimes(self, day: int, index: int) -> Iterator[Regime]:
        """Yield the trouble, for its hours."""
        if self.occurrence(day) is not None:
            hours = (self.hour, min(24.0, self.hour + self.hours))
            yield Regime(self.kind, "issuer_busy", self.chance, hours, index)
