"""One key's features for entities with more events than memory should hold: the same frames, walked from disk.

Correct when the result is that of :func:`~cardrisk.features.parts.compute_part` over all of it at once. Memory holds
one block of questions, one number per entity and window, and one per distinct value where values are counted.

Whatever a row alone tells is told before rows are brought into the order of time: on disk stand a row's moment, its
entity's number and what it adds to each stream, in as few bytes as each takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from cardrisk.features.arrays import I64, NEVER, NULL, Array, Columns
from cardrisk.features.parts import ordered
from cardrisk.features.parts.disk import Frames, Order, Table, fixed, sort_to
from cardrisk.features.parts.identity import identity, together
from cardrisk.features.parts.keyed import Result, told_by
from cardrisk.features.parts.narrow import Frame
from cardrisk.features.parts.plan import Part
from cardrisk.features.plan import Stream
from cardrisk.features.streams import LONGEST_GAP

_GAPS: Final = ("count", "sum", "squares")
_SOME: Final = 1 << 16
"""Numbers that are kept with their repeats before these are looked for."""
_STEP: Final = 2_048
"""Rows at a time: what is found for them stays in the cache until it is finished."""


class _Distinct:
    """Distinct numbers of frames, and something that each stands with."""

    def __init__(self) -> None:
        self.keys, self.owners = np.empty(0, np.int64), np.empty(0, np.int64)
        self._more: list[tuple[I64, I64]] = []
        self._waiting = 0

    def add(self, keys: I64, owners: I64) -> None:
        """Add numbers and what they stand with."""
        keys, at = np.unique(keys, return_index=True)
        self._more.append((keys, owners[at]))
        self._waiting += keys.size
        if self._waiting > max(self.keys.size, _SOME):
            self.settle()

    def settle(self) -> None:
        """Make ``keys`` and ``owners`` hold all that was added, ascending."""
        keys, owners = (np.concatenate(each) for each in zip((self.keys, self.owners), *self._more, strict=True))
        self.keys, at = np.unique(keys, return_index=True)
        self.owners = owners[at]
        self._more, self._waiting = [], 0


class _Values:
    """Numbers for the values that entities have, entity by entity: those in ``name``, of rows where ``only`` is 1."""

    def __init__(self, name: str, only: str) -> None:
        self._name, self._only = name, only
        self._found = _Distinct()
        self._number = self.start = np.empty(0, np.int64)

    def look(self, frame: Frame) -> None:
        """See the values of a frame."""
        known, entity, value = self._known(frame)
        if known.size:
            self._found.add(together([entity, value]), entity)

    def settle(self, entities: I64) -> None:
        """Number what was seen; ``start`` says where each entity's numbers begin."""
        self._found.settle()
        code = np.searchsorted(entities, self._found.owners)
        order = np.argsort(code, kind="stable")
        self._number = np.empty(order.size, np.int32)
        self._number[order] = np.arange(order.size)
        self.start = np.searchsorted(code[order], np.arange(entities.size + 1))

    def numbers(self, frame: Frame) -> Array:
        """Return the number of each row's value, -1 where it has none."""
        known, entity, value = self._known(frame)
        out = np.full(len(np.asarray(frame["entity"])), -1, np.int32)
        if known.size:
            out[known] = self._number[np.searchsorted(self._found.keys, together([entity, value]))]
        return out

    def _known(self, frame: Frame) -> tuple[I64, I64, I64]:
        """Return which rows have a value, and the entities and values of those."""
        value = np.asarray(frame[self._name])
        known = np.flatnonzero((value != NULL) & (np.asarray(frame[self._only]) == 1))
        return known, np.asarray(frame["entity"])[known], value[known]


@dataclass(frozen=True)
class _Walk:
    """What answers questions of a stream, block after block.

    Attributes
    ----------
    step
        ``step(first, stop, raw)`` writes what those of the events ``first`` to ``stop`` ask that do.
    table
        Where it reads.
    spans, cursor
        Its windows, and how far each has come there: added, replaced ones taken back, and taken back.
    """

    step: Callable[[int, int, I64], None]
    table: Table
    spans: I64
    cursor: I64

    def behind(self) -> int:
        """Return the first row that it reads again."""
        return int(np.where(self.spans == NEVER, self.cursor[:, 0], self.cursor[:, -1]).min())


