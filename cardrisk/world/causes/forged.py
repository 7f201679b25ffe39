"""Forged in bulk: codes that no issuer ever printed (C12, C13).

Correct when a forged lot's cards are forged with the lot's share of bad cards; the dumping price is the lot's, not
the card's, and so tells nothing beyond the lot.
"""

import numpy as np

from cardrisk.world.cards import Group
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array

NAME = "forged"


def chance(ground: Ground, group: Group) -> Array:
    """Return the share of forged cards in each card's lot."""
    return stock_or_background(ground, group, NAME)


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Nothing shows: a forged card looks like any other."""


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance``: the row shows nothing more."""
    return chance
