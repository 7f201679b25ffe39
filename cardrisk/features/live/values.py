"""From one card's or answer's values to whole numbers: the same numbers that a frame's columns give."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import FutureEventError, InputError
from cardrisk.features.arrays import NEVER, NULL
from cardrisk.features.columns import LARGEST

Row: TypeAlias = Mapping[str, Any]
Number: TypeAlias = Callable[[Row], int]
"""A whole number from a card."""

TIMES: Final = frozenset({"submitted_at", "received_at", "valid_until", "submitter_registered_at", "answered_at"})
SCALED: Final = ("cents ", "micro ")
"""How the names of numbers begin that are a column's times a scale."""
_DATETIME: Final = dt.datetime
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY: Final = 86_400_000_000


def plain(value: Any) -> Any:
    """Return a value, None where it is unknown (None, NaN, NaT, NA)."""
    if value is None or type(value) is str:  # neither loads pandas
        return value
    return None if value is pd.NA or value != value else value


def micros(value: Any) -> int:
    """Return microseconds since 1970 (UTC), ``NULL`` where unknown; whole numbers are taken as such already.

    Raises
    ------
    InputError
        If the value is no moment.
    """
    if type(value) is int:
        if NULL <= value < NEVER:
            return value
        raise InputError("expected a moment in microseconds since 1970, got a whole number out of reach; convert it")
    if type(value) is _DATETIME and value.tzinfo is not None:
        gone = value - _EPOCH
        return gone.days * _DAY + gone.seconds * 1_000_000 + gone.microseconds
    if value is None:
        return NULL
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
    return micros(dt.datetime.combine(value.date(), value.timetz().replace(tzinfo=value.tzinfo or dt.UTC)))


def known_at(card: Row) -> int:
    """Return when a card became known: ``received_at`` where given, else ``submitted_at``."""
    moment = card.get("received_at")
    if moment is None or (moment := micros(moment)) == NULL:
        moment = card.get("submitted_at")
    return moment if type(moment) is int and NULL <= moment < NEVER else micros(moment)


def too_far(moment: int, ahead: int | None) -> FutureEventError:
    """Return the error of a moment (microseconds) further ahead of this machine's clock than ``ahead``."""
    hours = (moment / 1e6 - time.time()) / 3600
    return FutureEventError(
        f"expected a moment at most {(ahead or 0) / 3.6e9:g} h ahead of this machine's clock, got one "
        f"{hours:.1f} h ahead; correct the clock that set it, or pass ahead=None to replay other times"
    )


def scaled(value: Any, scale: int) -> int:
    """Return a number times ``scale``, rounded half to even; ``NULL`` where unknown or beyond reach."""
    if type(value) is not float:
        value = plain(value)
        if value is None:
            return NULL
    number = float(value) * scale
    return round(number) if -LARGEST < number < LARGEST else NULL


def flag(value: Any) -> int:
    """Return 1 where true or not zero, 0 where false or zero, ``NULL`` where unknown."""
    if type(value) is bool:
        return int(value)
    if value is None:
        return NULL
    value = plain(value)
    return NULL if value is None else int(float(value) != 0.0)


def region_mismatch(card: Row) -> int:
    """Return 1 where used outside its region, 0 where inside, ``NULL`` where either is unknown."""
    issued, used = card.get("region_issued"), card.get("region_of_use")
    if issued is None or used is None:
        return NULL
    if not type(issued) is type(used) is str:
        issued, used = plain(issued), plain(used)
    return NULL if issued is None or used is None else int(issued != used)


def number_of(name: str) -> Number:
    """Return the reader of a whole-number fact: ``cents|time|micro|flag COLUMN``."""
    if name == "flag region_mismatch":
        return region_mismatch
    how, column = name.split(" ", 1)
    if how == "time":
        return lambda card: micros(card.get(column))
    if how == "flag":
        return lambda card: flag(card.get(column))
    scale = scale_of(name)
    return lambda card: scaled(card.get(column), scale)


def scale_of(name: str) -> int:
    """Return what a number of one of the names that begin with ``SCALED`` is multiplied by."""
    return 100 if name.startswith("cents ") else 1_000_000


def moment_of(value: Any) -> int | None:
    """Return a moment in microseconds, None where unknown."""
    found = micros(value)
    return None if found == NULL else found


def part_of(value: Any) -> Any:
    """Return a value of a key column or compared column, None where unknown; TypeError where it cannot be compared."""
    value = plain(value)
    hash(value)
    return value
