"""From batches to cards: each card's own facts before anything happens to it.

Correct when a card's facts follow from its batch and from draws that know nothing of its fate.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.world.batches import RETAIL, TOGETHER, Batches
from cardrisk.world.ground import DAY, MICRO, Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import CHANNEL_NAMES

SERIALS: Final = 1_000_000
LOT_DAY: Final = 512
"""Serials that a held lot sets aside for a day; a longer run goes on in the lot's upper half."""
RETAIL_DAY: Final = 16_384
"""Serials that a retail print run sets aside for a day."""
NOT_SHOWN: Final = -(2**62)
"""A date or number that is null in the row."""

_CARDS = 400


@dataclass
class Cards:
    """Cards as parallel arrays, in the order of their batches.

    Attributes
    ----------
    day
        Days since the world's start.
    date
        Days since 1970 of the same day.
    batch
        Index into ``batches``.
    moment
        Microseconds since 1970 at which the card was handed in.
    kind, channel, defect, region
        Indices as in :class:`~cardrisk.world.batches.Batches`.
    share
        Share of bad cards in the card's lot.
    serial
        Place in the lot.
    face
        The card's real value in yuan.
    declared
        Its declared value in yuan.
    entry, physical, quality
        Entry method, medium, photo quality (NaN for what is no photo).
    region_of_use
        Where it shall be used.
    region_shown
        Whether its issuing region is recorded.
    valid_until
        Days since 1970, ``NOT_SHOWN`` where not given.
    bound
        -1 not looked up, 0 free, 1 bound.
    error, in_secret
        How its code is spoilt (see :mod:`cardrisk.world.spoiling`), and whether in the secret.
    broken
        Whether its text breaks its kind's shape.
    """

    day: int
    date: int
    batches: Batches
    batch: Array
    moment: Array
    kind: Array
    channel: Array
    defect: Array
    share: Array
    lot: Array
    serial: Array
    face: Array
    declared: Array
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


def expand(ground: Ground, day: int, batches: Batches) -> Cards:
    """Return the cards of ``batches``, nothing having happened to them yet."""
    rng = ground.rng(_CARDS, day)
    batch = np.repeat(np.arange(len(batches)), batches.size)
    place = np.arange(len(batch)) - np.repeat(np.cumsum(batches.size) - batches.size, batches.size)
    kind, channel = batches.kind[batch], batches.channel[batch]
    date = int((ground.start + np.timedelta64(day, "D")).astype(np.int64))
    seconds = batches.start[batch] + (place // TOGETHER) * batches.gap[batch]
    photo = batches.entry[batch] == facts.ENTRY_METHODS.index("photo")
    mean, spread = facts.PHOTO_QUALITY.value
    quality = np.clip(np.round(mean + spread * rng.standard_normal(len(batch)), 3), 0.02, 1.0)
    count = ground.kinds.denomination_count[kind]
    # most lots are of one denomination; people's own cards are of any
    of_lot = np.floor(_unit(batches.lot)[batch] * count)
    own = np.floor(rng.random(len(batch)) * count)
    which = np.where(batches.flow[batch] == RETAIL, own, of_lot).astype(np.int64)
    face = ground.kinds.denominations[kind, which]
    labelled = np.array([facts.REGION_LABELLED.value[name] for name in CHANNEL_NAMES])
    return Cards(
        day=day,
        date=date,
        batches=batches,
        batch=batch,
        moment=date * DAY * MICRO + (seconds * MICRO).astype(np.int64),
        kind=kind,
        channel=channel,
        defect=batches.defect[batch],
        share=batches.share[batch],
        lot=batches.lot[batch],
        serial=_serials(batches, batch, place),
        face=face,
        declared=face.copy(),
        entry=batches.entry[batch],
        physical=batches.physical[batch],
        quality=np.where(photo, quality, np.nan),
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


def _unit(lot: Array) -> Array:
    """Return a number in [0, 1) from a lot's name, whose bits are random already."""
    return (lot.view(np.uint64) >> np.uint64(40)).astype(np.float64) * 2.0**-24


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
