"""A card whose cells are what their columns want, read without a look at each of them alone.

Correct means: what `read` takes, it takes as each column's `Reader.one` takes it; anything else it leaves to those.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple, TypeAlias

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


TEXT, WORD, TIME, MONEY, NUMBER = range(5)
Straight: TypeAlias = Mapping[str, tuple[int, int, Any, Any]]
"""By column: its place in the contract, how it is read, and what that needs."""


def straight_of(columns: Sequence[Column]) -> Straight:
    """Lay out columns for `read_straight`; those that have no quick way are left out."""
    found: dict[str, tuple[int, int, Any, Any]] = {}
    for place, column in enumerate(columns):
        reader = column.reader
        if isinstance(reader, Text):
            found[column.name] = (
                place,
                *((WORD, reader.words.get, None) if reader.words else (TEXT, reader.longest, None)),
            )
        elif isinstance(reader, Choice):
            found[column.name] = place, WORD, {value: value for value in reader.exact}.get, None
        elif isinstance(reader, Time):
            found[column.name] = place, TIME, None, None
        elif isinstance(reader, Money):
            found[column.name] = place, MONEY, 0.0, reader.most
        elif isinstance(reader, Number):
            found[column.name] = place, NUMBER, reader.low, reader.high
    return found


def read_straight(card: dict[str, Any], columns: Straight) -> dict[str, Any] | None:
    """Read a card whose columns stand in contract order and whose cells are all what their columns want.

    Cards of a service may lack any of thirty columns: what is laid out by column is one for all of them, and more of
    it is at hand than of what is laid out by shape.

    Returns
    -------
    dict or None
        As `read` gives it; None for a card that is not so.
    """
    checked = dict(card)
    before = -1
    for name, value in card.items():
        column = columns.get(name)
        if column is None:
            return None
        place, how, low, high = column
        if place <= before:
            return None
        before = place
        if how == TEXT:
            if type(value) is not str or len(value) > low:
                return None
            if not (value.isalnum() and value.isascii() and not 2 < len(value) < 6) and not _surely_plain(value):
                return None  # no word for null is alphanumeric and of another length
            continue
        if how == WORD:
            found = low(value) if type(value) is str else None
        else:
            found = _quick_time(value) if how == TIME else _quick_amount(value, how, low, high)
        if found is None:
            return None
        checked[name] = found
    return checked


class Shape(NamedTuple):
    """What does not depend on a card's values, for cards of the same columns.

    Attributes
    ----------
    names, ordered
        The columns in contract order; whether a card has them in this order.
    readers
        Each column's reader, for what the quick ways do not take.
    texts, longest
        Columns of text, and how long all of them may be.
    words
        Columns of words, each with what finds the value that a word stands for.
    times, money, numbers
        Columns of times; of amounts, with the largest; of numbers, with the least and the largest.
    others
        Columns that have no quick way.
    """

    names: tuple[str, ...]
    ordered: bool
    readers: Mapping[str, One]
    texts: tuple[str, ...]
    longest: int
    words: tuple[tuple[str, Callable[[Any], Any]], ...]
    times: tuple[str, ...]
    money: tuple[tuple[str, float], ...]
    numbers: tuple[tuple[str, float, float], ...]
    others: tuple[str, ...]


def shape_of(names: Sequence[str], columns: Sequence[Column]) -> Shape:
    """Lay out cards that have ``names`` in their order, all of them ``columns``; those in contract order."""
    readers = {column.name: column.reader for column in columns}
    texts = {name: reader for name, reader in readers.items() if isinstance(reader, Text)}
    words = {name: reader.words.get for name, reader in texts.items() if reader.words}
    choices = {name: reader for name, reader in readers.items() if isinstance(reader, Choice)}
    words |= {name: {value: value for value in reader.exact}.get for name, reader in choices.items()}
    plain = tuple(name for name in texts if name not in words)
    times = tuple(name for name, reader in readers.items() if isinstance(reader, Time))
    money = tuple((name, reader.most) for name, reader in readers.items() if isinstance(reader, Money))
    numbers = tuple((n, reader.low, reader.high) for n, reader in readers.items() if isinstance(reader, Number))
    seen = {*texts, *words, *times, *(name for name, *_ in (*money, *numbers))}
    return Shape(
        tuple(readers),
        tuple(readers) == tuple(names),
        {name: reader.one for name, reader in readers.items()},
        plain,
        min((texts[name].longest for name in plain), default=0),
        tuple(words.items()),
        times,
        money,
        numbers,
        tuple(name for name in readers if name not in seen),
    )


def read(card: Mapping[str, Any], shape: Shape, zone: tzinfo | None) -> dict[str, Any] | None:
    """Read a card of a shape.

    A service finds the processor's caches full of other things, and then code costs by its size: few functions.

    Returns
    -------
    dict or None
        Its columns in contract order, None for null; None where a cell breaks a rule.

    Raises
    ------
    Exception
        Anything that reading an odd cell raises.
    """
    checked = dict(card) if shape.ordered else {name: card[name] for name in shape.names}
    odd = [*shape.others]
    _read_texts(checked, shape, odd)
    _read_amounts(checked, shape, odd)
    for name in odd:
        found = shape.readers[name](checked[name], zone)
        if type(found) is Fault:
            return None
        checked[name] = found
    return checked


def _read_texts(checked: dict[str, Any], shape: Shape, odd: list[str]) -> None:
    """Read texts and words in place; add to ``odd`` the names of those that have to be looked at."""
    longest = shape.longest
    for name in shape.texts:
        value = checked[name]
        if type(value) is not str or len(value) > longest or not (_surely_plain(value) or is_plain(value)):
            odd.append(name)
    for name, known in shape.words:
        value = checked[name]
        found = known(value) if type(value) is str else None
        if found is None:
            odd.append(name)
        else:
            checked[name] = found


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


def _read_amounts(checked: dict[str, Any], shape: Shape, odd: list[str]) -> None:
    """Read times, money and numbers, as `_read_texts`."""
    for name in shape.times:
        found = _quick_time(checked[name])
        if found is None:
            odd.append(name)
        else:
            checked[name] = found
    for name, high in shape.money:
        value = checked[name]
        if type(value) is float and 0.0 <= value <= high:
            checked[name] = round(value * 100.0) / 100.0
        else:
            odd.append(name)
    for name, low, high in shape.numbers:
        value = checked[name]
        if type(value) is not float or not low <= value <= high:
            odd.append(name)
