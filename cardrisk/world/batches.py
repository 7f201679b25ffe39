"""What is handed in together: one submitter's batch, from one lot, at one place, by one way of entry.

Correct when the number of cards from bad lots is what :mod:`cardrisk.world.rates` asks for on average, and a batch's
facts follow from its lot, submitter and place alone - never from the fate of its cards.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.kinds import FAMILIES
from cardrisk.world import people, rhythm, stock
from cardrisk.world.ground import DEALERS, Ground
from cardrisk.world.hashing import Array, bits, integer, pick, uniform
from cardrisk.world.rates import CHANNEL_NAMES, INTRINSIC

RETAIL, RESALE, HASTY, STOCK = range(4)
"""Flows: a person's own cards, a reseller's, a reseller's handed in faster than the issuer allows, a bad lot's."""

MEAN_SIZE: Final = {RETAIL: 1.8, RESALE: 12.0, STOCK: 14.0}
"""Cards a batch, on average (geometric)."""
HASTY_SIZE: Final = 30
"""Cards above the issuer's limit in a hasty batch, on average."""
TOGETHER: Final = 15
"""Cards handed in at one moment; a larger batch is handed in piece by piece."""

CARELESS_STORES: Final = 0.20
CARELESS: Final = 2.8
CAREFUL: Final = (1.0 - CARELESS_STORES * CARELESS) / (1.0 - CARELESS_STORES)
"""Shops' relative chance of a mistyped code: two sorts of clerks, averaging 1."""

OPENED_SHARE: Final = {"forged": 0.75, "already_used": 0.7, "insufficient_balance": 0.6}
"""Share of a ring's batches that come through accounts opened for it; OPENED_ELSE where not named."""
OPENED_ELSE: Final = 0.3
URGENT: Final = (0.06, 0.20)
"""Share of batches whose honest seller needs money now, and how much lower they go at most."""
GOLDEN: Final = 0.6180339887498949
RING_ACCOUNTS: Final = 4
FORGED_DISCOUNT: Final = 0.07
BAD_DISCOUNT: Final = 0.02
"""How much lower bad lots are offered, as a share of face value, at a full share of bad cards."""
NAMED_ALONE: Final = 0.3
"""Share of single cards that still get a batch id."""
FLOOD: Final = 3_000
"""First of the concerns (see :meth:`Ground.rng`) of incidents' own cards."""

_BATCHES, _STORE, _STORE_CARE, _RING_SUBMITTER, _RING_IP, _AFFINITY, _STORE_IP = range(300, 307)


@dataclass
class Batches:
    """Batches as parallel arrays; indices where not said otherwise, -1 for none."""

    channel: Array
    flow: Array
    defect: Array
    share: Array
    lot: Array
    age: Array
    kind: Array
    region: Array
    who: Array
    sort: Array
    opened: Array
    supplier: Array
    store: Array
    dealer: Array
    ip: Array
    device: Array
    entry: Array
    physical: Array
    credit: Array
    care: Array
    claim: Array
    price: Array
    size: Array
    start: Array
    gap: Array
    incident: Array
    flood: Array
    sent_to: Array
    shown: dict[str, Array]

    def __len__(self) -> int:
        return len(self.channel)


def join(parts: list[Batches]) -> Batches:
    """Return one table of batches out of several."""
    joined = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Batches)
        if field.name != "shown"
    }
    shown = {name: np.concatenate([part.shown[name] for part in parts]) for name in parts[0].shown}
    return Batches(**joined, shown=shown)


def plan(ground: Ground, day: int) -> Batches:
    """Return the batches of ``day`` (counted from the world's start) outside incidents."""
    rng = ground.rng(_BATCHES, day)
    daily = ground.raw_daily * rhythm.volume(ground.start + np.timedelta64(day, "D"))
    parts = []
    for channel, name in enumerate(CHANNEL_NAMES):
        bad = ground.stock[channel] * daily[channel]
        hasty = _hasty_batches(ground, name, daily[channel])
        sound = daily[channel] - bad.sum() - hasty * (HASTY_SIZE + facts.VELOCITY_LIMIT.value[0])
        retail = facts.RETAIL_SHARE.value[name] * sound
        parts.append(_sound(ground, day, channel, RETAIL, _count(rng, retail / MEAN_SIZE[RETAIL]), rng))
        resale = (sound - retail) / MEAN_SIZE[RESALE]
        parts.append(_sound(ground, day, channel, RESALE, _count(rng, resale), rng))
        parts.append(_sound(ground, day, channel, HASTY, _count(rng, hasty), rng))
        for cause in np.flatnonzero(bad):
            count = _count(rng, bad[cause] / MEAN_SIZE[STOCK])
            parts.append(_bad(ground, day, channel, int(cause), count, rng))
    return join(parts)


