"""From one card's or answer's values to whole numbers: the same numbers that a frame's columns give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cardrisk.errors import InputError
from cardrisk.features.arrays import NULL
from cardrisk.features.columns import LARGEST

Row: TypeAlias = Mapping[str, Any]
Number: TypeAlias = Callable[[Row, int], int]
"""A whole number from a card and its moment."""

TIMES = frozenset({"submitted_at", "received_at", "valid_until", "submitter_registered_at", "answered_at"})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def plain(value: Any) -> Any:
    """Return a value, None where it is unknown (None, NaN, NaT, NA)."""
    if value is None or value is pd.NA or value != value:
        return None
    return value


def micros(value: Any) -> int:
    """Return microseconds since 1970 (UTC), ``NULL`` where unknown; whole numbers are taken as such already.

    Raises
    ------
    InputError
        If the value is no moment.
    """
    if type(value) is int:
        return value
    value = plain(value)
    if value is None:
        return NULL
    if not isinstance(value, dt.datetime):
        try:
            value = pd.Timestamp(value)
        except (TypeError, ValueError) as reason:
            raise InputError(f"expected a moment, got a {type(value).__name__}; give a datetime") from reason
    if isinstance(value, pd.Timestamp):
        value = value.tz_localize("UTC") if value.tzinfo is None else value
        whole: int = value.as_unit("us", round_ok=True).to_datetime64().astype(np.int64).item()
        return whole
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.UTC)
    return int((value - _EPOCH) // dt.timedelta(microseconds=1))


def known_at(card: Row) -> int:
    """Return when a card became known: ``received_at`` where given, else ``submitted_at``."""
    received = micros(card.get("received_at"))
    return micros(card.get("submitted_at")) if received == NULL else received


def scaled(value: Any, scale: int) -> int:
    """Return a number times ``scale``, rounded half to even; ``NULL`` where unknown or beyond reach."""
    value = plain(value)
    if value is None:
        return NULL
    number = float(value) * scale
    return round(number) if abs(number) < LARGEST else NULL


def flag(value: Any) -> int:
    """Return 1 where true or not zero, 0 where false or zero, ``NULL`` where unknown."""
    value = plain(value)
    return NULL if value is None else int(float(value) != 0.0)


def region_mismatch(card: Row, _: int = 0) -> int:
    """Return 1 where used outside its region, 0 where inside, ``NULL`` where either is unknown."""
    issued, used = plain(card.get("region_issued")), plain(card.get("region_of_use"))
    return NULL if issued is None or used is None else int(issued != used)


def number_of(name: str) -> Number:
    """Return the reader of a whole-number fact: ``moment`` or ``cents|time|micro|flag COLUMN``."""
    if name == "moment":
        return lambda card, t: t
    if name == "flag region_mismatch":
        return region_mismatch
    how, column = name.split(" ", 1)
    if how == "time":
        return lambda card, t: micros(card.get(column))
    if how == "flag":
        return lambda card, t: flag(card.get(column))
    scale = 100 if how == "cents" else 1_000_000
    return lambda card, t: scaled(card.get(column), scale)


def weight_of(name: str) -> Number:
    """Return the reader of a submission channel; 0 where its number is unknown."""
    if name == "one":
        return lambda card, t: 1
    if name.startswith("has "):
        has = number_of(name[4:])
        return lambda card, t: int(has(card, t) != NULL)
    if name.startswith("price "):
        return _price("cents " + ("asking_price" if name == "price asking" else "face_value"))
    read = number_of(name)

    def weight(card: Row, t: int) -> int:
        number = read(card, t)
        return 0 if number == NULL else number

    return weight


def _price(name: str) -> Number:
    read, asking, face = number_of(name), number_of("cents asking_price"), number_of("cents face_value")

    def weight(card: Row, t: int) -> int:
        return read(card, t) if asking(card, t) != NULL and face(card, t) > 0 else 0

    return weight


def part_of(column: str) -> Callable[[Row], Any]:
    """Return the reader of a key column or compared value: None where unknown, times as microseconds."""
    if column in TIMES:

        def moment(card: Row) -> Any:
            value = micros(card.get(column))
            return None if value == NULL else value

        return moment

    def text(card: Row) -> Any:
        value = card.get(column)
        return value if type(value) is str else plain(value)

    return text


def entity_of(columns: tuple[str, ...], lenient: tuple[str, ...]) -> Callable[[Row], Any]:
    """Return the reader of a key: the value, a tuple of values, or None where the card names no entity."""
    parts = [part_of(column) for column in columns]
    if not parts:
        return lambda card: ()
    if len(parts) == 1 and not lenient:
        return parts[0]
    strict = tuple(i for i, column in enumerate(columns) if column not in lenient)

    def entity(card: Row) -> Any:
        values = tuple(part(card) for part in parts)
        return None if any(values[i] is None for i in strict) else values

    return entity


def answer_weight_of(name: str) -> Callable[[Row, int], int]:
    """Return the reader of an answer channel, given the answer and its grade."""
    if name == "known":
        return lambda answer, grade: int(grade >= 1)
    if name == "failed":
        return lambda answer, grade: int(grade >= 2)
    if name.startswith("cause "):
        cause = name[6:]
        return lambda answer, grade: int(grade >= 2 and plain(answer.get("cause")) == cause)
    column = name.removeprefix("failed with ")
    return lambda answer, grade: int(grade >= 2 and plain(answer.get(column)) is not None)
