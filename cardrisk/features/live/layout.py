"""Where everything stands in the live arrays; follows from the declarations alone.

Three int64 tables hold all of history. A *card* row and an *answer* row are events, kept in rings and named by an
ever-growing number; a *slot* is one entity's running sums, a stretch of one flat array. Events of one entity form
a chain through their ``next`` fields, so that no entity needs room of its own for the events it has seen; there is none
of a kind of event that no stream of the key counts: to walk it would fetch events from far memory for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from cardrisk.features.arrays import F64, I64
from cardrisk.features.declare import Feature, FeatureSet, Key
from cardrisk.features.finish import ARITY
from cardrisk.features.live.facts import Handed, handed_of
from cardrisk.features.plan import KeyPlan, key_plan, name_of
from cardrisk.features.statistics import CARD as CARD_KEY
from cardrisk.features.statistics import Channel, Recipe, Slot, recipe_of

# one entity's slot: life number, first, last and last earlier moment, chains (next to add, last), nodes, its key;
# then the codes of the values that name it; then the streams: per window its tail (the number of the oldest event in
# it, -1: none), per window the moment of that one (NEVER: none), then the sums
LIFE, FIRST, LAST, PREVIOUS, CARD_HEAD, CARD_LAST, ANSWER_HEAD, ANSWER_LAST, NODES, OF_KEY, SLOT_HEADER = range(11)
# a card row's fixed fields; then per chain its next card; weights (whatever windows count stands in front);
# then per key: slot, life; per distinct stream: before, after; codes
TIME, ANSWER, CARD_HEADER = 0, 1, 2
# an answer row's fixed fields; then per chain its next answer; weights; per key: slot, life; codes
OF_CARD, BEFORE, AFTER, HANDED, GRADE, SAID, ANSWER_HEADER = range(1, 8)
# the first row of nodes is no node: it holds the first free node and how many were ever used
FREE, USED = 0, 1
# what a stream is
CARD, ANSWERS, DISTINCT, TOP = range(4)
# columns of the tables that describe streams and keys to the kernels
KIND, WIDTHS, SPAN, CHANNELS, CHANNEL, STATE, RAW, STREAM_FIELDS = range(8)
# the last two: where an event's row names the next one of the entity; 0 where no stream of the key counts such events
(FROM, TO, FIRST_RAW, LAST_RAW, GAP, SILENCE, RAW_FROM, RAW_TO, N_PARTS, COMING_CARD, COMING_ANSWER,
 KEY_FIELDS) = range(12)  # fmt: skip
# sizes that the kernels need
(N_KEYS, N_DISTINCT, CARD_CODES, CARD_WEIGHTS, ANSWER_CODES, ANSWER_WEIGHTS, N_CODES, N_SAID, OF_CARD_TOKEN,
 LARGEST_SLOT, ALL_SLOTS, CARD_SLOTS, CARD_LIVES, CARD_BEFORE, ANSWER_SLOTS, ANSWER_LIVES,
 SIZES) = range(17)  # fmt: skip
# a node: one value of a top stream in one slot; then its count per window
VALUE, NEXT_NODE, REFERENCES, STREAM, NODE_HEADER = range(5)

_KINDS: Final = {"card": CARD, "answer": ANSWERS, "distinct": DISTINCT, "top": TOP}


@dataclass(frozen=True)
class Layout:
    """Tables for the kernels and names for everybody else.

    Attributes
    ----------
    keys
        The keys, in the order of every per-key field.
    facts
        Whole-number facts of a card that are read; the first columns of raw numbers.
    handed
        What Python hands over of a card and of an answer, and what the kernels make of it.
    card_channels, answer_channels
        Names of the weights that rows carry.
    streams, key_table, spans, channels, sizes, parts, distincts
        What the kernels read; see the field names above. ``parts`` says which codes name an entity (-1: no more)
        and, in its second half, which may be unknown; ``distincts`` which key and which code each distinct
        stream compares.
    slot_size
        Numbers in a slot of each key.
    node_width
        Numbers of a node.
    features, ops, arguments, constants
        How number features end, over raw numbers of all keys side by side.
    """

    keys: tuple[Key, ...]
    facts: tuple[str, ...]
    handed: Handed
    card_channels: tuple[str, ...]
    answer_channels: tuple[str, ...]
    streams: I64
    key_table: I64
    spans: I64
    channels: I64
    sizes: I64
    parts: I64
    distincts: I64
    slot_size: I64
    node_width: int
    raw_width: int
    features: tuple[Feature, ...]
    ops: I64
    arguments: I64
    constants: F64

    @property
    def card_width(self) -> int:
        """Fields of a card row."""
        return int(self.sizes[CARD_CODES] + self.sizes[N_CODES])

    @property
    def answer_width(self) -> int:
        """Fields of an answer row."""
        return int(self.sizes[ANSWER_CODES] + self.sizes[N_SAID])


class _Builder:
    """Collects stream and key descriptions while walking over the key plans."""

    def __init__(self, facts: int) -> None:
        self.streams: list[list[int]] = []
        self.keys: list[list[int]] = []
        self.spans: list[int] = []
        self.channels: list[int] = []
        self.card: dict[str, int] = {}
        self.answer: dict[str, int] = {}
        self.distinct: list[tuple[int, str]] = []
        self.top: list[str] = []
        self.sizes: list[int] = []
        self.chains = {CARD: CARD_HEADER, ANSWERS: ANSWER_HEADER}
        self.raw = facts
        self.most_windows = 1

    def add(self, index: int, plan: KeyPlan) -> None:
        """Describe one key and its streams."""
        assert plan.key is not None  # noqa: S101 - facts are no key
        first, state = len(self.streams), SLOT_HEADER + len(plan.key.columns)
        for stream in plan.streams:
            names = [name if source != "gap" else f"gap {index} {name}" for source, name in stream.names]
            channels = self._channels(index, stream.source, names)
            held = len(stream.windows) * (2 + (0 if stream.source == "top" else len(names)))
            self.streams.append(
                [
                    _KINDS[stream.source],
                    len(stream.windows),
                    len(self.spans),
                    len(names),
                    len(self.channels) if stream.source in ("card", "answer") else channels[0],
                    state,
                    self.raw + stream.column,
                ]
            )
            self.spans += stream.windows
            if stream.source in ("card", "answer"):
                self.channels += channels
            if stream.source == "top":
                self.most_windows = max(self.most_windows, len(stream.windows))
            state += held
        gap = self.card.get(f"gap {index} count", -1)
        clocks = [-1 if c < 0 else self.raw + c for c in (plan.first, plan.last)]
        until = self.raw + plan.width
        parts = len(plan.key.columns)
        chains = self._chain(first, CARD, DISTINCT), self._chain(first, ANSWERS, TOP)
        self.keys.append([first, len(self.streams), *clocks, gap, plan.key.silence, self.raw, until, parts, *chains])
        self.sizes.append(state)
        self.raw = until

    def _chain(self, first: int, *counting: int) -> int:
        """Return where rows of a kind name the next one of the last key's entity; 0: no stream of it counts them."""
        if all(kind not in counting for kind, *_ in self.streams[first:]):
            return 0
        self.chains[counting[0]] += 1
        return self.chains[counting[0]] - 1

    def _channels(self, index: int, source: str, names: list[str]) -> list[int]:
        if source == "distinct":
            self.distinct.append((index, names[0]))
            return [len(self.distinct) - 1]
        if source == "top":
            self.top += [name for name in names if name not in self.top]
            return [self.top.index(names[0])]
        if any(name.startswith("gap ") for name in names):  # the three parts stand side by side
            for part in ("count", "sum", "squares"):
                self.card.setdefault(f"gap {index} {part}", len(self.card))
        table = self.card if source == "card" else self.answer
        return [table.setdefault(name, len(table)) for name in names]


