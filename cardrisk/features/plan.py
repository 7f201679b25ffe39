"""What a list of declarations needs, gathered per key so that each stream of events is walked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cardrisk.features.arrays import F64, I64, NEVER
from cardrisk.features.declare import WINDOWS, Feature, FeatureSet, Key
from cardrisk.features.finish import ARITY
from cardrisk.features.statistics import Recipe, Slot, recipe_of

LINKED = ("answer",)
SUMMED = ("card", "gap")


@dataclass(frozen=True, slots=True)
class Stream:
    """Channels of one key that share their events and windows: one pass of a kernel.

    Attributes
    ----------
    source
        ``card`` (with ``gap``), ``answer``, ``distinct`` or ``top``.
    names
        Channel names; one for ``distinct`` and ``top``.
    windows
        Widths in microseconds, ascending.
    column
        First column of raw numbers that the stream writes.
    """

    source: str
    names: tuple[tuple[str, str], ...]
    windows: tuple[int, ...]
    column: int

    @property
    def width(self) -> int:
        """Columns of raw numbers written."""
        return len(self.names) * len(self.windows)

    def spans(self) -> I64:
        """Window widths as an array."""
        return np.array(self.windows, np.int64)


@dataclass(frozen=True)
class KeyPlan:
    """Everything to compute for one key.

    Attributes
    ----------
    key
        The key; None for facts of the card itself.
    streams
        Passes over its events.
    first, last
        Columns for how long ago it was first and last seen, -1 where not wanted.
    column
        Column of raw numbers of each slot of this key.
    width
        Number of columns.
    """

    key: Key | None
    streams: tuple[Stream, ...]
    first: int
    last: int
    column: dict[Slot, int]
    width: int


@dataclass(frozen=True)
class Finish:
    """Features that end from one block of raw numbers: arrays as ``finish_columns`` takes them."""

    features: tuple[Feature, ...]
    ops: I64
    arguments: I64
    constants: F64


@dataclass(frozen=True)
class Plan:
    """A whole feature set.

    Attributes
    ----------
    shared
        Keys whose slots other keys' features read (priors), with those slots alone.
    keys
        Every key with the slots of its own features; None first: facts of the card.
    borrowed
        Per key name, the slots it reads from elsewhere, in the order of their extra columns.
    ends
        Per key name, how its features end.
    handed
        Features that are columns handed through.
    facts
        Names of the whole-number facts of cards that are read, of the asked card or summed.
    """

    shared: tuple[KeyPlan, ...]
    keys: tuple[KeyPlan, ...]
    borrowed: dict[str, tuple[Slot, ...]]
    ends: dict[str, Finish]
    handed: tuple[Feature, ...]
    facts: frozenset[str]


@lru_cache(maxsize=64)
def plan_of(features: FeatureSet) -> Plan:
    """Gather what ``features`` need; equal sets share one plan."""
    recipes = [(feature, recipe_of(feature)) for feature in features]
    homes: dict[str, list[tuple[Feature, Recipe]]] = {}
    keys: dict[str, Key | None] = {}
    for feature, recipe in recipes:
        if recipe is not None:
            home = name_of(feature.key)
            keys.setdefault(home, feature.key)
            homes.setdefault(home, []).append((feature, recipe))
    own, borrowed, ends, foreign = [], {}, {}, {}
    for home, members in homes.items():
        slots = {slot: None for _, recipe in members for slot in recipe.slots}
        own.append(key_plan(keys[home], [slot for slot in slots if slot.key == keys[home]]))
        others = tuple(slot for slot in slots if slot.key != keys[home])
        borrowed[home] = others
        foreign.update(dict.fromkeys(others))
        ends[home] = ending(members, own[-1], others)
    lenders: dict[str, list[Slot]] = {}
    for slot in foreign:
        lenders.setdefault(name_of(slot.key), []).append(slot)
    shared = tuple(key_plan(slots[0].key, slots) for slots in lenders.values())
    handed = tuple(feature for feature, recipe in recipes if recipe is None)
    return Plan(shared, tuple(own), borrowed, ends, handed, _facts(recipes))


def _facts(recipes: list[tuple[Feature, Recipe | None]]) -> frozenset[str]:
    channels = {slot.channel for _, recipe in recipes if recipe for slot in recipe.slots}
    return frozenset(c.name.removeprefix("has ") for c in channels if c.source in ("row", "card"))


def name_of(key: Key | None) -> str:
    """Name a key; keys that differ in anything have different names."""
    return "" if key is None else f"{key.name} {','.join(key.columns)} {key.silence} {','.join(key.lenient)}"


def key_plan(key: Key | None, slots: list[Slot]) -> KeyPlan:
    """Gather the slots of one key into streams and give each a column."""
    column: dict[Slot, int] = {}
    streams: list[Stream] = []
    width = 0
    for source, names, windows in _streams(slots):
        stream = Stream(source, names, tuple(WINDOWS[w] for w in windows), width)
        for i, window in enumerate(windows):
            for j, (kind, name) in enumerate(names):
                column.update({s: width + i * len(names) + j for s in slots if _is(s, kind, name, window)})
        streams.append(stream)
        width += stream.width
    for slot in slots:
        if slot not in column:
            column[slot] = width
            width += 1
    clock = {slot.channel.source: place for slot, place in column.items()}
    return KeyPlan(key, tuple(streams), clock.get("first", -1), clock.get("last", -1), column, width)


def _is(slot: Slot, source: str, name: str, window: str) -> bool:
    return (slot.channel.source, slot.channel.name, slot.window) == (source, name, window)


def _streams(slots: list[Slot]) -> list[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]]:
    """Merge channels with the same events and the same windows; distinct and top stand alone."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for slot in slots:
        if slot.window is not None:
            wanted.setdefault((slot.channel.source, slot.channel.name), set()).add(slot.window)
    merged: dict[tuple[str, str, tuple[str, ...]], list[tuple[str, str]]] = {}
    for (source, name), names in wanted.items():
        windows = tuple(sorted(names, key=WINDOWS.__getitem__))
        group = "card" if source in SUMMED else source
        apart = name if source in ("distinct", "top") else ""
        merged.setdefault((group, apart, windows), []).append((source, name))
    return [(source, tuple(sorted(names)), windows) for (source, _, windows), names in merged.items()]


def ending(members: list[tuple[Feature, Recipe]], own: KeyPlan, others: tuple[Slot, ...]) -> Finish:
    """Lay out how features end from one key's columns, with the slots of others in the columns after them."""
    place = {**own.column, **{slot: own.width + i for i, slot in enumerate(others)}}
    arguments = np.zeros((len(members), ARITY), np.int64)
    for i, (_, recipe) in enumerate(members):
        arguments[i, : len(recipe.slots)] = [place[slot] for slot in recipe.slots]
    return Finish(
        tuple(feature for feature, _ in members),
        np.array([recipe.operation for _, recipe in members], np.int64),
        arguments,
        np.array([recipe.constant for _, recipe in members], np.float64),
    )


def longest_window(plan: Plan) -> int:
    """Return the widest finite window, in microseconds: how long single events must be kept."""
    spans = [w for key in (*plan.shared, *plan.keys) for stream in key.streams for w in stream.windows]
    return max((w for w in spans if w < NEVER), default=0)
