"""From batches to cards: each card's own facts before anything happens to it.

Correct when a card's facts follow from its batch and from draws that know nothing of its fate.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.kinds import FAMILIES
from cardrisk.world.batches import RETAIL, TOGETHER, Batches
from cardrisk.world.batches import join as join_batches
from cardrisk.world.ground import DAY, MICRO, Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import CHANNEL_NAMES

SERIALS: Final = 1_000_000
LOT_DAY: Final = 512
"""Serials that a held lot sets aside for a day; a longer run goes on in the lot's upper half."""
RETAIL_DAY: Final = 16_384
"""Serials that a retail print run sets aside for a day."""
NOT_SHOWN: Final = -(2**62)
"""A date that is null in the row."""
LATE_LISTS: Final = (0.5, 60.0, 7_200.0)
"""Share of shops' batches handed on later, and after how many seconds at least and at most."""

GROUP_CARDS: Final = 10_000
"""Numbers per concern: a group has at most this times the distance between two groups' concerns."""

_CARDS = 400


@dataclass
class Cards:
    """Cards as parallel arrays.

    Attributes
    ----------
    batch
        Index into a table of batches.
    number
        Names the card among its day's.
    again
        Whether the card was refused for speed and comes a second time.
    moment, received, received_shown
        Microseconds since 1970 at which the card was handed in and reached the platform; whether that was noted.
    kind, channel, defect, region
        Indices as in :class:`~cardrisk.world.batches.Batches`.
    share
        Share of bad cards in the card's lot.
    lot, serial
        The card's lot and place in it.
    face, declared, asking
        Yuan: the card's real value, the declared one, the price asked.
    entry, physical, quality
        Entry method, medium, photo quality (NaN for what is no photo).
    region_of_use, region_shown
        Where it shall be used; whether its issuing region is recorded.
    valid_until
        Days since 1970, ``NOT_SHOWN`` where not given.
    bound
        -1 not looked up, 0 free, 1 bound.
    error, in_secret, broken
        How its code is spoilt (see :mod:`cardrisk.world.spoiling`), whether in the secret, whether visibly.
    incident
        Index of the incident it belongs to, -1 for none.
    """

    batch: Array
    number: Array
    again: Array
    moment: Array
    received: Array
    received_shown: Array
    kind: Array
    channel: Array
    defect: Array
    share: Array
    lot: Array
    serial: Array
    face: Array
    declared: Array
    asking: Array
    entry: Array
    physical: Array
    quality: Array
    region: Array
    region_of_use: Array
    region_shown: Array
    valid_until: Array
    bound: Array
    error: Array
    in_secret: Array
    broken: Array
    incident: Array

    def __len__(self) -> int:
        return len(self.batch)

    def take(self, rows: Array) -> "Cards":
        """Return the cards at ``rows``; a row may be taken twice."""
        return Cards(**{field.name: np.take(getattr(self, field.name), rows) for field in fields(Cards)})


@dataclass
class Group:
    """Cards that are drawn together: a day's usual stream, or one incident's.

    Attributes
    ----------
    day
        Days since the world's start.
    date
        Days since 1970 of the same day.
    concern
        Added to every concern's number, so that groups draw independently.
    batches, cards
        Who handed them in, and they themselves.
    """

    day: int
    date: int
    concern: int
    batches: Batches
    cards: Cards

    def rng(self, ground: Ground, concern: int) -> np.random.Generator:
        """Return this group's own generator for ``concern``."""
        return ground.rng(concern + self.concern, self.day)


