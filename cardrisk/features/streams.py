"""One walk per stream of events: submissions, answers, distinct values, commonest message.

A walk answers questions in grouped order, block by block, so that the whole numbers of a block never leave the
cache before they are finished.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from cardrisk.features import windows
from cardrisk.features.arrays import DAY, I64, NEVER, NULL, Array, Bool, Rooms
from cardrisk.features.commonest import Counts, top_counts
from cardrisk.features.events import Answers, Cards
from cardrisk.features.grouping import Groups
from cardrisk.features.merging import Edges, edges_of
from cardrisk.features.plan import Stream
from cardrisk.features.sorting import Grouped, Order, group, pick
from cardrisk.features.turning import UNKNOWN

LONGEST_GAP: Final = DAY
"""Gaps longer than this are pauses, not rhythm; it also keeps sums of squared milliseconds inside 64 bits."""

Walk: TypeAlias = Callable[[int, int, I64], None]
"""``walk(first, stop, raw)`` answers the questions ``first`` to ``stop``, in order, one call after another.

``raw`` has shape (slots, at least ``stop - first``); at most :data:`BLOCK` questions a call.
"""

BLOCK: Final = 2_048
"""Questions at a time: their whole numbers stay in the cache until they are finished."""


@dataclass(frozen=True)
class Sums:
    """A walk over events that nothing replaces: each of its sums is a difference of running totals.

    Attributes
    ----------
    edges, total, channel, slot
        As :func:`~cardrisk.features.windows.plain_sums` takes them.
    most
        No sum of each channel is larger, nor negative; ``NEVER`` where that is not so.
    """

    edges: Edges
    total: I64
    channel: I64
    slot: int
    most: I64

    def __call__(self, first: int, stop: int, raw: I64) -> None:
        """Answer the questions ``first`` to ``stop``, as every walk does."""
        windows.plain_sums(self.edges, first, stop, self.total, self.channel, raw, self.slot)

    def addresses(self) -> tuple[int, ...]:
        """Return where its arrays stand and how large they are, for compiled code; good while the walk is there."""
        arrays = self.edges, self.total, self.channel
        return *(number for array in arrays for number in (array.ctypes.data, *array.shape)), self.slot

    def small(self) -> list[int]:
        """Return the slots whose sums are whole numbers of four bytes, and never ``UNKNOWN``."""
        windows, channels = self.edges.shape[0] - 1, self.channel.size
        below = np.flatnonzero(self.most < UNKNOWN)
        return [self.slot + w * channels + int(c) for w in range(windows) for c in below]


def _plain(groups: Groups, events: Grouped, totals: _Totals, stream: Stream) -> Walk:
    widths, name = np.append(0, stream.spans()), f"edges {stream.column}"
    keys, alike = groups.p_keys(events), events is groups.q
    edges = edges_of(groups.q_keys, groups.q.start, keys, events.start, widths, groups.reach, alike, groups.rooms, name)
    return Sums(edges, totals.total, totals.channel, stream.column, _most(totals, events.start))


def _most(totals: _Totals, start: I64) -> I64:
    """Return what each channel's sums are at most: all that one entity has, where nothing is taken away."""
    ends = [start if number < 0 else totals.total[number][start] for number in totals.channel]
    whole = [int(np.diff(end).max(initial=0)) for end in ends]
    return np.where(totals.adds, whole, NEVER)


class _Totals(NamedTuple):
    """Running totals, shape (any number, events + 1), and which one each channel is; -1: every event counts 1.

    ``adds`` says of each channel that no event weighs less than nothing.
    """

    total: I64
    channel: I64
    adds: Bool


def _running(weights: list[tuple[Array | None, Order | None]], events: int, stream: Stream, rooms: Rooms) -> _Totals:
    """Add up what each channel's events weigh (None: 1 each), read in a given order (None: as they stand)."""
    channel = np.full(len(weights), -1, np.int64)
    summed = [(i, weight, order) for i, (weight, order) in enumerate(weights) if weight is not None]
    total = rooms.empty(f"totals {stream.column}", (len(summed), events + 1), np.int64)
    for number, (i, weight, order) in enumerate(summed):
        channel[i] = number
        windows.run_up(weight, np.arange(events, dtype=np.uint32) if order is None else order, total[number])
    adds = [weight is None or weight.min(initial=0) >= 0 for weight, _ in weights]
    return _Totals(total, channel, np.array(adds))


