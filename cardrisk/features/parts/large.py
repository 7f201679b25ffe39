"""One key's features for entities with more events than memory should hold: the same frames, walked from disk.

Correct when the result is that of :func:`~cardrisk.features.parts.compute_part` over all of it at once. Memory holds
one block of questions, one number per entity and window, and one per distinct value where values are counted.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cardrisk.features.arrays import I64, NEVER, NULL, Array
from cardrisk.features.parts import ordered
from cardrisk.features.parts.identity import identity, together
from cardrisk.features.parts.keyed import Result
from cardrisk.features.parts.narrow import in_order
from cardrisk.features.parts.plan import Part
from cardrisk.features.plan import Stream
from cardrisk.features.streams import LONGEST_GAP

Frames = Callable[[], Iterable[pd.DataFrame | Mapping[str, Array]]]
"""Gives the same frames, in the same order, as often as it is called; they may come as columns."""

_GAPS: Final = ("count", "sum", "squares")
_SAMPLE: Final = 256
"""Rows of each frame looked at to find where to cut."""
_MOST_HEAPS: Final = 1 << 12


class Table:
    """Columns of whole numbers in files, rows in order; read a stretch at a time or mapped for a walk.

    Parameters
    ----------
    folder
        Its own; made here.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self.rows = folder, 0
        self.widths: dict[str, int] = {}

    def append(self, columns: dict[str, I64]) -> None:
        """Add rows."""
        for name, values in columns.items():
            self.widths[name] = 0 if values.ndim == 1 else values.shape[1]
            with (self.folder / _file(name)).open("ab") as file:
                file.write(np.ascontiguousarray(values, np.int64).tobytes())
        self.rows += len(next(iter(columns.values())))

    def extend(self, name: str, values: I64) -> None:
        """Add to one more column, which must end up as long as the others."""
        self.widths[name] = 0 if values.ndim == 1 else values.shape[1]
        with (self.folder / _file(name)).open("ab") as file:
            file.write(np.ascontiguousarray(values, np.int64).tobytes())

    def column(self, name: str) -> I64:
        """Map a column."""
        width = self.widths.get(name, 0)
        shape = (self.rows, width) if width else (self.rows,)
        if not self.rows:
            return _fixed(np.empty(shape, np.int64))
        with (self.folder / _file(name)).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, np.int64, self.rows * max(width, 1)).reshape(shape)


def _fixed(values: I64) -> I64:
    """As a mapped column is: not to be written; compiled code knows the two apart."""
    values.flags.writeable = False
    return values


def _file(name: str) -> str:
    return name.replace(" ", "-").replace("/", "-")


def sort_to(folder: Path, frames: Frames, by: tuple[str, str], block: int) -> Table:
    """Bring rows into the order of two columns, whatever their number, with ``block`` rows in memory or so."""
    cuts, sorted_already = _cuts(frames, by, block)
    out = Table(folder)
    if sorted_already:
        for frame in frames():
            out.append(_columns(frame))
        return out
    heaps = [Table(folder / f"heap{i}") for i in range(len(cuts[0]) + 1)]
    for frame in frames():
        columns = _columns(frame)
        number = _heap_of(columns[by[0]], columns[by[1]], cuts).astype(np.uint16)
        order = np.argsort(number, kind="stable")
        edges = np.searchsorted(number[order], np.arange(len(heaps) + 1))
        columns = {name: column[order] for name, column in columns.items()}
        for i in np.flatnonzero(edges[1:] > edges[:-1]).tolist():
            heaps[i].append({name: column[edges[i] : edges[i + 1]] for name, column in columns.items()})
    for heap in heaps:
        if heap.rows:
            columns = {name: np.array(heap.column(name)) for name in heap.widths}
            order = in_order(columns[by[0]], columns[by[1]])
            out.append({name: column[order] for name, column in columns.items()})
            for name in heap.widths:
                (heap.folder / _file(name)).unlink()
    return out


def _columns(frame: pd.DataFrame | Mapping[str, Array]) -> dict[str, I64]:
    return {str(name): np.asarray(column) for name, column in frame.items()}


def _heap_of(first: I64, second: I64, cuts: tuple[I64, I64]) -> I64:
    """Return how many cuts each row stands at or behind, by both columns."""
    below, upto = (np.searchsorted(cuts[0], first, side) for side in ("left", "right"))
    heap = below.copy()
    tied = np.flatnonzero(upto > below)
    for low in np.unique(below[tied]).tolist():
        mine = tied[below[tied] == low]
        heap[mine] += np.searchsorted(cuts[1][low : upto[mine[0]]], second[mine], side="right")
    return heap


