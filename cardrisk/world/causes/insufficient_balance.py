"""Part spent: an e-commerce gift card whose balance was split over uses (C10).

Correct when a card is part spent with its lot's share, or with the background of its family.
"""

import numpy as np

from cardrisk.world.cards import Group
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array

NAME = "insufficient_balance"


def chance(ground: Ground, group: Group) -> Array:
    """Return the share of part-spent cards in each card's lot."""
    return stock_or_background(ground, group, NAME)


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Nothing shows: the balance is the issuer's to tell."""


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance``: the row shows nothing more."""
    return chance
