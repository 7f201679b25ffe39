"""An issuer changes how it validates a kind: its failure rate steps on a date (C11)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cardrisk.errors import ScenarioError
from cardrisk.kinds import CardKind
from cardrisk.world.incidents._base import Incident, Regime
from cardrisk.world.rates import PRECEDENCE


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

    def check(self, length: int, channels: Mapping[str, Any], kinds: Mapping[str, CardKind]) -> None:
        """Refuse a cause that does not exist.

        Raises
        ------
        ScenarioError
            With what contradicts what.
        """
        super().check(length, channels, kinds)
        if self.cause not in PRECEDENCE:
            raise ScenarioError(f"{self.NAME}: cause: expected one of {', '.join(PRECEDENCE)}; got {self.cause!r}")

    def regimes(self, day: int, index: int) -> Iterator[Regime]:
        """Yield the new rule, all day."""
        if self.occurrence(day) is not None:
            yield Regime(self.kind, self.cause, self.extra, (0.0, 24.0), index)
