"""The issuer's check of print batch and amount refuses a phone card (C9).

Correct when a recalled print batch fails with its share, and from the amount threshold on a sound batch's cards
fail oftener, at the same mean.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import Group
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import INTRINSIC

NAME = "batch_invalid"


def chance(ground: Ground, group: Group) -> Array:
    """Return the chance of a refused batch, weighed by the amount where the batch is sound."""
    threshold, factor = facts.AMOUNT_THRESHOLD.value
    table = ground.kinds.denominations
    inside = np.arange(table.shape[1]) < ground.kinds.denomination_count[:, None]
    above = ((table >= threshold) & inside).sum(axis=1) / ground.kinds.denomination_count
    mean = 1.0 + (factor - 1.0) * above
    weight = np.where(group.cards.face >= threshold, factor, 1.0) / mean[group.cards.kind]
    chances = stock_or_background(ground, group, NAME)
    return np.where(group.cards.defect == INTRINSIC.index(NAME), chances, np.minimum(chances * weight, 0.9))


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Nothing shows: the print batch is fine to look at."""


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance``: the row shows nothing more."""
    return chance
