"""Not yet activated: a lot that left the issuer before it was switched on (C9).

Correct when a card fails so with its lot's share, or with the background of kinds that need activation.
"""

import numpy as np

from cardrisk.world.cards import Group
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array

NAME = "not_activated"


def chance(ground: Ground, group: Group) -> Array:
    """Return the share of sleeping cards in each card's lot."""
    return stock_or_background(ground, group, NAME)


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Nothing shows before the issuer is asked."""


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance``: the row shows nothing more."""
    return chance
