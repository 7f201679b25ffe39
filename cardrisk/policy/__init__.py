"""Money: from probabilities by cause to the cheapest right action."""

from cardrisk.policy.costs import ACTIONS, STOPPED, Costs
from cardrisk.policy.decide import decide

__all__ = ["ACTIONS", "STOPPED", "Costs", "decide"]