class _Walker:
    """Everything about one part on disk, ready to be walked."""

    def __init__(self, part: Part, events: Frames, answers: Frames, scratch: Path, block: int) -> None:
        self.part, self.block, self._scratch = part, block, scratch
        self._values = {
            stream.column: _Values(f"is {stream.names[0][1]}", "counts" if stream.source == "distinct" else "failed")
            for stream in part.plan.streams
            if stream.source in ("distinct", "top")
        }
        self._lived = False
        """Whether an entity has more than one life, or is told of before its first event."""
        self.cards = self._cards(events)
        self.told = self._told(answers)
        self.replaced = sort_to(scratch / "replaced", self._replaced, ("until", "time"), 4 * block)

    def blocks(self, table: Table) -> Iterator[tuple[int, int]]:
        """Stretches of a table."""
        for first in range(0, table.rows, self.block):
            yield first, min(first + self.block, table.rows)

    def _streams(self, *sources: str) -> list[Stream]:
        return [stream for stream in self.part.plan.streams if stream.source in sources]

    def _looked(self, frames: Iterable[Frame], *sources: str) -> Iterator[Frame]:
        """Give frames on that were looked at for values."""
        for frame in frames:
            for stream in self._streams(*sources):
                self._values[stream.column].look(frame)
            yield frame

    def _cards(self, events: Frames) -> Table:
        found, table = _Distinct(), Table(self._scratch / "cards")

        def looked() -> Iterator[Frame]:
            for frame in self._looked(events(), "distinct"):
                entity = np.asarray(frame["entity"])
                found.add(entity, entity)
                yield frame

        order = Order(looked(), ("time", "seq"), 4 * self.block)
        found.settle()
        self.entities = found.keys
        for stream in self._streams("distinct"):
            self._values[stream.column].settle(self.entities)
        last, begun = np.full(self.entities.size, -NEVER), np.full(self.entities.size, -1, np.int32)
        gaps = {s.column: _Gaps(s, self.entities.size) for s in self._streams("card") if _has_gaps(s)}
        for columns in order.sorted(map(self._of_cards, events()), table.folder):
            time, code, counts = (columns[name] for name in ("time", "code", "counts"))
            columns["life"] = np.empty(time.size, np.int32)
            ordered.lives(time, code, counts, self.part.key.silence, last, begun, columns["life"])
            for column, gap in gaps.items():
                gap.write(columns, columns[_name(column)])
            table.append(columns)
        self._lived = bool((begun > 0).any())
        return table

    def _of_cards(self, frame: Frame) -> Columns:
        """Return what stands on disk of cards, but for what takes their order."""
        counts, asks = (np.asarray(frame[name]) for name in ("counts", "asks"))
        out = {name: np.asarray(frame[name]) for name in ("time", "seq")}
        out |= {"code": self._code(frame), "counts": counts.astype(np.uint8), "asks": asks.astype(np.uint8)}
        for stream in self._streams("card"):
            if not _counts_alone(stream):
                columns = [_card_weight(frame, counts, *channel) for channel in stream.names]
                out[_name(stream.column)] = np.stack(columns, axis=1)
        for stream in self._streams("distinct"):
            out[_name(stream.column)] = self._values[stream.column].numbers(frame)
        return out

    def _code(self, frame: Frame) -> Array:
        entity = np.asarray(frame["entity"])
        if self.entities.size == 1:
            return np.zeros(entity.size, np.int32)
        return np.searchsorted(self.entities, entity).astype(np.int32)

    def _told(self, answers: Frames) -> Table:
        table = Table(self._scratch / "told")
        order = Order(self._looked(answers(), "top"), ("time", "rank"), 4 * self.block)
        for stream in self._streams("top"):
            self._values[stream.column].settle(self.entities)
        names = [*told_by(self.part), "entity", "card_time"]
        nothing = self._of_answers({name: np.empty(0, np.int64) for name in names})
        self._revised = False
        for columns in chain([nothing], order.sorted(map(self._of_answers, answers()), table.folder)):
            del columns["rank"]  # it decided between equal moments, and nobody reads it any more
            self._revised = self._revised or bool((columns["until"] < NEVER).any())
            table.append(columns)
        return table

    def _of_answers(self, frame: Frame) -> Columns:
        """Return what stands on disk of answers."""
        out = {name: np.asarray(frame[name]) for name in ("time", "rank", "until")}
        about = np.asarray(frame["card_time"])
        self._lived = self._lived or bool((out["time"] < about).any())
        out |= {"code": self._code(frame), "life": self._lives_at(about, np.asarray(frame["seq"]))}
        for stream in self._streams("answer"):
            columns = [_answer_weight(frame, channel) for _, channel in stream.names]
            out[_name(stream.column)] = np.stack(columns, axis=1)
        for stream in self._streams("top"):
            out[_name(stream.column)] = self._values[stream.column].numbers(frame)
        return out

    def _lives_at(self, time: I64, seq: I64) -> Array:
        """Return the lives of cards."""
        life = self.cards.column("life")
        if not self._lived or not time.size:
            return np.zeros(time.size, np.int32)
        moments = self.cards.column("time")
        first, stop = moments.searchsorted(time.min()), moments.searchsorted(time.max(), "right")
        place = np.empty(time.size, np.int64)
        ordered.places(moments[first:stop], self.cards.column("seq")[first:stop], time, seq, place)
        return life[first:stop][place]

    def _replaced(self) -> Iterator[Columns]:
        """Answers that another one replaces."""
        yield self.told.columns(0, 0)
        for first, stop in self.blocks(self.told) if self._revised else ():
            mine = self.told.column("until")[first:stop] < NEVER
            yield {name: column[mine] for name, column in self.told.columns(first, stop).items()}

    def _life(self, table: Table) -> Array:
        return table.column("life") if self._lived else fixed(np.empty(0, np.int32))

    def asked(self) -> ordered.Asked:
        """Moment, entity and life of every event, and whether it asks."""
        time, code, asks = (self.cards.column(name) for name in ("time", "code", "asks"))
        return time, code, self._life(self.cards), asks

    def _events(self, table: Table, name: str, until: Array | None = None) -> ordered.Events:
        never = fixed(np.empty(0, np.int64)) if until is None else until
        return table.column("time"), never, table.column("code"), self._life(table), table.column(name)

    def _both(self, stream: Stream) -> tuple[Table, ordered.Events, ordered.Events]:
        """Where a stream's events stand, they, and those of them that are replaced."""
        name = _name(stream.column)
        if stream.source in ("answer", "top"):
            until = self.told.column("until") if self._revised else None
            replaced = self._events(self.replaced, name, self.replaced.column("until"))
            return self.told, self._events(self.told, name, until), replaced
        time, until, code, life, weight = self._events(self.cards, "counts" if _counts_alone(stream) else name)
        if _counts_alone(stream):
            weight = weight.reshape(-1, 1)
        return self.cards, (time, until, code, life, weight), (time[:0], until, code[:0], life[:0], weight[:0])

    def walk(self, stream: Stream) -> _Walk:
        """Return what answers questions of a stream."""
        table, events, replaced = self._both(stream)
        asked, spans, entities = self.asked(), stream.spans(), self.entities.size
        cursor, current = np.zeros((spans.size, 3), np.int64), np.full((spans.size, entities), -1, np.int32)
        if stream.source in ("answer", "card"):
            held = np.zeros((spans.size, entities, len(stream.names)), np.int64)

            def step(first: int, stop: int, raw: I64) -> None:
                ordered.sums(asked, first, stop, events, replaced, spans, cursor, current, held, raw, stream.column)

            return _Walk(step, table, spans, cursor)
        start, distinct = self._values[stream.column].start, stream.source == "distinct"
        count, most = np.zeros((spans.size, int(start[-1])), np.int64), np.zeros((spans.size, entities), np.int64)

        def step_of_values(first: int, stop: int, raw: I64) -> None:
            counted = start, count, most, raw, stream.column, distinct
            ordered.values(asked, first, stop, events, replaced, spans, cursor, current, *counted)

        return _Walk(step_of_values, table, spans, cursor)

    def clock(self) -> _Walk:
        """Return what tells how long ago each entity was first and last seen."""
        cursor, current = np.zeros((1, 1), np.int64), np.full(self.entities.size, -1, np.int32)
        seen = np.full((self.entities.size, 2), NULL)
        plan, asked, counts = self.part.plan, self.asked(), self.cards.column("counts")

        def step(first: int, stop: int, raw: I64) -> None:
            ordered.clocks(asked, first, stop, counts, cursor[0], current, seen, raw, plan.first, plan.last)

        return _Walk(step, self.cards, np.array([NEVER]), cursor)

    def walks(self) -> list[_Walk]:
        """Return what answers all questions."""
        found = [self.walk(stream) for stream in self.part.plan.streams]
        return [*found, self.clock()] if self.part.plan.first >= 0 or self.part.plan.last >= 0 else found


