"""An issuer changes how it validates a kind: its failure rate steps on a date (C11)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from cardrisk.world.incidents._base import Incident, Regime


@dataclass(frozen=True, kw_only=True)
class RuleChange(Incident):
    """From a day on, more cards of one kind fail; until sellers have learnt the new rule.

    Attributes
    ----------
    kind
        Card kind whose issuer changed its rule.
    cause
        What the cards fail for.
    extra
        Chance of it on every card of the kind, on top of what was before.
    """

    NAME: ClassVar[str] = "rule_change"

    kind: str = "junnet"
    cause: str = "batch_invalid"
    extra: float = 0.12

    def regimes(self, day: int, index: int) -> Iterator[Regime]:
        """Yield the new rule, all day."""
        if self.occurrence(day) is not None:
            yield Regime(self.kind, self.cause, self.extra, (0.0, 24.0), index)
