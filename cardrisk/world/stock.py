"""Where cards come from: lots of an issuer's print run, held by suppliers, dealers or nobody in particular.

Correct when a lot's kind, region, share of bad cards and holder depend on the seed and the lot alone, and a bad lot
lasts days to weeks, so that its first answers tell about its later cards.

A lot fills a *place* for its lifetime and is followed by another. Bad lots come in rings: three in a row from the
same supplier through the same few accounts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.world.ground import DEALERS, STORES, SUPPLIERS, Ground
from cardrisk.world.hashing import Array, bits, integer, pick, uniform
from cardrisk.world.rates import BAD_SHARE, CHANNEL_NAMES, INTRINSIC, SALTED

LIFE_BAD: Final = 8
LIFE_SOUND: Final = 12
LIFE_RETAIL: Final = 30
"""Days a lot is sold for."""
BAD_LOT_CARDS: Final = 400
"""Cards of a bad lot that are handed in, on average."""
RING_LOTS: Final = 3
"""Bad lots in a row from one ring."""
RETAIL_LOT_DAILY: Final = 1_200
"""Cards a day from one retail print run, at most."""
PLACES_PER_HOLDER: Final = 3
"""Sound lots that a supplier sells from at once."""

_PHASE, _LOT, _KIND, _REGION, _SHARE, _SALT, _RING, _HOLDER = range(200, 208)


@dataclass(frozen=True)
class Lots:
    """Lots as parallel arrays.

    Attributes
    ----------
    lot
        Int64 name.
    age
        Days since the lot came up.
    kind, region
        Indices of card kind and issuing region.
    share
        Share of the lot's cards that are bad; 0 for sound lots.
    ring
        Int64 name of the ring behind a bad lot; 0 for sound lots.
    since
        Day the ring began.
    """

    lot: Array
    age: Array
    kind: Array
    region: Array
    share: Array
    ring: Array
    since: Array


def _kinds(ground: Ground, lot: Array, channel: Array, cause: str | None) -> Array:
    out = np.zeros(len(lot), dtype=np.int64)
    for index, name in enumerate(CHANNEL_NAMES):
        here = channel == index
        if here.any():
            out[here] = pick(ground.mix(name, cause), uniform(ground.seed, _KIND, lot[here]))
    return out


def regions(ground: Ground, lot: Array, kind: Array) -> Array:
    """Return each lot's issuing region: any, or the one its kind exists in."""
    fixed = ground.kinds.fixed_region[kind]
    return np.where(fixed >= 0, fixed, integer(len(facts.REGIONS), ground.seed, _REGION, lot))


def sound(ground: Ground, channel: Array, holder: Array, day: int, draws: Array) -> Lots:
    """Return, for every draw, a sound lot of its holder (int64; suppliers and dealers of one channel)."""
    place = (draws * PLACES_PER_HOLDER).astype(np.int64)
    phase = integer(LIFE_SOUND, ground.seed, _PHASE, 1, channel, holder, place)
    generation = (day + phase) // LIFE_SOUND
    lot = bits(ground.seed, _LOT, 1, channel, holder, place, generation).view(np.int64)
    return _plain(ground, lot, (day + phase) % LIFE_SOUND, channel)


def retail(ground: Ground, channel: Array, day: int, draws: Array) -> Lots:
    """Return, for every draw, a lot out of which many people's cards come."""
    places = np.maximum(12, np.ceil(ground.raw_daily / RETAIL_LOT_DAILY * 6)).astype(np.int64)[channel]
    place = (draws * places).astype(np.int64)
    phase = integer(LIFE_RETAIL, ground.seed, _PHASE, 0, channel, place)
    generation = (day + phase) // LIFE_RETAIL
    lot = bits(ground.seed, _LOT, 0, channel, place, generation).view(np.int64)
    return _plain(ground, lot, (day + phase) % LIFE_RETAIL, channel)


def _plain(ground: Ground, lot: Array, age: Array, channel: Array) -> Lots:
    kind = _kinds(ground, lot, channel, None)
    nothing = np.zeros(len(lot))
    none = np.zeros(len(lot), dtype=np.int64)
    return Lots(lot, age, kind, regions(ground, lot, kind), nothing, none, none)


def bad(ground: Ground, cause: int, channel: int, day: int, draws: Array) -> Lots:
    """Return, for every draw, a lot bad by ``INTRINSIC[cause]`` that is being sold in ``channel`` on ``day``."""
    daily = ground.raw_daily[channel] * ground.stock[channel, cause]
    places = max(1, round(daily * LIFE_BAD / BAD_LOT_CARDS))
    place = (draws * places).astype(np.int64)
    span = LIFE_BAD * RING_LOTS
    phase = integer(span, ground.seed, _PHASE, 2 + cause, channel, place)
    generation, ring_generation = (day + phase) // LIFE_BAD, (day + phase) // span
    lot = bits(ground.seed, _LOT, 2 + cause, channel, place, generation).view(np.int64)
    ring = bits(ground.seed, _RING, cause, channel, place, ring_generation).view(np.int64)
    name = INTRINSIC[cause]
    where = np.full(len(lot), channel)
    kind = _kinds(ground, lot, where, name)
    low, high = BAD_SHARE[name]
    share = low + (high - low) * uniform(ground.seed, _SHARE, lot)
    share = np.where(uniform(ground.seed, _SALT, lot) < SALTED, share / 2.0, share)
    since = ring_generation * span - phase
    return Lots(lot, (day + phase) % LIFE_BAD, kind, regions(ground, lot, kind), share, ring, since)


def suppliers(ground: Ground, channel: Array) -> Array:
    """Return how many suppliers (offline: dealers) hold stock in each of ``channel``."""
    return np.array([ground.many(n, 6) for n in (*SUPPLIERS[:2], DEALERS)])[channel]


def ring_supplier(ground: Ground, channel: Array, ring: Array) -> Array:
    """Return the supplier (offline: dealer) that a ring's lots come from: an ordinary one, gone bad."""
    return integer(suppliers(ground, channel), ground.seed, _HOLDER, ring)


def stores(ground: Ground) -> int:
    """Return how many shops take cards."""
    return ground.many(STORES, 8)


def dealer_of(ground: Ground, store: Array) -> Array:
    """Return the dealer that guarantees a store's cards; a store keeps its dealer."""
    return np.asarray(store % ground.many(DEALERS, 6))