def _cuts(frames: Frames, by: tuple[str, str], block: int) -> tuple[tuple[I64, I64], bool]:
    """Return rows at which to cut so that about ``block`` lie between; and whether all are in order as they come."""
    samples, rows, in_turn, last = [np.empty((2, 0), np.int64)], 0, True, (-NEVER, -NEVER)
    for frame in frames():
        both = np.stack([np.asarray(frame[name]) for name in by])
        first, second = both
        rows += first.size
        samples.append(both[:, :: max(first.size // _SAMPLE, 1)])
        if in_turn and first.size:
            later = (first[1:] > first[:-1]) | ((first[1:] == first[:-1]) & (second[1:] >= second[:-1]))
            in_turn = last <= (int(first[0]), int(second[0])) and bool(later.all())
            last = int(first[-1]), int(second[-1])
    found = np.concatenate(samples, axis=1)
    found = found[:, np.lexsort((found[1], found[0]))]
    wanted = min(-(-rows // max(block, 1)), _MOST_HEAPS)
    at = np.linspace(0, found.shape[1], wanted, endpoint=False).astype(int)[1:]
    return (found[0, at], found[1, at]), in_turn


class _Walker:
    """Everything about one part on disk, ready to be walked."""

    def __init__(self, part: Part, events: Frames, answers: Frames, scratch: Path, block: int) -> None:
        self.part, self.block = part, block
        self.cards = sort_to(scratch / "cards", events, ("time", "seq"), 4 * block)
        entity = self.cards.column("entity")
        some = [np.unique(entity[first:stop]) for first, stop in self.blocks(self.cards)]
        self.entities = np.unique(np.concatenate(some))
        self.told = sort_to(scratch / "told", answers, ("time", "rank"), 4 * block)
        self.replaced = sort_to(scratch / "replaced", self._replaced, ("until", "rank"), 4 * block)
        self._lives()
        for table in (self.told, self.replaced):
            self._lives_of_answers(table)

    def _replaced(self) -> Iterator[dict[str, I64]]:
        """Answers that another one replaces."""
        for first, stop in self.blocks(self.told):
            mine = self.told.column("until")[first:stop] < NEVER
            yield {name: self.told.column(name)[first:stop][mine] for name in self.told.widths}

    def blocks(self, table: Table) -> Iterator[tuple[int, int]]:
        """Stretches of a table."""
        for first in range(0, table.rows, self.block):
            yield first, min(first + self.block, table.rows)

    def _code(self, entity: I64) -> I64:
        return np.searchsorted(self.entities, entity)

    def _lives(self) -> None:
        last, begin = np.full(self.entities.size, -NEVER), np.full(self.entities.size, -1)
        for first, stop in self.blocks(self.cards):
            self.cards.extend("code", self._code(self.cards.column("entity")[first:stop]))
        for first, stop in self.blocks(self.cards):
            life = np.empty(stop - first, np.int64)
            time, code, counts = (self.cards.column(name) for name in ("time", "code", "counts"))
            ordered.lives(first, stop, time, code, counts, self.part.key.silence, last, begin, life)
            self.cards.extend("life", life)

    def _lives_of_answers(self, table: Table) -> None:
        for first, stop in self.blocks(table):
            at, number = (table.column(name)[first:stop] for name in ("card_time", "seq"))
            place = np.empty(stop - first, np.int64)
            time, seq = self.cards.column("time"), self.cards.column("seq")
            ordered.places(time, seq, np.array(at), np.array(number), place)
            table.extend("life", self.cards.column("life")[place])
            table.extend("code", self._code(table.column("entity")[first:stop]))

    def asked(self) -> tuple[I64, I64, I64]:
        """Moment, entity and life of every event."""
        return self.cards.column("time"), self.cards.column("code"), self.cards.column("life")

    def walk(self, stream: Stream) -> Callable[[int, int, I64], None]:
        """Return what answers questions of a stream, block after block."""
        name = f"stream {stream.column}"
        if stream.source == "top":
            return self._top(stream, name)
        if stream.source == "distinct":
            events, replaced = self._distinct(stream, name)
        elif stream.source == "answer":
            for table in (self.told, self.replaced):
                self._weigh(table, stream, name)
            events, replaced = self._mapped(self.told, name), self._mapped(self.replaced, name)
        else:
            self._card_weights(stream, name)
            events, replaced = self._mapped(self.cards, name, until=None), _nothing(len(stream.names))
        spans = stream.spans()
        cursor, current = np.zeros(2 + spans.size, np.int64), np.full(self.entities.size, -1)
        width = 1 if stream.source == "distinct" else len(stream.names)
        held = np.zeros((spans.size, self.entities.size, width), np.int64)

        def step(first: int, stop: int, raw: I64) -> None:
            asked = self.asked()
            ordered.sums(asked, first, stop, events(), replaced(), spans, cursor, current, held, raw, stream.column)

        return step

    def _mapped(
        self, table: Table, name: str, until: str | None = "until"
    ) -> Callable[[], tuple[I64, I64, I64, I64, I64]]:
        def columns() -> tuple[I64, I64, I64, I64, I64]:
            time, code, life, weight = (table.column(each) for each in ("time", "code", "life", name))
            return time, table.column(until) if until else _fixed(np.empty(0, np.int64)), code, life, weight

        return columns

    def _weigh(self, table: Table, stream: Stream, name: str) -> None:
        table.widths[name] = len(stream.names)
        for first, stop in self.blocks(table):
            table.extend(name, _answer_weights(table, stream, first, stop))

    def _card_weights(self, stream: Stream, name: str) -> None:
        last, owner = np.zeros(self.entities.size, np.int64), np.full(self.entities.size, -1)
        gaps = any(source == "gap" for source, _ in stream.names)
        for first, stop in self.blocks(self.cards):
            between = np.zeros((stop - first, 3), np.int64)
            if gaps:
                time, code, life = self.asked()
                counts = self.cards.column("counts")
                ordered.gap_weights(first, stop, time, code, counts, life, LONGEST_GAP, last, owner, between)
            columns = [
                between[:, _GAPS.index(channel)] if source == "gap" else _card_weight(self.cards, channel, first, stop)
                for source, channel in stream.names
            ]
            self.cards.extend(name, np.stack(columns, axis=1))

    def _pairs(self, table: Table, value: str, name: str, keep: Callable[[int, int], I64]) -> I64:
        """Number (entity, value) pairs, entity by entity; returns where each entity's begin."""
        found: list[I64] = []
        for first, stop in self.blocks(table):
            code, identities = table.column("code")[first:stop], table.column(value)[first:stop]
            known = (identities != NULL) & (keep(first, stop) == 1)
            found.append(np.unique(np.stack([code[known], identities[known]], axis=1), axis=0))
            found = [np.unique(np.concatenate(found), axis=0)]
        pairs = found[0] if found else np.empty((0, 2), np.int64)
        keys = together([pairs[:, 0], pairs[:, 1]]) if len(pairs) else np.empty(0, np.int64)
        order = np.argsort(keys)
        for first, stop in self.blocks(table):
            code, identities = table.column("code")[first:stop], table.column(value)[first:stop]
            known = (identities != NULL) & (keep(first, stop) == 1)
            place = np.full(stop - first, -1)
            if known.any():
                mine = together([np.array(code[known]), np.array(identities[known])])
                place[known] = order[np.searchsorted(keys, mine, sorter=order)]
            table.extend(name, place)
        return np.searchsorted(pairs[:, 0], np.arange(self.entities.size + 1))

    def _distinct(
        self, stream: Stream, name: str
    ) -> tuple[Callable[[], tuple[I64, I64, I64, I64, I64]], Callable[[], tuple[I64, I64, I64, I64, I64]]]:
        cards, value = self.cards, f"is {stream.names[0][1]}"
        start = self._pairs(cards, value, f"{name} pair", lambda a, b: cards.column("counts")[a:b])
        size = int(start[-1])
        seen, owner = np.zeros(size, np.int64), np.full(size, -1)
        for first, stop in self.blocks(cards):
            out = np.empty(stop - first, np.int64)
            time, _, life = self.asked()
            ordered.before(first, stop, time, life, cards.column(f"{name} pair"), seen, owner, out)
            cards.extend(f"{name} before", out)
        seen[:], owner[:] = 0, -1
        back = Table(cards.folder / _file(f"{name} back"))
        for first, stop in reversed(list(self.blocks(cards))):
            out = np.empty(stop - first, np.int64)
            time, _, life = self.asked()
            ordered.after(first, stop, time, life, cards.column(f"{name} pair"), seen, owner, out)
            back.append({"until": out[::-1]})
        for first, stop in self.blocks(cards):
            cards.extend(f"{name} until", back.column("until")[cards.rows - stop : cards.rows - first][::-1])
            cards.extend(name, (cards.column(f"{name} pair")[first:stop] >= 0).astype(np.int64)[:, None])
            earlier = cards.column(f"{name} before")[first:stop]
            cards.extend(f"{name} replaced", (earlier != NULL).astype(np.int64)[:, None])

        def replaced() -> tuple[I64, I64, I64, I64, I64]:
            time, code, life = self.asked()
            return cards.column(f"{name} before"), time, code, life, cards.column(f"{name} replaced")

        return self._mapped(cards, name, until=f"{name} until"), replaced

    def _top(self, stream: Stream, name: str) -> Callable[[int, int, I64], None]:
        value = f"is {stream.names[0][1]}"
        start = self._pairs(self.told, value, name, lambda a, b: self.told.column("failed")[a:b])
        self._pairs_like(self.told, self.replaced, value, name)
        both = [self._mapped(self.told, name), self._mapped(self.replaced, name)]
        spans = stream.spans()
        cursor, current = np.zeros(2 + spans.size, np.int64), np.full(self.entities.size, -1)
        count = np.zeros((spans.size, int(start[-1])), np.int64)
        top = np.zeros((spans.size, self.entities.size), np.int64)

        def step(first: int, stop: int, raw: I64) -> None:
            asked, events, replaced = self.asked(), both[0](), both[1]()
            ordered.tops(
                asked, first, stop, events, replaced, spans, cursor, current, start, count, top, raw, stream.column
            )

        return step

    def _pairs_like(self, told: Table, table: Table, value: str, name: str) -> None:
        """Number the pairs of replaced answers as those of all answers."""
        table.widths.setdefault(name, 0)
        for first, stop in self.blocks(table):
            at, rank = (np.array(table.column(n)[first:stop]) for n in ("time", "rank"))
            place = np.empty(stop - first, np.int64)
            ordered.places(told.column("time"), told.column("rank"), at, rank, place)
            table.extend(name, told.column(name)[place])

    def clock(self) -> Callable[[int, int, I64], None]:
        """Return what tells how long ago each entity was first and last seen."""
        cursor, current = np.zeros(1, np.int64), np.full(self.entities.size, -1)
        seen = np.full((self.entities.size, 2), NULL)
        plan = self.part.plan

        def step(first: int, stop: int, raw: I64) -> None:
            counts = self.cards.column("counts")
            ordered.clocks(self.asked(), first, stop, counts, cursor, current, seen, raw, plan.first, plan.last)

        return step


def _nothing(channels: int) -> Callable[[], tuple[I64, I64, I64, I64, I64]]:
    none, weights = _fixed(np.empty(0, np.int64)), _fixed(np.empty((0, channels), np.int64))
    return lambda: (none, none, none, none, weights)


def _card_weight(cards: Table, channel: str, first: int, stop: int) -> I64:
    counts = np.array(cards.column("counts")[first:stop])
    if channel == "one":
        return counts
    if channel.startswith("price "):
        asking, face = (cards.column(f"cents {name}")[first:stop] for name in ("asking_price", "face_value"))
        priced = (asking != NULL) & (face > 0)
        return np.where(priced, asking if channel == "price asking" else face, 0) * counts
    number = cards.column(channel.removeprefix("has "))[first:stop]
    known = (number != NULL).astype(np.int64) * counts
    return known if channel.startswith("has ") else np.where(number == NULL, 0, number) * counts


def _answer_weights(table: Table, stream: Stream, first: int, stop: int) -> I64:
    columns = []
    for _, channel in stream.names:
        failed = np.array(table.column("failed")[first:stop])
        if channel == "known":
            columns.append(np.array(table.column("known")[first:stop]))
        elif channel == "failed":
            columns.append(failed)
        elif channel.startswith("cause "):
            columns.append(failed * (table.column("is cause")[first:stop] == identity(channel[6:])))
        else:
            told = table.column(f"is {channel.removeprefix('failed with ')}")[first:stop]
            columns.append(failed * (told != NULL))
    return np.stack(columns, axis=1)


def compute_large(part: Part, events: Frames, answers: Frames, scratch: Path, block: int) -> Iterator[pd.DataFrame]:
    """Compute one key's features for entities of any size.

    Parameters
    ----------
    part
        The key's share of the features.
    events, answers
        Give frames as :func:`~cardrisk.features.parts.compute_part` takes them, in pieces, any order; answers with
        ``card_time``.
    scratch
        An empty folder for files; the caller removes it.
    block
        Rows in memory at a time.

    Yields
    ------
    pandas.DataFrame
        As ``compute_part`` returns, in pieces, in the order of time.
    """
    walker = _Walker(part, events, answers, scratch, block)
    walks = [walker.walk(stream) for stream in part.plan.streams]
    if part.plan.first >= 0 or part.plan.last >= 0:
        walks.append(walker.clock())
    for first, stop in walker.blocks(walker.cards):
        raw = np.empty((part.plan.width, stop - first), np.int64)
        for walk in walks:
            walk(first, stop, raw)
        asks = np.flatnonzero(walker.cards.column("asks")[first:stop] == 1)
        out = Result(part, asks.size)
        out.take(0, asks.size, raw.take(asks, axis=1))
        yield out.frame(np.array(walker.cards.column("seq")[first:stop])[asks])
