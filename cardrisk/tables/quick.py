"""A card whose cells are what their columns want, read without a look at each of them alone.

Correct means: what `read` takes, it takes as each column's `Reader.one` takes it; anything else it leaves to those.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple, TypeAlias

from cardrisk.tables.cells import NULL_WORDS, Fault
from cardrisk.tables.choices import Choice
from cardrisk.tables.contracts import Column, Contract
from cardrisk.tables.headers import known_header, shown_header, zone_of_header
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
_LONGEST_NULL_WORD: Final = max(map(len, NULL_WORDS))
_EXACT: Final = 2**53
_clock: Final = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:[0-5]\d)", re.ASCII
).fullmatch
"""How software writes a time with its zone."""


OTHER, TEXT, WORD, TIME, MONEY, NUMBER = range(6)
Way: TypeAlias = tuple[int, str, int, Any, Any, One]
"""A column's place in the contract, its name, its quick way, what that needs, and its reader for what the way
does not take."""
_MOST_LABELS: Final = 1_024


class Shape(NamedTuple):
    """How cards of one sequence of labels are read.

    Attributes
    ----------
    ways
        Of the columns that the labels mean, in contract order.
    labels
        The columns' labels in that order; None where the labels are the columns' names in that order already.
    """

    ways: tuple[Way, ...]
    labels: tuple[Any, ...] | None


class Quick(NamedTuple):
    """A contract laid out for `read`.

    Attributes
    ----------
    contract
        The contract.
    ways
        By column.
    meant
        The column that a label seen before means, None where it means none.
    shapes
        By the labels of a card seen before.
    """

    contract: Contract
    ways: Mapping[Any, Way]
    meant: dict[str, str | None]
    shapes: dict[tuple[Any, ...], Shape]

    @classmethod
    def of(cls, contract: Contract) -> "Quick":
        """Lay out a contract."""
        ways = {c.name: (place, c.name, *_way_of(c), c.reader.one) for place, c in enumerate(contract.columns)}
        return cls(contract, ways, {}, {})


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


def read(card: Mapping[str, Any], quick: Quick, zone: tzinfo | None) -> dict[str, Any] | None:
    """Read a card.

    A service finds the processor's caches full of other things, and then code costs by its size: few functions.

    Returns
    -------
    dict or None
        Its columns in contract order, None for null; None where a cell breaks a rule, or where two names mean one
        column.

    Raises
    ------
    Exception
        Anything that reading an odd cell raises.
    """
    shape = quick.shapes.get(tuple(card)) or _shape(card, quick)
    if shape is None:
        return None
    ways, labels = shape
    checked = dict(card) if labels is None else {way[1]: card[label] for way, label in zip(ways, labels, strict=True)}
    for (_, name, how, low, high, one), value in zip(ways, checked.values(), strict=True):
        found = None
        if how == TEXT:
            if (
                type(value) is str
                and len(value) <= low
                and (
                    (len(value) > _LONGEST_NULL_WORD and value.isalnum() and value.isascii())
                    or _surely_plain(value)
                    or is_plain(value)
                )
            ):
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


def _shape(card: Mapping[Any, Any], quick: Quick) -> Shape | None:
    """Return how a card is read, kept for the next one like it; None where two of its labels mean one column."""
    found: dict[str, Any] = {}
    known = True
    for label in card:
        name = label if label in quick.ways else _meaning(label, quick)
        known = known and (label in quick.ways or label in quick.meant)
        if name is not None:
            if name in found:
                return None
            found[name] = label
    names = sorted(found, key=lambda name: quick.ways[name][0])
    labels = tuple(found[name] for name in names)
    shape = Shape(tuple(quick.ways[name] for name in names), None if list(card) == names else labels)
    if known:  # a label that is kept nowhere else is not kept here
        if len(quick.shapes) >= _MOST_LABELS:
            quick.shapes.clear()
        quick.shapes[tuple(card)] = shape
    return shape


def _meaning(label: Any, quick: Quick) -> str | None:
    """Return the column that a label means; kept for the next card, unless it could be somebody's code.

    Raises
    ------
    LookupError
        It names a time zone as well.
    """
    if label in quick.meant:
        return quick.meant[label]
    name = known_header(label, quick.contract)
    if name is not None and zone_of_header(label) is not None:
        raise LookupError
    if type(label) is str and shown_header(label) == label:
        if len(quick.meant) >= _MOST_LABELS:
            quick.meant.clear()
        quick.meant[label] = name
    return name


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
    elif type(value) is not datetime:
        return None
    elif value.tzinfo is not UTC:
        value = named_utc(value)
        if value.tzinfo is not UTC:
            return None
    return value if _FIRST_YEAR <= value.year < _YEAR_AFTER else None
