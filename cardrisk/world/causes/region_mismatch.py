"""Sold out of the region it was issued for (窜货, C15); often nobody recorded the region (C16).

Correct when a region-limited card fails so exactly where its issuing region is not its region of use.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import Group
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array

NAME = "region_mismatch"


def chance(ground: Ground, group: Group) -> Array:
    """Return the share of diverted cards in each card's lot."""
    return stock_or_background(ground, group, NAME)


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Send struck cards to another region; national cards are used anywhere."""
    count = len(facts.REGIONS)
    shift = rng.integers(1, count, len(group.cards))
    sent_to = group.batches.sent_to[group.cards.batch]
    elsewhere = np.where(sent_to >= 0, sent_to, (group.cards.region + shift) % count)
    free = ~ground.kinds.provincial[group.cards.kind]
    group.cards.region_of_use = np.where(struck | free, elsewhere, group.cards.region)
    blank = ~group.batches.shown["region_of_use"][group.cards.batch]
    group.cards.region_of_use = np.where(blank, -1, group.cards.region_of_use)


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return certainty where both regions can be read (a kind of one province tells its own), else ``chance``."""
    known = group.cards.region_shown | (ground.kinds.fixed_region[group.cards.kind] >= 0)
    known &= (group.cards.region_of_use >= 0) & ground.kinds.provincial[group.cards.kind]
    return np.where(known, struck.astype(np.float64), chance)
