"""Past its date (C9, C5): old stock, or an old card from a drawer.

Correct when a date in the past is given for expired cards only, and an expired card's given date is true with the
stated honesty, else a false later one.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import NOT_SHOWN, Group
from cardrisk.world.causes._base import bayes, stock_or_background
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array, uniform
from cardrisk.world.rates import CHANNEL_NAMES

NAME = "expired"
_DATE = 500


def chance(ground: Ground, group: Group) -> Array:
    """Return the share of expired cards in each card's lot."""
    return stock_or_background(ground, group, NAME)


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Give some cards a date: the lot's."""
    shown = np.array([facts.EXPIRY_SHOWN.value[name] for name in CHANNEL_NAMES])[group.cards.channel]
    given = ground.kinds.expires[group.cards.kind] & (rng.random(len(group.cards)) < shown)
    honest = rng.random(len(group.cards)) < facts.EXPIRY_HONEST.value
    batches = group.batches
    draw = uniform(ground.seed, _DATE, batches.lot)
    began = group.date - batches.age
    later = (began + 45 + np.floor(700 * draw)).astype(np.int64)[group.cards.batch]
    earlier = (began - 1 - np.floor(150 * draw)).astype(np.int64)[group.cards.batch]
    group.cards.valid_until = np.where(given, np.where(struck & honest, earlier, later), NOT_SHOWN)


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance`` after the date: a past one is certain, a later one speaks for the card."""
    given = group.cards.valid_until != NOT_SHOWN
    past = given & (group.cards.valid_until < group.date)
    later = bayes(chance, 1.0 - facts.EXPIRY_HONEST.value, 1.0)
    return np.select([past, given], [np.ones(len(group.cards)), later], chance)
