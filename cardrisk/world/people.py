"""Who hands cards in: people with a card or two, resellers, accounts opened for a bad lot; and their states.

Correct when a person's state depends on the seed and the person alone, so that it is the same on every day the
person is seen, and changes only where one generation of a place in the population ends and the next begins.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from cardrisk.world.ground import PEOPLE, RESELLERS, Ground
from cardrisk.world.hashing import Array, bits, integer, normal, uniform

PERSON, RESELLER, OPENED = 0, 1, 2
"""Sorts of submitters: with a card or two, in business, opened an account for a bad lot."""

LIFE_PERSON: Final = 150
LIFE_RESELLER: Final = 240
"""Days until somebody else takes a place in the population."""

CARELESS_RESELLERS: Final = 0.18
CARELESS: Final = 3.2
CAREFUL: Final = (1.0 - CARELESS_RESELLERS * CARELESS) / (1.0 - CARELESS_RESELLERS)
"""Resellers' relative chance of a mistyped code: two sorts, averaging 1."""

PERSON_CARE_SPREAD: Final = 0.35
"""Standard deviation of the logarithm of one person's relative chance of a mistyped code."""

OVERCLAIMERS: Final = 0.05
OVERCLAIM: Final = 11.0
HONEST_CLAIM: Final = (1.0 - OVERCLAIMERS * OVERCLAIM) / (1.0 - OVERCLAIMERS)
"""Submitters' relative chance of a wrong declared face value: two sorts, averaging 1."""

# concerns: first key after the seed
_WEIGHT, _PHASE, _CARE, _CLAIM, _CREDIT, _TENURE, _NAME, _IP, _DEVICE, _PRICE = range(100, 110)


@dataclass(frozen=True)
class Submitters:
    """Submitters as parallel arrays: who (int64), sort, and the day (from the world's start) the account opened."""

    who: Array
    sort: Array
    opened: Array


def people(ground: Ground, channel: Array, day: int, draws: Array) -> Submitters:
    """Return a person for every draw: a few come often, most once in months."""
    pool = np.array([ground.many(n, 200) for n in PEOPLE])[channel]
    slot = (pool * draws**1.6).astype(np.int64)
    return _in_slots(ground, PERSON, channel, slot, day, LIFE_PERSON)


def resellers(ground: Ground, channel: Array, day: int, draws: Array) -> Submitters:
    """Return a reseller for every draw, weighted by how much each trades."""
    slot = np.zeros(len(draws), dtype=np.int64)
    for index, edges in enumerate(_trade(ground)):
        here = channel == index
        if here.any():
            slot[here] = np.minimum(np.searchsorted(edges, draws[here], side="right"), len(edges) - 1)
    return _in_slots(ground, RESELLER, channel, slot, day, LIFE_RESELLER)


@lru_cache(maxsize=16)
def _edges(seed: int, counts: tuple[int, ...]) -> tuple[Array, ...]:
    """Return, per channel, the running share of trade up to each reseller's place."""
    weights = [np.exp(0.8 * normal(seed, _WEIGHT, index, np.arange(n))) for index, n in enumerate(counts)]
    return tuple(np.cumsum(part) / part.sum() for part in weights)


def _trade(ground: Ground) -> tuple[Array, ...]:
    return _edges(ground.seed, tuple(ground.many(count, 12) for count in RESELLERS))


def _in_slots(ground: Ground, sort: int, channel: Array, slot: Array, day: int, life: int) -> Submitters:
    """Return who holds each place of the population on ``day``."""
    phase = integer(life, ground.seed, _PHASE, sort, channel, slot)
    generation = (day + phase) // life
    who = bits(ground.seed, _NAME, sort, channel, slot, generation).view(np.int64)
    tenure = np.exp(np.log(100.0) + 1.6 * normal(ground.seed, _TENURE, who))
    opened = np.floor(np.minimum(generation * life - phase, day) - tenure).astype(np.int64)
    return Submitters(who, np.full(len(slot), sort), opened)


def opened_for(ground: Ground, ring: Array, number: Array, since: Array) -> Submitters:
    """Return accounts opened for a bad lot's ring: ``number`` tells a ring's accounts apart, ``since`` is its day."""
    who = bits(ground.seed, _NAME, OPENED, ring, number).view(np.int64)
    tenure = np.exp(np.log(25.0) + 1.3 * normal(ground.seed, _TENURE, who))
    return Submitters(who, np.full(len(ring), OPENED), np.floor(since - tenure).astype(np.int64))


def care_of_resellers() -> tuple[float, float, float]:
    """Return the share of careless resellers, and both sorts' relative chance of a mistyped code."""
    return CARELESS_RESELLERS, CARELESS, CAREFUL


def care(ground: Ground, submitters: Submitters) -> Array:
    """Return each submitter's relative chance of a mistyped code, averaging 1."""
    two = np.where(uniform(ground.seed, _CARE, submitters.who) < CARELESS_RESELLERS, CARELESS, CAREFUL)
    spread = PERSON_CARE_SPREAD
    one = np.exp(spread * normal(ground.seed, _CARE, submitters.who) - spread**2 / 2.0)
    return np.where(submitters.sort == PERSON, one, two)


def claims(ground: Ground, submitters: Submitters) -> Array:
    """Return each submitter's relative chance of a wrong declared face value, averaging 1."""
    return np.where(uniform(ground.seed, _CLAIM, submitters.who) < OVERCLAIMERS, OVERCLAIM, HONEST_CLAIM)


def credit(ground: Ground, submitters: Submitters) -> Array:
    """Return each submitter's credit score, 350 to 950; accounts opened for a bad lot score a little lower."""
    mean = np.select([submitters.sort == OPENED, submitters.sort == RESELLER], [615.0, 670.0], 650.0)
    score = mean + 70.0 * normal(ground.seed, _CREDIT, submitters.who)
    return np.clip(np.round(score), 350.0, 950.0)


def home_ip(ground: Ground, who: Array) -> Array:
    """Return each submitter's own IP as an int64 below 2**24; a few share one by living close."""
    return integer(2**23, ground.seed, _IP, who)


def own_device(ground: Ground, who: Array) -> Array:
    """Return each submitter's own device as an int64."""
    return bits(ground.seed, _DEVICE, who).view(np.int64)


def price_habit(ground: Ground, who: Array) -> Array:
    """Return how much above or below the market each submitter asks, as a share of face value."""
    return 0.02 * normal(ground.seed, _PRICE, who)
