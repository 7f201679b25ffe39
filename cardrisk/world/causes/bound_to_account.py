"""Bound to somebody's account already (C10).

Correct when a lookup, where one was made, shows a free card free and a bound card bound with the stated honesty.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import Group
from cardrisk.world.causes._base import bayes, stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array

NAME = "bound_to_account"


def chance(ground: Ground, group: Group) -> Array:
    """Return the share of bound cards in each card's lot."""
    return stock_or_background(ground, group, NAME)


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Look some binding cards up."""
    looked = ground.kinds.binds[group.cards.kind] & (rng.random(len(group.cards)) < facts.BINDING_SHOWN.value)
    honest = rng.random(len(group.cards)) < facts.BINDING_HONEST.value
    group.cards.bound = np.where(looked, (struck & honest).astype(np.int64), -1)


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance`` after the lookup: bound is certain, free is likelier for a free card."""
    free = bayes(chance, 1.0 - facts.BINDING_HONEST.value, 1.0)
    return np.select([group.cards.bound == 1, group.cards.bound == 0], [np.ones(len(group.cards)), free], chance)
