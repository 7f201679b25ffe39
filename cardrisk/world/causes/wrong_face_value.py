"""Declared worth more or less than it is.

Correct when a submitter's habit of overclaiming decides the chance, and the declared value is another denomination
of the same kind.
"""

import numpy as np

from cardrisk.world.cards import Group
from cardrisk.world.causes._base import stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import MOST

NAME = "wrong_face_value"


def chance(ground: Ground, group: Group) -> Array:
    """Return the chance of a wrong value: the submitter's habit, none where a kind has one denomination."""
    several = ground.kinds.denomination_count[group.cards.kind] > 1
    habit = group.batches.claim[group.cards.batch]
    return np.asarray(np.minimum(stock_or_background(ground, group, NAME) * habit * several, MOST))


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Keep what is declared and give the card another value, mostly a lower one: the row shows nothing."""
    rows = np.flatnonzero(struck)
    count = ground.kinds.denomination_count[group.cards.kind[rows]]
    table = ground.kinds.denominations[group.cards.kind[rows]]
    declared = (table < group.cards.declared[rows, None]).sum(axis=1)
    lower = (rng.random(len(rows)) < 0.8) & (declared > 0) | (declared == count - 1)
    below = np.floor(rng.random(len(rows)) * declared)
    above = declared + 1 + np.floor(rng.random(len(rows)) * (count - 1 - declared))
    real = np.where(lower, below, np.minimum(above, count - 1)).astype(np.int64)
    group.cards.face[rows] = table[np.arange(len(rows)), real]


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance``: the row shows nothing more."""
    return chance
