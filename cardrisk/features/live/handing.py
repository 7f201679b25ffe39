"""What of a card or an answer the tables need, taken out of its columns before anything is stored.

Correct when an event that cannot be read is refused here, whole, with the column's name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias

from cardrisk.errors import InputError
from cardrisk.features.arrays import NEVER, NULL
from cardrisk.features.columns import LARGEST
from cardrisk.features.events import GRAVITY
from cardrisk.features.live.facts import Handed
from cardrisk.features.live.values import SCALED, TIMES, Row, micros, number_of, part_of, plain, scale_of, scaled

FAILURE: Final = GRAVITY["partial"]
"""The grade from which an answer is a failure: only failures are told apart by cause and message."""

Card: TypeAlias = tuple[Any, Sequence[Any], list[int]]
"""A card: its ``submission_id`` (None: unknown), values to be coded (an unknown one as it came), whole numbers."""
Answer: TypeAlias = tuple[Any, int, int, int, Sequence[Any]]
"""An answer: whose, the moment that it says, how grave it is, which cause (-1: another), values to be coded."""


class Reader:
    """Takes out what a layout needs.

    Parameters
    ----------
    handed
        What that is.
    """

    def __init__(self, handed: Handed) -> None:
        self._texts = [column for column in handed.columns if column not in TIMES]
        self._all_texts = itemgetter(*self._texts) if len(self._texts) > 1 else None
        place = {name: i for i, name in enumerate(handed.numbers)}  # most moments are numbers too: read once
        self._times = [(column, place.get(f"time {column}", -1)) for column in handed.columns if column in TIMES]
        self._numbers = [number_of(name) for name in handed.numbers]
        self._scaled = [(name.split(" ", 1)[1], scale_of(name)) for name in handed.numbers if name.startswith(SCALED)]
        self._others = self._numbers[len(self._scaled) :]
        self._of_number = [name.split(" ", 1)[1] for name in handed.numbers]
        self._said = handed.said_columns
        self._causes = {cause: i for i, cause in enumerate(handed.causes)}
        self._unknown = [None] * len(self._said)

    def card(self, card: Row) -> Card:
        """Take out of a card what is needed.

        Raises
        ------
        InputError
            If a value cannot be read; its column is named.
        """
        try:
            name = card.get("submission_id")
            if type(name) is not str and type(name) is not int:
                name = plain(name)
                hash(name)
            get = card.get
            values = tuple(map(get, self._texts)) if self._all_texts is None else self._values(card)
            hash(values)  # TypeError where one cannot be compared
            numbers = []
            for column, scale in self._scaled:  # what `scaled` does, without a call for what most numbers are
                value = get(column)
                if type(value) is float and -LARGEST < (times := value * scale) < LARGEST:
                    numbers.append(round(times))
                else:
                    numbers.append(NULL if value is None else scaled(value, scale))
            for number in self._others:
                numbers.append(number(card))  # noqa: PERF401 - a comprehension is a call of its own
            for column, place in self._times:
                given = get(column)
                moment = NULL if given is None else numbers[place] if place >= 0 else micros(given)
                values += (None if moment == NULL else moment,)
            return name, values, numbers
        except (TypeError, ValueError, OverflowError, AttributeError) as reason:
            raise self._told(card) from reason

    def _values(self, card: Row) -> tuple[Any, ...]:
        """Return the values of a card that are coded, moments left out; half the time, where no column is missing."""
        if type(card) is dict and self._all_texts is not None:
            try:
                values: tuple[Any, ...] = self._all_texts(card)
                return values
            except KeyError:
                self._all_texts = None  # whoever leaves a column out will do so again
        return tuple(map(card.get, self._texts))

    def answer(self, answer: Row) -> Answer:
        """Take out of an answer what is needed; raises InputError as :meth:`card` does."""
        try:
            name = answer.get("submission_id")
            if type(name) is not str and type(name) is not int:
                name = plain(name)
                hash(name)
            status: Any = answer.get("status")
            grade = GRAVITY.get(status)
            if grade is None:
                grade = GRAVITY.get(plain(status) or "unknown", 0)
            said: Any = answer.get("answered_at")
            if type(said) is not int or not NULL <= said < NEVER:
                said = micros(said)
            if grade < FAILURE:
                return name, said, grade, -1, self._unknown
            values = [part_of(answer.get(column)) for column in self._said]
            cause = self._causes.get(plain(answer.get("cause")), -1) if self._causes else -1
            return name, said, grade, cause, values
        except (TypeError, ValueError, OverflowError, AttributeError) as reason:
            raise self._told(answer) from reason

    def _told(self, row: Row) -> InputError:
        """Return the error that names the column that cannot be read."""
        readers: list[tuple[str, Callable[[Any], Any]]] = [("submission_id", hash), ("answered_at", micros)]
        readers += [(name, hash) for name in ("status", "cause", *self._said)]
        readers += [(column, part_of) for column in self._texts]
        readers += [(column, micros) for column, _ in self._times]
        for name, number in zip(self._of_number, self._numbers, strict=True):
            readers.append((name, lambda value, name=name, number=number: number({name: value})))  # type: ignore[misc]
        for column, read in readers:
            try:
                read(row.get(column))
            except (TypeError, ValueError, OverflowError, AttributeError):
                kind = type(row.get(column)).__name__
                return InputError(
                    f"expected a text, number, boolean or moment that {column!r} can hold, got a {kind}; "
                    "correct it and hand the event over again"
                )
        return InputError(f"expected an event as a mapping of columns, got a {type(row).__name__}")

    def stored_card(self, card: Row) -> Card:
        """Take out of a stored card what is needed; a value that cannot be read counts as unknown, with a warning.

        Whoever stored it did not need that column: what is stored already must never keep a journal from opening.
        """
        try:
            return self.card(card)
        except InputError as reason:
            return self.card(_readable(card, self.card, reason))

    def stored_answer(self, answer: Row) -> Answer:
        """As :meth:`stored_card`, of an answer."""
        try:
            return self.answer(answer)
        except InputError as reason:
            return self.answer(_readable(answer, self.answer, reason))


def _readable(row: Row, read: Callable[[Row], Any], reason: InputError) -> dict[str, Any]:
    """Return a row without the columns that cannot be read."""
    warnings.warn(f"a stored event holds a value that counts as unknown: {reason}", stacklevel=4)
    kept: dict[str, Any] = {}
    for name, value in row.items():
        try:
            read({name: value})
        except InputError:
            continue
        kept[name] = value
    return kept