def expand(ground: Ground, day: int, concern: int, batches: Batches) -> Group:
    """Return the cards of ``batches``, nothing having happened to them yet."""
    rng = ground.rng(_CARDS + concern, day)
    batch = np.repeat(np.arange(len(batches)), batches.size)
    place = np.arange(len(batch)) - np.repeat(np.cumsum(batches.size) - batches.size, batches.size)
    kind, channel = batches.kind[batch], batches.channel[batch]
    date = int((ground.start + np.timedelta64(day, "D")).astype(np.int64))
    seconds = batches.start[batch] + (place // TOGETHER) * batches.gap[batch]
    moment = date * DAY * MICRO + (seconds * MICRO).astype(np.int64)
    face = _faces(ground, batches, batch, rng)
    labelled = np.array([facts.REGION_LABELLED.value[name] for name in CHANNEL_NAMES])
    cards = Cards(
        batch=batch,
        number=np.arange(len(batch)) + concern * GROUP_CARDS,
        again=np.zeros(len(batch), dtype=bool),
        moment=moment,
        received=moment + (_waits(batches, rng) * MICRO).astype(np.int64)[batch],
        received_shown=batches.shown["received_at"][batch],
        kind=kind,
        channel=channel,
        defect=batches.defect[batch],
        share=batches.share[batch],
        lot=batches.lot[batch],
        serial=_serials(batches, batch, place),
        face=face,
        declared=face.copy(),
        asking=_prices(ground, batches, batch, face, rng),
        entry=batches.entry[batch],
        physical=batches.physical[batch],
        quality=_qualities(batches.entry[batch], rng),
        region=batches.region[batch],
        region_of_use=batches.region[batch].copy(),
        region_shown=ground.kinds.provincial[kind] & (rng.random(len(batch)) < labelled[channel]),
        valid_until=np.full(len(batch), NOT_SHOWN),
        bound=np.full(len(batch), -1),
        error=np.zeros(len(batch), dtype=np.int64),
        in_secret=np.zeros(len(batch), dtype=bool),
        broken=np.zeros(len(batch), dtype=bool),
        incident=batches.incident[batch],
    )
    return Group(day, date, concern, batches, cards)


def join(groups: list[Group]) -> Group:
    """Return one group out of several of one day, numbered through."""
    if len(groups) == 1:
        return groups[0]
    first = np.cumsum([0, *(len(group.batches) for group in groups)])
    arrays = {
        field.name: np.concatenate([getattr(group.cards, field.name) for group in groups])
        for field in fields(Cards)
        if field.name != "batch"
    }
    batch = np.concatenate([group.cards.batch + at for group, at in zip(groups, first, strict=False)])
    table = join_batches([group.batches for group in groups])
    return Group(groups[0].day, groups[0].date, 0, table, Cards(batch=batch, **arrays))


def _faces(ground: Ground, batches: Batches, batch: Array, rng: np.random.Generator) -> Array:
    """Return face values: a lot is of one denomination; people's own cards are of any."""
    count = ground.kinds.denomination_count[batches.kind]
    # a lot's name is random bits already
    of_lot = (batches.lot.view(np.uint64) >> np.uint64(40)).astype(np.float64) * 2.0**-24
    own = batches.flow[batch] == RETAIL
    draw = np.where(own, rng.random(len(batch)), of_lot[batch])
    which = np.floor(draw * count[batch]).astype(np.int64)
    return np.asarray(ground.kinds.denominations[batches.kind[batch], which])


def _prices(ground: Ground, batches: Batches, batch: Array, face: Array, rng: np.random.Generator) -> Array:
    """Return asking prices in yuan to the cent: the family's usual share of face value, and the batch's."""
    usual = np.array([facts.ASKING.value[family] for family in FAMILIES])[ground.kinds.family[batches.kind]]
    share = (usual + batches.price)[batch] + 0.01 * rng.standard_normal(len(batch))
    return np.asarray(np.round(face * np.clip(share, 0.3, 1.0), 2))


def _qualities(entry: Array, rng: np.random.Generator) -> Array:
    mean, spread = facts.PHOTO_QUALITY.value
    quality = np.clip(np.round(mean + spread * rng.standard_normal(len(entry)), 3), 0.02, 1.0)
    return np.where(entry == facts.ENTRY_METHODS.index("photo"), quality, np.nan)


def _waits(batches: Batches, rng: np.random.Generator) -> Array:
    """Return seconds from handing in to the platform's knowing, per batch: some shops hand lists in later."""
    share, soonest, latest = LATE_LISTS
    late = (batches.store >= 0) & (rng.random(len(batches)) < share)
    online = 0.7 * np.exp(0.8 * rng.standard_normal(len(batches)))
    return np.where(late, rng.uniform(soonest, latest, len(batches)), online)


def _serials(batches: Batches, batch: Array, place: Array) -> Array:
    """Return each card's place in its lot: runs for held lots, scattered for people's own cards."""
    order = np.argsort(batches.lot, kind="stable")
    sizes = batches.size[order]
    before = np.cumsum(sizes) - sizes
    new = np.r_[True, batches.lot[order][1:] != batches.lot[order][:-1]] if len(order) else np.zeros(0, bool)
    first = np.zeros(len(order), dtype=np.int64)
    first[order] = before - np.maximum.accumulate(np.where(new, before, 0))
    rank = first[batch] + place
    age = batches.age[batch]
    run = np.where(rank < LOT_DAY, age * LOT_DAY + rank, SERIALS // 2 + age * RETAIL_DAY + rank)
    # an odd multiplier that is no multiple of 5 permutes the serials: people's cards are not neighbours
    scattered = (age * RETAIL_DAY + rank) * 618_033 % SERIALS
    return np.where(batches.flow[batch] == RETAIL, scattered, run) % SERIALS
