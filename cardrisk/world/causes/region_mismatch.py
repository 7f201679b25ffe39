"""Sold out of the region it was issued for (窜货, C15); often nobody recorded the region (C16).

Correct when a region-limited card fails so exactly where its issuing region is not its region of use.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import Cards
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array

NAME = "region_mismatch"


def chance(ground: Ground, cards: Cards) -> Array:
    """Return the share of diverted cards in each card's lot."""
    return stock_or_background(ground, cards, NAME)


def act(ground: Ground, cards: Cards, struck: Array, rng: np.random.Generator) -> None:
    """Send struck cards to another region; national cards are used anywhere."""
    count = len(facts.REGIONS)
    shift = rng.integers(1, count, len(cards))
    free = ~ground.kinds.provincial[cards.kind]
    cards.region_of_use = np.where(struck | free, (cards.region + shift) % count, cards.region)
    names = facts.SHOWN.value["region_of_use"]
    blank = rng.random(len(cards)) >= np.array(names)[cards.channel]
    cards.region_of_use = np.where(blank, -1, cards.region_of_use)


def seen(ground: Ground, cards: Cards, chance: Array, struck: Array) -> Array:
    """Return certainty where both regions can be read (a kind of one province tells its own), else ``chance``."""
    known = cards.region_shown | (ground.kinds.fixed_region[cards.kind] >= 0)
    known &= (cards.region_of_use >= 0) & ground.kinds.provincial[cards.kind]
    return np.where(known, struck.astype(np.float64), chance)
