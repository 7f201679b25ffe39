"""Used before: by its first owner, or sold twice.

Correct when a lot's share of used cards decides the chance; some of them were handed in here the day before, so
that their code comes a second time.
"""

import numpy as np

from cardrisk.world.cards import LOT_DAY, Group
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import INTRINSIC

NAME = "already_used"
SOLD_HERE_BEFORE = 0.3
"""Share of a bad lot's used cards that have been handed in here the day before."""


def chance(ground: Ground, group: Group) -> Array:
    """Return the share of used cards in each card's lot."""
    return stock_or_background(ground, group, NAME)


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Give some used cards a code that was handed in the day before; the row alone does not tell."""
    again = struck & (group.cards.defect == INTRINSIC.index(NAME)) & (group.cards.serial >= LOT_DAY)
    again &= ~group.batches.flood[group.cards.batch]
    again &= rng.random(len(group.cards)) < SOLD_HERE_BEFORE
    group.cards.serial[again] -= LOT_DAY


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance``: the row shows nothing more."""
    return chance
