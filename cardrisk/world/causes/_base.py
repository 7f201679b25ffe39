"""What a cause is: a chance, an act and what the act lets show.

Correct when, for every cause, what happens is drawn with exactly the chance it states, and what is seen moves that
chance by Bayes' rule and nothing else. Causes act independently given the hidden state, and what shows of one
cause never depends on another: so each cause's posterior can be taken on its own.
"""

from typing import Protocol

import numpy as np

from cardrisk.world.cards import Group
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import INTRINSIC


class Cause(Protocol):
    """A cause of failure that a card brings along; each is a module of its own.

    Attributes
    ----------
    NAME
        The canonical cause.
    """

    NAME: str

    def chance(self, ground: Ground, group: Group) -> Array:
        """Return the chance that the cause strikes each card, given everybody's hidden state."""

    def act(self, ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
        """Change the group as the cause does where ``struck``, and show what shows of cards it spared."""

    def seen(self, ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
        """Return ``chance`` after what can be read off the row."""


def stock_or_background(ground: Ground, group: Group, cause: str) -> Array:
    """Return a lot's share of bad cards where the lot is bad by ``cause``, else the cause's background."""
    index = INTRINSIC.index(cause)
    background = ground.background[:, index][group.cards.channel] * ground.kinds.can_have(cause)[group.cards.kind]
    return np.where(group.cards.defect == index, group.cards.share, background)


def bayes(chance: Array, if_struck: Array | float, if_spared: Array | float) -> Array:
    """Return the posterior of ``chance`` after evidence of these two likelihoods."""
    yes, no = chance * if_struck, (1.0 - chance) * if_spared
    return yes / np.maximum(yes + no, 1e-300)