class _Gaps:
    """Writes gaps between an entity's cards into its stream's columns."""

    def __init__(self, stream: Stream, entities: int) -> None:
        channels = [stream.names.index(("gap", part)) if ("gap", part) in stream.names else -1 for part in _GAPS]
        self._place = np.array(channels, np.int64)
        self._last, self._owner = np.zeros(entities, np.int64), np.full(entities, -1, np.int32)

    def write(self, columns: Columns, out: Array) -> None:
        """Write those of cards that come next."""
        time, code, counts, life = (columns[name] for name in ("time", "code", "counts", "life"))
        ordered.gap_weights(time, code, counts, life, LONGEST_GAP, self._last, self._owner, self._place, out)


def _name(column: int) -> str:
    return f"stream {column}"


def _has_gaps(stream: Stream) -> bool:
    return any(source == "gap" for source, _ in stream.names)


def _counts_alone(stream: Stream) -> bool:
    """Whether a stream sums nothing but how many cards count: what each adds stands on disk anyway."""
    return stream.names == (("card", "one"),)


def _card_weight(frame: Frame, counts: Array, source: str, channel: str) -> Array:
    """Return what each card adds to a channel; of gaps, whose turn comes later, anything that has room for them."""
    if source == "gap":
        return counts
    if channel == "one":
        return counts.astype(np.uint8)
    if channel.startswith("price "):
        asking, face = (np.asarray(frame[f"cents {name}"]) for name in ("asking_price", "face_value"))
        counted = (asking != NULL) & (face > 0) & (counts == 1)
        return np.where(counted, asking if channel == "price asking" else face, 0)
    number = np.asarray(frame[channel.removeprefix("has ")])
    counted = (number != NULL) & (counts == 1)
    return counted.astype(np.uint8) if channel.startswith("has ") else np.where(counted, number, 0)


