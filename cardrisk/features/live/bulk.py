"""Many stored events at once: columns instead of rows, one compiled pass instead of one call an event.

Correct when the tables are, bit for bit, what the same events leave behind one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from cardrisk.errors import InputError
from cardrisk.features.arrays import HORIZON, I64, NULL
from cardrisk.features.columns import LARGEST
from cardrisk.features.live.coding import Coding
from cardrisk.features.live.facts import Handed
from cardrisk.features.live.handing import Answer, Reader
from cardrisk.features.live.orphans import Orphans
from cardrisk.features.live.state import LiveState
from cardrisk.features.live.steps import A_CODES
from cardrisk.features.live.values import TIMES, Row, moment_of, number_of, part_of, plain
from cardrisk.features.stores.base import CARD, Entry

CHUNK: Final = 20_000
"""Events of one pass."""

_TEXTS: Final = frozenset({str, type(None)})
_REALS: Final = frozenset({float, int, bool, type(None)})


def take_in(state: LiveState, orphans: Orphans, reader: Reader, entries: Sequence[Entry]) -> None:
    """Let stored events become history, in their order."""
    plan = _Plan(state, orphans, reader)
    for moment, kind, row, _ in entries:
        if kind == CARD:
            plan.card(row, moment)
        else:
            plan.answer(reader.stored_answer(row), moment)
    if not plan.order:
        return
    handed, coding = state.layout.handed, state.coding
    try:
        cards = _matrix(plan.rows, plan.times, handed, coding)
    except (InputError, TypeError, ValueError, OverflowError, AttributeError):
        cards = _one_by_one(plan.rows, plan.times, reader, handed, coding)
    answers = np.zeros((len(plan.answers), A_CODES + len(handed.said_columns)), np.int64)
    for out, (number, moment, (_, told, grade, cause, values)) in zip(answers, plan.answers, strict=True):
        out[:] = (number, moment, told, grade, cause, *coding.of(values))
    state.run(np.array(plan.order, np.int64), cards, answers, plan.names, entries[-1].moment)


class _Plan:
    """What of a run of events counts, and in which order."""

    def __init__(self, state: LiveState, orphans: Orphans, reader: Reader) -> None:
        self._state, self._orphans = state, orphans
        self._own: dict[Any, tuple[int, int]] = {}
        self.order: list[int] = []
        self.rows: list[Row] = []
        self.times: list[int] = []
        self.names: list[Any] = []
        self.answers: list[tuple[int, int, Answer]] = []

    def _of(self, name: Any, t: int) -> int | None:
        """Return the number of a card that is history at ``t``; None where there is none."""
        number, time = self._own.get(name, (None, NULL))
        if number is None:
            number = self._state.by_id.get(name)
            time = NULL if number is None else self._state.time_of(number)
        return number if number is not None and time >= t - HORIZON else None

    def card(self, row: Row, t: int) -> None:
        """Note a card, unless it came before, and the answers that waited for it."""
        name = row.get("submission_id")
        if type(name) is not str:
            name = plain(name)
        if name is not None and self._of(name, t) is not None:
            return
        number = self._state.next_card + len(self.rows)
        self.order.append(len(self.rows))
        self.rows.append(row)
        self.times.append(t)
        self.names.append(name)
        if name is not None:
            self._own[name] = number, t
        for handed, answer in self._orphans.take(name):
            self._said(number, handed, answer)

    def answer(self, answer: Answer, handed: int) -> None:
        """Note an answer, or let it wait for its card."""
        if answer[0] is None:
            return
        number = self._of(answer[0], handed)
        if number is None:
            self._orphans.add(handed, answer)
        else:
            self._said(number, handed, answer)

    def _said(self, number: int, handed: int, answer: Answer) -> None:
        self.order.append(-1 - len(self.answers))
        self.answers.append((number, handed, answer))


def _matrix(rows: Sequence[Row], times: Sequence[int], handed: Handed, coding: Coding) -> I64:
    """Return cards as they are handed over, column by column."""
    out = np.empty((len(rows), 1 + len(handed.columns) + len(handed.numbers)), np.int64)
    numbers = [_numbers(name, rows) for name in handed.numbers]
    values = [_values(column, rows) for column in handed.columns]  # nothing is coded before all of it could be read
    out[:, 0] = times
    for place, column in enumerate(values, 1):
        out[:, place] = np.fromiter(coding.of(column), np.int64, len(column))
    for place, found in enumerate(numbers, 1 + len(values)):
        out[:, place] = found
    return out


def _one_by_one(rows: Sequence[Row], times: Sequence[int], reader: Reader, handed: Handed, coding: Coding) -> I64:
    out = np.empty((len(rows), 1 + len(handed.columns) + len(handed.numbers)), np.int64)
    for place, (row, t) in enumerate(zip(rows, times, strict=True)):
        _, found, numbers = reader.stored_card(row)
        out[place] = (t, *coding.of(found), *numbers)
    return out


def _values(column: str, rows: Sequence[Row]) -> list[Any]:
    values = [row.get(column) for row in rows]
    if column in TIMES:
        return [moment_of(value) for value in values]
    return values if set(map(type, values)) <= _TEXTS else [part_of(value) for value in values]


def _numbers(name: str, rows: Sequence[Row]) -> Sequence[int] | I64:
    how, column = name.split(" ", 1)
    if how not in ("cents", "micro"):
        read: Callable[[Row], int] = number_of(name)
        return [read(row) for row in rows]
    values = [row.get(column) for row in rows]
    if not set(map(type, values)) <= _REALS:
        read = number_of(name)
        return [read(row) for row in rows]
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    numbers *= 100 if how == "cents" else 1_000_000
    known = np.abs(numbers) < LARGEST
    return np.where(known, np.rint(np.where(known, numbers, 0.0)).astype(np.int64), NULL)
