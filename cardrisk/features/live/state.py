"""All of history in growing tables and two dictionaries; what leaves the horizon leaves memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from struct import Struct
from typing import Any, Final

import numpy as np
from numba.core import types

from cardrisk.features import rings
from cardrisk.features.arrays import DAY, F64, HORIZON, I64, NEVER, NULL
from cardrisk.features.live import book as at_
from cardrisk.features.live import layout as in_
from cardrisk.features.live import lookup, steps
from cardrisk.features.live.coding import Coding
from cardrisk.features.live.context import build_rings
from cardrisk.features.live.handing import Answer, Card
from cardrisk.features.live.layout import Layout

_WHOLE: Final = (types.int64, types.int64)
SMALLEST: Final = 1_024
"""Rows that a table begins with; a power of two, as every size is."""
NOTHING: Final = np.zeros(0)
"""What is read where nothing is asked."""
ALONE: Final = np.zeros(0, np.int64)
"""No fact of cards handed in together: the card came alone."""


class LiveState:
    """Cards, answers and entities of the last 90 days, and running sums over them.

    Parameters
    ----------
    layout
        What the declarations need.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.book = at_.empty()
        self._at: int = self.book.ctypes.data
        self.coding = Coding(self.book)
        self.by_id: dict[Any, int] = {}
        self.names: deque[Any] = deque()
        self.first_card = self.next_card = self.events = 0
        self.now = NULL
        self._tables: dict[int, Any] = {}
        self._card_width, self._answer_width = layout.card_width, layout.answer_width
        self._declare()
        self._begin()
        codes, numbers = len(layout.handed.columns), len(layout.handed.numbers)
        card: Any = np.zeros(1 + codes + numbers, np.int64)
        answer: Any = np.zeros(steps.A_CODES + len(layout.handed.said_columns), np.int64)
        self._out = np.zeros(len(layout.features))
        for page, row in (
            (at_.GIVEN_CARD, card),
            (at_.GIVEN_ANSWER, answer),
            (at_.OVER, np.full(len(layout.facts), NEVER, np.int64)),
            (at_.OUT, self._out),
        ):
            self._put(page, row)
        self._step, self._answered = made_ready(steps.step), self._out.copy
        self._pack_card: Callable[..., None] = partial(Struct(f"{card.size}q").pack_into, card, 0)
        self._pack_answer: Callable[..., None] = partial(Struct(f"{answer.size}q").pack_into, answer, 0)
        self._ring: tuple[int, int] = (NULL, 0)
        self._settled = (NULL, NULL) if self._tables[at_.RING_COLUMNS].size else (NULL, NEVER)

    def _put(self, page: int, values: Any) -> None:
        made: Any = np.ascontiguousarray(values)
        self._tables[page] = made
        at_.write(self.book, page, made)
        if page == at_.CARDS:  # single cells are read faster through these
            self._card_cells, self._card_mask = memoryview(made.reshape(-1)), len(made) - 1
        elif page == at_.ANSWERS:
            self._answer_cells, self._answer_mask = memoryview(made.reshape(-1)), len(made) - 1

    def _declare(self) -> None:
        layout, handed = self.layout, self.layout.handed
        ringed = any(name.startswith("ring ") for name in layout.facts)
        linked = [handed.columns.index(column) for column in rings.COLUMNS] if ringed else []
        single = [feature.dtype == "float32" for feature in layout.features]
        for page, values in (
            (at_.KEYS, layout.key_table),
            (at_.STREAMS, layout.streams),
            (at_.SPANS, layout.spans),
            (at_.CHANNELS, layout.channels),
            (at_.SIZES, layout.sizes),
            (at_.SLOT_SIZE, layout.slot_size),
            (at_.PARTS, layout.parts),
            (at_.DISTINCTS, layout.distincts),
            (at_.WEIGHTS, handed.weights),
            (at_.SAID_WEIGHTS, handed.said_weights),
            (at_.FACTS, handed.facts),
            (at_.RING_COLUMNS, np.array(linked, np.int64)),
            (at_.OPS, layout.ops),
            (at_.ARGUMENTS, layout.arguments),
            (at_.CONSTANTS, layout.constants),
            (at_.SINGLE, np.array(single, np.int64)),
        ):
            self._put(page, values)

    def _begin(self) -> None:
        layout, keys = self.layout, len(self.layout.keys)
        counts = np.zeros(at_.FREE_SLOTS + keys, np.int64)
        counts[at_.FREE_SLOTS :] = -1
        largest = int(layout.sizes[in_.LARGEST_SLOT])
        total = int(layout.slot_size.sum())
        for page, shape in (
            (at_.M, max(1 << 12, 1 << total.bit_length())),
            (at_.CARDS, (SMALLEST, layout.card_width)),
            (at_.ANSWERS, (SMALLEST, layout.answer_width)),
            (at_.NODES, (SMALLEST, layout.node_width)),
            (at_.NODES_READ, (SMALLEST, layout.node_width)),
            (at_.SLOTS, 4 * SMALLEST),
            (at_.PAIRS, 4 * SMALLEST),
            (at_.SCRATCH, largest),
            (at_.ASKED, keys),
            (at_.RAW, max(layout.raw_width, 1)),
        ):
            self._put(page, np.zeros(shape, np.int64))
        self._put(at_.COUNTS, counts)
        self._put_rings(ALONE, np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros((1, 3), np.int64))

    def _put_rings(self, values: I64, parent: I64, degree: I64, stats: I64) -> None:
        self._put(at_.RING_VALUES, values)
        self._put(at_.RING_PARENT, parent)
        self._put(at_.RING_DEGREE, degree)
        self._put(at_.RING_STATS, stats)

    def read(self, card: Card, t: int, over: I64 = ALONE) -> F64:
        """Return a card's number features as known before ``t``; changes nothing.

        Parameters
        ----------
        card
            The card.
        over
            Facts of cards handed in together, shape (facts,), ``NEVER`` where the card's own stands.
        """
        self._see_to_rings(t)
        _, values, numbers = card
        self._pack_card(t, *self.coding.seen(values), *numbers)
        self._take_step(steps.READ, over)
        return self._answered()

    def _take_step(self, what: int, over: I64) -> int:
        """Take a step with the card on its page, handed in with others; returns what is left to do."""
        if over is ALONE:
            return self._step(self._at, what)
        page = self._tables[at_.OVER]
        page[:] = over
        status = self._step(self._at, what)
        page[:] = NEVER
        return status

    def take(self, card: Card, t: int, over: I64 = ALONE, reads: bool = True) -> F64:
        """Read a card as :meth:`read` does, where asked, and let it become history at ``t``, no earlier than any."""
        if reads and not self._settled[0] <= t < self._settled[1]:
            self._see_to_rings(t)
        name, values, numbers = card
        self._pack_card(t, *self.coding.of(values), *numbers)
        what = steps.TAKE if reads else steps.PUSH
        status = self._step(self._at, what) if over is ALONE else self._take_step(what, over)
        if name is not None:
            self.by_id[name] = self.next_card
        self.names.append(name)
        self.next_card += 1
        self.events += 1
        self.now = t
        if status:
            self._settle()
        return self._answered() if reads else NOTHING

    def answer(self, number: int, answer: Answer, handed: int) -> None:
        """Let an answer of a card, handed over at ``handed``, become known."""
        _, said, grade, cause, values = answer
        if values:
            self._pack_answer(number, handed, said, grade, cause, *self.coding.of(values))
        else:
            self._pack_answer(number, handed, said, grade, cause)
        self.events += 1
        if handed > self.now:
            self.now = handed
        if self._step(self._at, steps.SAY):
            self._settle()

    def run(self, order: I64, cards: I64, answers: I64, names: Iterable[Any], now: int) -> None:
        """Take in many events at once, as :meth:`take` and :meth:`answer` would one by one.

        Parameters
        ----------
        order, cards, answers
            What :func:`cardrisk.features.live.steps.run` finds on their pages.
        names
            The cards' names, in order.
        now
            The latest moment known afterwards.
        """
        for name in names:
            if name is not None:
                self.by_id[name] = self.next_card
            self.names.append(name)
            self.next_card += 1
        self.events += len(order)
        self.now = max(self.now, now)
        pages = at_.ORDER, at_.GIVEN_CARDS, at_.GIVEN_ANSWERS
        for page, values in zip(pages, (order, cards, answers), strict=True):
            self._put(page, values)
        done = 0
        while done < len(order):
            done = steps.run(self._at, done)
            self._settle()
        for page in pages:
            self._put(page, ALONE)

    def knows(self, name: Any, t: int) -> bool:
        """Whether a card of this ``submission_id`` is history still at ``t``."""
        number = self.by_id.get(name)
        return number is not None and self.time_of(number) >= t - HORIZON

    def time_of(self, number: int) -> int:
        """Return the moment from which a card counts."""
        moment: int = self._card_cells[(number & self._card_mask) * self._card_width + in_.TIME]
        return moment

    def stands(self, number: int, grade: int, said: int) -> bool:
        """Whether a card's last answer has this grade and says this moment."""
        answer: int = self._card_cells[(number & self._card_mask) * self._card_width + in_.ANSWER]
        if answer < 0:
            return False
        place, cells = (answer & self._answer_mask) * self._answer_width, self._answer_cells
        found: bool = cells[place + in_.GRADE] == grade and cells[place + in_.SAID] == said
        return found

    def _settle(self) -> None:
        """See to what a step left to do: forget names and values that are gone, and make room."""
        counts = self._tables[at_.COUNTS]
        first = int(counts[at_.FIRST_CARD])
        for number in range(self.first_card, first):
            name = self.names.popleft()
            if name is not None and self.by_id.get(name) == number:
                del self.by_id[name]
        self.first_card = first
        self.coding.forget(self.coding.dead[: counts[at_.DEAD_USED]].tolist())
        counts[at_.DEAD_USED] = 0
        self._make_room(counts)

    def _make_room(self, counts: I64) -> None:
        for page, start, stop in (
            (at_.CARDS, at_.FIRST_CARD, at_.NEXT_CARD),
            (at_.ANSWERS, at_.FIRST_ANSWER, at_.NEXT_ANSWER),
        ):
            if counts[stop] - counts[start] >= len(self._tables[page]):
                self._put(page, _grown(self._tables[page], int(counts[start]), int(counts[stop])))
        m, nodes = self._tables[at_.M], self._tables[at_.NODES]
        if counts[at_.M_USED] + self.layout.slot_size.sum() > len(m):
            self._put(at_.M, np.concatenate([m, np.zeros_like(m)]))
        if nodes[0, in_.USED] + len(self.layout.streams) >= len(nodes):
            self._put(at_.NODES, np.concatenate([nodes, np.zeros_like(nodes)]))
            self._put(at_.NODES_READ, np.zeros((2 * len(nodes), nodes.shape[1]), np.int64))
        sizes, slots, pairs = self.layout.sizes, self._tables[at_.SLOTS], self._tables[at_.PAIRS]
        if 2 * (counts[at_.SLOTS_USED] + len(self.layout.keys)) > len(slots):
            self._grow(at_.SLOTS)
        if 2 * (counts[at_.PAIRS_USED] + sizes[in_.N_DISTINCT]) > len(pairs):
            self._grow(at_.PAIRS)

    def _grow(self, page: int) -> None:
        """Give a hash table twice the places."""
        old = self._tables[page]
        self._put(page, np.zeros(2 * len(old), np.int64))
        lookup.enter(self._at, page, old.ctypes.data, len(old))

    def _see_to_rings(self, t: int) -> None:
        """Build the rings of the day of ``t``, unless they stand and nothing can have come to them since."""
        day = t - t % DAY
        if self._settled[0] <= t < self._settled[1] or self._ring == (day, self.events):
            return
        self._ring = day, self.events
        self._settled = (day, day + DAY) if self.now >= day else (NULL, NULL)
        self._put_rings(*build_rings(self._at, day))


def made_ready(function: Any) -> Callable[[int, int], int]:
    """Return a compiled function of two whole numbers without numba's question for their kinds at every call."""
    if not function.signatures:
        function.compile(_WHOLE)
    found: Callable[[int, int], int] = function.get_overload(_WHOLE)
    return found


def _grown(table: I64, first: int, stop: int) -> I64:
    """Return a ring of twice the rows with every row where its number says."""
    larger = np.zeros((2 * len(table), table.shape[1]), np.int64)
    numbers = np.arange(first, stop)
    larger[numbers & (len(larger) - 1)] = table[numbers & (len(table) - 1)]
    return larger