def _count(rng: np.random.Generator, expected: float) -> int:
    """Return ``expected`` rounded up or down at random, so that rates hold at any scale."""
    return int(expected + rng.random())


def _hasty_batches(ground: Ground, channel: str, daily: float) -> float:
    rate = facts.CAUSE_RATES.value[channel]["rate_limited"]
    if not ground.mix(channel)[ground.kinds.family == FAMILIES.index("game")].sum():
        return 0.0
    return daily * rate / (HASTY_SIZE * facts.VELOCITY_TRIP.value)


def _sound(ground: Ground, day: int, channel: int, flow: int, count: int, rng: np.random.Generator) -> Batches:
    """Return ``count`` batches of sound stock of one flow."""
    where = np.full(count, channel)
    draws = rng.random((count, 3))
    if flow == RETAIL:
        submitters = people.people(ground, where, day, draws[:, 0])
        supplier = np.full(count, -1)
        lots = stock.retail(ground, where, day, draws[:, 1])
    else:
        submitters = people.resellers(ground, where, day, draws[:, 0])
        first = (draws[:, 2] < 0.7).astype(np.int64)
        supplier = integer(stock.suppliers(ground, where), ground.seed, _AFFINITY, submitters.who, first)
        lots = stock.sound(ground, where, supplier, day, draws[:, 1])
    return fill(ground, day, where, flow, -1, lots, submitters, supplier, rng)


def _bad(ground: Ground, day: int, channel: int, cause: int, count: int, rng: np.random.Generator) -> Batches:
    """Return ``count`` batches from lots bad by ``INTRINSIC[cause]``, through their rings' accounts."""
    where = np.full(count, channel)
    draws = rng.random((count, 3))
    lots = stock.bad(ground, cause, channel, day, draws[:, 0])
    account = (draws[:, 1] * RING_ACCOUNTS).astype(np.int64)
    usual = people.resellers(ground, where, day, uniform(ground.seed, _RING_SUBMITTER, lots.ring, account))
    fresh = people.opened_for(ground, lots.ring, account, lots.since)
    opened = draws[:, 2] < OPENED_SHARE.get(INTRINSIC[cause], OPENED_ELSE)
    submitters = people.Submitters(
        np.where(opened, fresh.who, usual.who),
        np.where(opened, fresh.sort, usual.sort),
        np.where(opened, fresh.opened, usual.opened),
    )
    supplier = stock.ring_supplier(ground, where, lots.ring)
    return fill(ground, day, where, STOCK, cause, lots, submitters, supplier, rng)


def fill(
    ground: Ground,
    day: int,
    channel: Array,
    flow: int,
    defect: int,
    lots: stock.Lots,
    submitters: people.Submitters,
    supplier: Array,
    rng: np.random.Generator,
    sizes: Array | None = None,
) -> Batches:
    """Return batches with every fact that follows from lot, submitter and place; ``sizes`` where given."""
    count = len(channel)
    kind = lots.kind
    if flow == HASTY:
        game = ground.mix(CHANNEL_NAMES[channel[0]] if count else "ecommerce") * (
            ground.kinds.family == FAMILIES.index("game")
        )
        kind = pick(game, uniform(ground.seed, _BATCHES, lots.lot)) if count else kind
    store, dealer = _shops(ground, channel, lots.ring, supplier, rng)
    ip, device = _machines(ground, submitters, lots.ring, store, day, rng)
    entry = _entries(channel, flow, rng)
    size = _sizes(flow, count, rng) if sizes is None else sizes
    pieces = (size - 1) // TOGETHER
    gap = rng.uniform(2.0, 6.0, count) if flow == HASTY else rng.uniform(340.0, 1_500.0, count)
    start = rhythm.seconds(channel, rng.random((count, 2)))
    start = np.clip(np.minimum(start, 86_390.0 - pieces * gap), 0.0, None)
    gap = np.minimum(gap, (86_390.0 - start) / np.maximum(pieces, 1))
    care = np.where(store >= 0, _store_care(ground, store), people.care(ground, submitters))
    discount = FORGED_DISCOUNT if defect >= 0 and INTRINSIC[defect] == "forged" else BAD_DISCOUNT
    urgent = np.where(rng.random(count) < URGENT[0], URGENT[1] * rng.random(count), 0.0)
    price = people.price_habit(ground, submitters.who) + rng.normal(0.0, 0.025, count)
    price -= np.maximum(discount * lots.share, urgent)
    return Batches(
        channel=channel,
        flow=np.full(count, flow),
        defect=np.full(count, defect),
        share=lots.share,
        lot=lots.lot,
        age=lots.age,
        kind=kind,
        region=lots.region,
        who=submitters.who,
        sort=submitters.sort,
        opened=submitters.opened,
        supplier=np.where(store >= 0, -1, supplier),
        store=store,
        dealer=dealer,
        ip=ip,
        device=device,
        entry=entry,
        physical=_physical(channel, rng),
        credit=people.credit(ground, submitters),
        care=care,
        claim=people.claims(ground, submitters),
        price=price,
        size=size,
        start=start,
        gap=gap,
        incident=np.full(count, -1),
        flood=np.zeros(count, dtype=bool),
        sent_to=np.full(count, -1),
        shown=_shown(channel, size, rng),
    )