@lru_cache(maxsize=16)
def layout_of(features: FeatureSet) -> Layout:
    """Lay out the live arrays for a feature set."""
    recipes = [(f, r) for f in features if (r := recipe_of(f)) is not None]
    slots = list(dict.fromkeys(slot for _, recipe in recipes for slot in recipe.slots))
    named = [slot for slot in slots if slot.key is None]
    if any(slot.channel.name.endswith("flag resubmitted") for slot in slots):
        slots.append(Slot(Channel("first"), CARD_KEY))
    by_key: dict[str, list[Slot]] = {}
    for slot in slots:
        if slot.key is not None:
            by_key.setdefault(name_of(slot.key), []).append(slot)
    plans = [key_plan(members[0].key, members) for members in by_key.values()]
    build = _Builder(len(named))
    place = {slot: i for i, slot in enumerate(named)}
    for index, plan in enumerate(plans):
        place.update({slot: build.raw + column for slot, column in plan.column.items()})
        build.add(index, plan)
    return _finish(recipes, [plan.key for plan in plans if plan.key is not None], named, build, place)


def _finish(
    recipes: list[tuple[Feature, Recipe]],
    keys: list[Key],
    named: list[Slot],
    build: _Builder,
    place: dict[Slot, int],
) -> Layout:
    names = tuple(slot.channel.name for slot in named)
    handed = handed_of(keys, names, tuple(build.card), tuple(build.answer), build.distinct, build.top)
    arguments = np.zeros((len(recipes), ARITY), np.int64)
    for i, (_, recipe) in enumerate(recipes):
        arguments[i, : len(recipe.slots)] = [place[slot] for slot in recipe.slots]
    distincts = [[key, handed.columns.index(column)] for key, column in build.distinct]
    return Layout(
        keys=tuple(keys),
        facts=names,
        handed=handed,
        card_channels=tuple(build.card),
        answer_channels=tuple(build.answer),
        streams=np.array(build.streams, np.int64).reshape(-1, STREAM_FIELDS),
        key_table=np.array(build.keys, np.int64).reshape(-1, KEY_FIELDS),
        spans=np.array(build.spans, np.int64),
        channels=np.array(build.channels, np.int64),
        sizes=_sizes(keys, handed, build),
        parts=_parts(keys, handed.columns),
        distincts=np.array(distincts, np.int64).reshape(-1, 2),
        slot_size=np.array(build.sizes, np.int64),
        node_width=NODE_HEADER + build.most_windows,
        raw_width=build.raw,
        features=tuple(feature for feature, _ in recipes),
        ops=np.array([recipe.operation for _, recipe in recipes], np.int64),
        arguments=arguments,
        constants=np.array([recipe.constant for _, recipe in recipes], np.float64),
    )


