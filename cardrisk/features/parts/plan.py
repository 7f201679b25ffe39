"""What of a feature set can be finished inside one key's part, and what only when the parts are joined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cardrisk.features.declare import Feature, FeatureSet, Key
from cardrisk.features.plan import Finish, KeyPlan, ending, key_plan, name_of
from cardrisk.features.rings import COLUMNS as RING_COLUMNS
from cardrisk.features.rings import FACTS as RING_FACTS
from cardrisk.features.statistics import CARD, Recipe, Slot, recipe_of

RESUBMITTED = "flag resubmitted"
MISMATCH = "flag region_mismatch"


@dataclass(frozen=True)
class Part:
    """One key's share of a feature set.

    Attributes
    ----------
    name
        Names the key, all of it.
    key
        The key.
    plan
        Its streams and slots: of its own features and of those that other features borrow.
    end
        The features that are finished inside the part.
    handed
        Slots handed on as whole numbers, under :func:`label`; features that mix keys are finished from them.
    events
        Columns of the events that it reads, besides ``seq, time, asks, counts`` and the entity.
    told
        Columns of answers that it reads.
    """

    name: str
    key: Key
    plan: KeyPlan
    end: Finish
    handed: tuple[Slot, ...]
    events: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the part's result, besides ``seq``."""
        return (*(feature.name for feature in self.end.features), *map(label, self.handed))


@dataclass(frozen=True)
class PartPlan:
    """A whole feature set, cut by key.

    Attributes
    ----------
    parts
        One per key.
    late
        Features that are finished when the parts are joined, from ``slots``.
    slots
        Whole numbers they read: handed over by parts, or facts of the card.
    handed
        Features that are columns handed through.
    identities, numbers
        Columns of the events as identities, and whole numbers read from the submissions.
    derived
        Facts of a card that take other events to tell: ``flag resubmitted``, ``request ...``, ``ring ...``; and
        ``flag region_mismatch``.
    told
        Columns of the answers, as identities.
    """

    parts: tuple[Part, ...]
    late: Finish
    slots: tuple[Slot, ...]
    handed: tuple[Feature, ...]
    identities: tuple[str, ...]
    numbers: tuple[str, ...]
    derived: frozenset[str]
    told: tuple[str, ...]

    @property
    def rings(self) -> bool:
        """Whether any feature reads rings."""
        return bool(self.derived & set(RING_FACTS))

    @property
    def requests(self) -> frozenset[str]:
        """Facts of cards handed in together that are read."""
        return frozenset(name for name in self.derived if name.startswith("request "))


def label(slot: Slot) -> str:
    """Name the column that hands a slot on."""
    if slot.key is None:
        return slot.channel.name
    return f"{slot.channel.source} {slot.channel.name} in {slot.window} of {name_of(slot.key)}"


@lru_cache(maxsize=64)
def part_plan(features: FeatureSet) -> PartPlan:
    """Cut a feature set by key; equal sets share one plan."""
    recipes = [(feature, recipe) for feature in features if (recipe := recipe_of(feature)) is not None]
    inside = [(f, r) for f, r in recipes if f.key is not None and all(slot.key == f.key for slot in r.slots)]
    mixed = [pair for pair in recipes if pair not in inside]
    wanted: dict[str, dict[Slot, None]] = {}
    keys: dict[str, Key] = {}
    for _, recipe in recipes:
        for slot in recipe.slots:
            if slot.key is not None:
                keys[name_of(slot.key)] = slot.key
                wanted.setdefault(name_of(slot.key), {})[slot] = None
    slots = tuple(dict.fromkeys(slot for _, recipe in mixed for slot in recipe.slots))
    parts = tuple(_part(name, keys[name], tuple(wanted[name]), inside, slots) for name in keys)
    late = ending(mixed, KeyPlan(None, (), -1, -1, {}, 0), slots)
    facts = {slot.channel.name for slot in slots if slot.key is None}
    read = facts | {name for part in parts for name in part.events}
    derived = frozenset(name for name in read if _is_derived(name))
    known = {name for name in read if not name.startswith("is ") and not _is_derived(name)} - {"moment"}
    of_requests = [name.split(" ", 2) for name in sorted(derived) if name.startswith("request ")]
    summed = {rest[0] for _, what, *rest in of_requests if what in ("sum", "has")}
    told = tuple(sorted({name for part in parts for name in part.told}))
    handed = tuple(feature for feature in features if recipe_of(feature) is None)
    identities = _identities(parts, derived)
    return PartPlan(parts, late, slots, handed, identities, tuple(sorted(known | summed)), derived, told)


def _is_derived(name: str) -> bool:
    return name in (RESUBMITTED, MISMATCH) or name.startswith(("request ", "ring "))


def _part(
    name: str, key: Key, slots: tuple[Slot, ...], inside: list[tuple[Feature, Recipe]], mixed: tuple[Slot, ...]
) -> Part:
    plan = key_plan(key, list(slots))
    members = [(feature, recipe) for feature, recipe in inside if feature.key == key]
    handed = tuple(slot for slot in mixed if slot.key == key)
    events: dict[str, None] = {}
    told: dict[str, None] = {}
    for slot in slots:
        source, channel = slot.channel.source, slot.channel.name
        if source == "distinct":
            events[f"is {channel}"] = None
        elif source == "card":
            events.update(dict.fromkeys(_numbers(channel)))
        elif source == "top" or channel.startswith("failed with "):
            told[channel.removeprefix("failed with ")] = None
        elif channel.startswith("cause "):
            told["cause"] = None
    return Part(name, key, plan, ending(members, plan, ()), handed, tuple(events), tuple(told))


def _numbers(channel: str) -> tuple[str, ...]:
    """Whole numbers of a card that a summed channel reads."""
    if channel == "one":
        return ()
    if channel.startswith("price "):
        return ("cents asking_price", "cents face_value")
    return (channel.removeprefix("has "),)


def _identities(parts: tuple[Part, ...], derived: frozenset[str]) -> tuple[str, ...]:
    columns = {column for part in parts for column in part.key.columns}
    columns |= {name[3:] for part in parts for name in part.events if name.startswith("is ")}
    if derived & set(RING_FACTS):
        columns |= set(RING_COLUMNS)
    if RESUBMITTED in derived:
        columns |= set(CARD.columns)
    for name in derived:
        if name.startswith("request "):
            columns.add("batch_id")
            _, what, *rest = name.split(" ", 2)
            columns |= set(rest) if what in ("distinct", "known") else set()
    return tuple(sorted(columns))
