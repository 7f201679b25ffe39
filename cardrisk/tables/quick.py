"""A card whose cells are what their columns want, read without a look at each of them alone.

Correct means: what `read` takes, it takes as each column's `Reader.one` takes it; anything else it leaves to those.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeAlias

from cardrisk.tables.cells import Fault
from cardrisk.tables.choices import Choice
from cardrisk.tables.contracts import Column
from cardrisk.tables.instants import EARLIEST, LATEST
from cardrisk.tables.money import Money
from cardrisk.tables.numbers import Number
from cardrisk.tables.text import Text, is_plain
from cardrisk.tables.times import Time, named_utc

One: TypeAlias = Callable[[object, tzinfo | None], Any]

_FIRST_YEAR: Final = EARLIEST.year
_YEAR_AFTER: Final = LATEST.year
_surely_plain: Final = re.compile(
    r"[0-9A-Za-z](?:[0-9A-Za-z_:-]{5,}|[0-9A-Za-z]?|\d{0,2}(?:\.\d{1,3}){3})", re.ASCII
).fullmatch
"""What most names, regions and addresses are: `is_plain` holds for each of them."""
_EXACT: Final = 2**53
_clock: Final = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:[0-5]\d)", re.ASCII
).fullmatch
"""How software writes a time with its zone."""


OTHER, TEXT, WORD, TIME, MONEY, NUMBER = range(6)
Quick: TypeAlias = Mapping[str, tuple[int, int, Any, Any, One]]
"""By column: its place in the contract, its quick way, what that needs, and its reader for what that does not take."""


def quick_of(columns: Sequence[Column]) -> Quick:
    """Lay out the columns of a contract for `read`."""
    return {column.name: (place, *_way_of(column), column.reader.one) for place, column in enumerate(columns)}


def _way_of(column: Column) -> tuple[int, Any, Any]:
    reader = column.reader
    if isinstance(reader, Text):
        return (WORD, reader.words.get, None) if reader.words else (TEXT, reader.longest, None)
    if isinstance(reader, Choice):
        return WORD, {value: value for value in reader.exact}.get, None
    if isinstance(reader, Time):
        return TIME, None, None
    if isinstance(reader, Money):
        return MONEY, 0.0, reader.most
    if isinstance(reader, Number):
        return NUMBER, reader.low, reader.high
    return OTHER, None, None


def read(card: Mapping[str, Any], columns: Quick, zone: tzinfo | None) -> dict[str, Any] | None:
    """Read a card under canonical names.

    A service finds the processor's caches full of other things, and then code costs by its size: few functions.

    Returns
    -------
    dict or None
        Its columns in contract order, None for null; None where a name is no column or a cell breaks a rule.

    Raises
    ------
    Exception
        Anything that reading an odd cell raises.
    """
    checked, before = dict(card), -1
    for name, value in card.items():
        column = columns.get(name)
        if column is None:
            return None
        place, how, low, high, one = column
        if place < before:
            return read(_in_order(card, columns), columns, zone)
        before, found = place, None
        if how == TEXT:
            if type(value) is str and len(value) <= low and (_surely_plain(value) or is_plain(value)):
                continue
        elif how == WORD:
            found = low(value) if type(value) is str else None
        elif how == TIME:
            found = _quick_time(value)
        elif how != OTHER:
            found = _quick_amount(value, how, low, high)
        if found is None:
            found = one(value, zone)
            if type(found) is Fault:
                return None
        checked[name] = found
    return checked


def _in_order(card: Mapping[str, Any], columns: Quick) -> dict[str, Any]:
    """Return a card with its columns in contract order; what is no column stands first, where it is met at once."""
    names = sorted(card, key=lambda name: columns[name][0] if name in columns else -1)
    return {name: card[name] for name in names}


def _quick_amount(value: Any, how: int, low: float, high: float) -> float | None:
    """Read a number in its range, money to the cent; None for anything else."""
    if type(value) is int and -_EXACT < value < _EXACT:
        value = float(value)
    if type(value) is not float or not low <= value <= high:
        return None
    return round(value * 100.0) / 100.0 if how == MONEY else value


def _quick_time(value: Any) -> datetime | None:
    """Read a time as software writes it; None for any other."""
    if type(value) is str and _clock(value):
        value = datetime.fromisoformat(value).astimezone(UTC)
    if type(value) is not datetime:
        return None
    found = value if value.tzinfo is UTC else named_utc(value)
    return found if found.tzinfo is UTC and _FIRST_YEAR <= found.year < _YEAR_AFTER else None
