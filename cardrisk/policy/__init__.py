"""Money: from probabilities by cause to the cheapest right action."""

from cardrisk.policy.costs import ACTIONS, STOPPED, Costs, costs_given
from cardrisk.policy.decide import decide

__all__ = ["ACTIONS", "STOPPED", "Costs", "costs_given", "decide"]