def _sizes(keys: list[Key], handed: Handed, build: _Builder) -> I64:
    k, d, codes, said = len(keys), len(build.distinct), len(handed.columns), len(handed.said_columns)
    card, answer = build.chains[CARD], build.chains[ANSWERS]
    slots, said_slots = card + len(build.card), answer + len(build.answer)
    token = keys.index(CARD_KEY) if CARD_KEY in keys else -1
    sizes = dict.fromkeys(range(SIZES), 0) | {
        N_KEYS: k,
        N_DISTINCT: d,
        CARD_WEIGHTS: card,
        CARD_SLOTS: slots,
        CARD_LIVES: slots + k,
        CARD_BEFORE: slots + 2 * k,
        CARD_CODES: slots + 2 * k + 2 * d,
        ANSWER_WEIGHTS: answer,
        ANSWER_SLOTS: said_slots,
        ANSWER_LIVES: said_slots + k,
        ANSWER_CODES: said_slots + 2 * k,
        N_CODES: codes,
        N_SAID: said,
        OF_CARD_TOKEN: token,
        LARGEST_SLOT: max(build.sizes, default=1),
        ALL_SLOTS: sum(build.sizes),
    }
    return np.array(list(sizes.values()), np.int64)


def _parts(keys: list[Key], columns: tuple[str, ...]) -> I64:
    """Return which codes name each key's entity, and which of them may be unknown."""
    most = max((len(key.columns) for key in keys), default=0)
    parts = np.full((len(keys), 2 * most), -1, np.int64)
    for row, key in zip(parts, keys, strict=True):
        row[: len(key.columns)] = [columns.index(column) for column in key.columns]
        row[most : most + len(key.columns)] = [column in key.lenient for column in key.columns]
    return parts