def _shown(channel: Array, size: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Return which columns each batch has filled in."""
    out = {name: rng.random(len(channel)) < np.array(shares)[channel] for name, shares in facts.SHOWN.value.items()}
    return out | {"batch_id": (size > 1) | (rng.random(len(channel)) < NAMED_ALONE)}


def _sizes(flow: int, count: int, rng: np.random.Generator) -> Array:
    if flow == HASTY:
        return facts.VELOCITY_LIMIT.value[0] + rng.geometric(1.0 / HASTY_SIZE, count)
    return rng.geometric(1.0 / MEAN_SIZE[flow], count)


def _shops(ground: Ground, channel: Array, ring: Array, dealer: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return store and dealer: offline only; stock comes through its holder's own shops."""
    offline = channel == CHANNEL_NAMES.index("offline")
    stores, dealers = stock.stores(ground), ground.many(DEALERS, 6)
    own = dealer + dealers * rng.integers(0, max(1, stores // dealers), len(channel))
    of_ring = dealer + dealers * integer(max(1, stores // dealers), ground.seed, _STORE, ring)
    anywhere = rng.integers(0, stores, len(channel))
    store = np.where(dealer < 0, anywhere, np.where(ring != 0, of_ring, own)) % stores
    store = np.where(offline, store, -1)
    return store, np.where(offline, stock.dealer_of(ground, store), -1)


def care_of_stores() -> tuple[float, float, float]:
    """Return the share of shops with careless clerks, and both sorts' relative chance of a mistyped code."""
    return CARELESS_STORES, CARELESS, CAREFUL


def _store_care(ground: Ground, store: Array) -> Array:
    """Return each shop's relative chance of a mistyped code: evenly spread, so that few shops keep the mean too."""
    turn = (store * GOLDEN + uniform(ground.seed, _STORE_CARE)) % 1.0
    return np.where(turn < CARELESS_STORES, CARELESS, CAREFUL)


def _machines(
    ground: Ground,
    submitters: people.Submitters,
    ring: Array,
    store: Array,
    day: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Return IP and device: a shop's, a ring's shared ones, a carrier's shared gateway, or the submitter's own."""
    count = len(store)
    ip, device = people.home_ip(ground, submitters.who), people.own_device(ground, submitters.who)
    carrier = 2**23 + integer(ground.many(4_000, 40), ground.seed, _RING_IP, rng.integers(0, 2**40, count))
    ip = np.where((submitters.sort == people.PERSON) & (rng.random(count) < 0.35), carrier, ip)
    shared = (submitters.sort == people.OPENED) & (rng.random(count) < 0.7)
    ip = np.where(shared, 2**23 + 2**22 + (bits(ground.seed, _RING_IP, ring) % np.uint64(2**22)).view(np.int64), ip)
    device = np.where(shared, bits(ground.seed, _STORE_IP, ring).view(np.int64), device)
    offline = store >= 0
    ip = np.where(offline, 2**24 + integer(2**22, ground.seed, _STORE_IP, store), ip)
    device = np.where(offline, bits(ground.seed, _STORE, store).view(np.int64), device)
    return ip, device


def _entries(channel: Array, flow: int, rng: np.random.Generator) -> Array:
    mixes = [facts.ENTRY_MIX.value[name]["retail" if flow == RETAIL else "resale"] for name in CHANNEL_NAMES]
    draws, out = rng.random(len(channel)), np.zeros(len(channel), dtype=np.int64)
    for index, mix in enumerate(mixes):
        here = channel == index
        out[here] = pick(np.array([mix[method] for method in facts.ENTRY_METHODS]), draws[here])
    return out


def _physical(channel: Array, rng: np.random.Generator) -> Array:
    shares = np.array([facts.PHYSICAL_SHARE.value[name] for name in CHANNEL_NAMES])
    return np.asarray(rng.random(len(channel)) < shares[channel])