def _answer_weight(frame: Frame, channel: str) -> Array:
    """Return what each answer adds to a channel."""
    if channel == "known":
        return np.asarray(frame["known"], np.uint8)
    failed: Array = np.asarray(frame["failed"]) == 1
    if channel.startswith("cause "):
        failed &= np.asarray(frame["is cause"]) == identity(channel.removeprefix("cause "))
    elif channel != "failed":
        failed &= np.asarray(frame[f"is {channel.removeprefix('failed with ')}"]) != NULL
    return failed.astype(np.uint8)


def compute_large(part: Part, events: Frames, answers: Frames, scratch: Path, block: int) -> Iterator[Columns]:
    """Compute one key's features for entities of any size.

    Parameters
    ----------
    part
        The key's share of the features.
    events, answers
        Give frames as :func:`~cardrisk.features.parts.compute_part` takes them, in pieces, any order; answers with
        ``card_time``. They may come as mappings that tell a column when it is asked for.
    scratch
        An empty folder for files; the caller removes it.
    block
        Rows in memory at a time.

    Yields
    ------
    dict
        As ``compute_part`` returns, in pieces, in the order of time.
    """
    walker = _Walker(part, events, answers, scratch, block)
    walks, cards = walker.walks(), walker.cards
    raw = np.empty((part.plan.width, _STEP), np.int64)
    for first, stop in walker.blocks(cards):
        asks = cards.column("asks")[first:stop].view(np.bool_)
        out, done = Result(part, int(np.count_nonzero(asks))), 0
        for at in range(first, stop, _STEP):
            end = min(at + _STEP, stop)
            for walk in walks:
                walk.step(at, end, raw)
            more = int(np.count_nonzero(asks[at - first : end - first]))
            if more:
                out.take(done, done + more, raw)
            done += more
        yield out.columns(cards.column("seq")[first:stop][asks])
        for table in (cards, walker.told):
            table.leave(min([stop, *(walk.behind() for walk in walks if walk.table is table)]))