def _narrow(weight: Array) -> Array | None:
    """Return the same numbers in as few bytes as hold them, which are read out of order sooner; None if all are 1."""
    if not weight.size:
        return weight
    low, high = int(weight.min()), int(weight.max())
    if low == high == 1:
        return None
    for kind in (np.int8, np.uint16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return weight.astype(kind, copy=False)
    return weight


def _linked(asked: windows.Asked, p_time: I64, start: I64, weight: I64, links: tuple[I64, I64], stream: Stream) -> Walk:
    spans = stream.spans()
    cursor, held = windows.cursor_for(spans), np.zeros((spans.size, weight.shape[1]), np.int64)
    before, after = links

    def walk(first: int, stop: int, raw: I64) -> None:
        windows.linked_sums(
            asked, first, stop, cursor, held, p_time, weight, before, after, start, spans, raw, stream.column
        )

    return walk


def card_walk(cards: Cards, answers: Answers, groups: Groups, stream: Stream) -> Walk:
    """Sums over submissions; nothing replaces a submission."""
    weights = [_card_weight(cards, groups, source, name) for source, name in stream.names]
    return _plain(groups, groups.p, _running(weights, groups.p.order.size, stream, groups.rooms), stream)


def _card_weight(cards: Cards, groups: Groups, source: str, name: str) -> tuple[Array | None, Order | None]:
    """Return what each submission adds to a channel, and in which order the events of the groups read it."""
    if source == "gap":
        return _gap(groups, name), None
    if name not in cards.weights:
        cards.weights[name] = None if name == "one" else _narrow(weight_of(cards, name))
    return cards.weights[name], groups.p.order


def _gap(groups: Groups, part: str) -> I64:
    weight = np.zeros((groups.p.time.size, 3), np.int64)
    windows.gaps(groups.p.time, groups.p.start, LONGEST_GAP, weight, 0)
    column: I64 = np.ascontiguousarray(weight[:, ("count", "sum", "squares").index(part)])
    return column


def weight_of(cards: Cards, name: str) -> I64:
    """Return what each submission adds to a channel: its number, or 1 where it ``has`` one; 0 where unknown."""
    if name.startswith("has "):
        has: I64 = (cards.number(name[4:]) != NULL).astype(np.int64)
        return has
    if name.startswith("price "):
        asking, face = cards.number("cents asking_price"), cards.number("cents face_value")
        priced = (asking != NULL) & (face > 0)
        return np.where(priced, asking if name == "price asking" else face, 0)
    number = cards.number(name)
    return np.where(number == NULL, 0, number)


def answer_walk(cards: Cards, answers: Answers, groups: Groups, stream: Stream) -> Walk:
    """Sums over answers; a revision replaces the answer it revises."""
    told = _grouped_answers(answers, groups)
    names = [name for _, name in stream.names]
    if not answers.revised:
        for name in (name for name in names if name not in answers.weights):
            answers.weights[name] = _narrow(answer_weight(answers, name))
        totals = _running([(answers.weights[n], told.order) for n in names], told.order.size, stream, groups.rooms)
        return _plain(groups, told, totals, stream)
    weight = np.stack([answer_weight(answers, name)[told.order] for name in names], axis=1, dtype=np.int64)
    return _linked(groups.asked, told.time, told.start, weight, _links(answers, told.order), stream)


def _grouped_answers(answers: Answers, groups: Groups) -> Grouped:
    """Group the answers, once for every stream of a key."""
    if groups.told is None:
        codes = pick(groups.codes, answers.card, groups.rooms)
        groups.told = group(codes, groups.size, answers.time, groups.rooms, "answers")
    return groups.told


def _links(answers: Answers, order: Order) -> tuple[I64, I64]:
    """Translate revision links from time order into grouped order."""
    place = np.full(answers.card.size, -1)
    place[order] = np.arange(order.size)
    before, after = answers.before[order], answers.after[order]
    earlier, later = before >= 0, after < answers.card.size
    before[earlier] = place[before[earlier]]
    after[later] = place[after[later]]
    return before, after


def answer_weight(answers: Answers, name: str) -> Array:
    """Return what each answer adds to a channel: ``known``, ``failed``, ``cause X`` or ``failed with COLUMN``."""
    if name == "known":
        return answers.known
    if name == "failed":
        return answers.failed
    if name.startswith("cause "):
        return answers.failed * answers.equals("cause", name[6:])
    return answers.failed * (answers.code(name.removeprefix("failed with "))[0] >= 0)


def distinct_walk(cards: Cards, answers: Answers, groups: Groups, stream: Stream) -> Walk:
    """Distinct values: a value seen again replaces itself, so every value counts once in every window."""
    codes, size = cards.code(stream.names[0][1])
    value = codes[groups.p.order]
    links = windows.same_value_links(value, groups.p.start, size)
    weight = (value >= 0).astype(np.int64)[:, None]
    return _linked(groups.asked, groups.p.time, groups.p.start, weight, links, stream)


def top_walk(cards: Cards, answers: Answers, groups: Groups, stream: Stream) -> Walk:
    """How often the commonest value stands among failures."""
    order, start, time, *_ = _grouped_answers(answers, groups)
    codes, size = answers.code(stream.names[0][1])
    value = np.where(answers.failed == 1, codes, -1).astype(np.int32)[order]
    before, after = _links(answers, order)
    spans = stream.spans()
    cursor, counts = windows.cursor_for(spans), Counts(spans.size, size, start)
    held = counts.count, counts.having, counts.top

    def walk(first: int, stop: int, raw: I64) -> None:
        top_counts(
            groups.asked,
            first,
            stop,
            cursor,
            held,
            time,
            value,
            before,
            after,
            start,
            spans,
            raw,
            stream.column,
        )

    return walk


def clock_walk(groups: Groups, since_first: int, since_last: int) -> Walk:
    """How long ago the entity was first and last seen."""
    cursor = windows.cursor_for(np.zeros(0, np.int64))

    def walk(first: int, stop: int, raw: I64) -> None:
        windows.clocks(groups.asked, first, stop, cursor, groups.p.time, groups.p.start, raw, since_first, since_last)

    return walk


WALKS: Final = {"card": card_walk, "answer": answer_walk, "distinct": distinct_walk, "top": top_walk}
