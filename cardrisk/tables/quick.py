"""A card whose cells are what their columns want, read without a look at each of them alone.

Correct means: what `read` takes, it takes as each column's `Reader.one` takes it; anything else it leaves to those.
"""

import re
from collections.abc import Callable, Mapping, Sequence
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


_MOST_LABELS: Final = 1_024


class Shape(NamedTuple):
    """How cards of one sequence of labels are read: their columns by how they are, each with its reader for the rest.

    Attributes
    ----------
    labels
        Column to label in contract order; None where the labels are the columns' names in that order already.
    texts
        And the longest that each may be.
    words
        And what gives the value that a word means.
    times
        Moments.
    amounts
        And the least, the most, and whether it is money.
    others
        Columns without a quick way.
    """

    labels: tuple[tuple[str, Any], ...] | None
    texts: tuple[tuple[str, int, One], ...]
    words: tuple[tuple[str, Callable[[str], Any], One], ...]
    times: tuple[tuple[str, One], ...]
    amounts: tuple[tuple[str, float, float, bool, One], ...]
    others: tuple[tuple[str, One], ...]

    @classmethod
    def of(cls, columns: Sequence[Column], labels: tuple[tuple[str, Any], ...] | None) -> "Shape":
        """Sort columns by how they are read."""
        texts, words, times, amounts, others = found = ([], [], [], [], [])  # type: ignore[var-annotated]
        for column in columns:
            name, reader, one = column.name, column.reader, column.reader.one
            if isinstance(reader, Text) and not reader.words:
                texts.append((name, reader.longest, one))
            elif isinstance(reader, Text):
                words.append((name, reader.words.get, one))
            elif isinstance(reader, Choice):
                words.append((name, {value: value for value in reader.exact}.get, one))
            elif isinstance(reader, Time):
                times.append((name, one))
            elif isinstance(reader, Money):
                amounts.append((name, 0.0, reader.most, True, one))
            elif isinstance(reader, Number):
                amounts.append((name, reader.low, reader.high, False, one))
            else:
                others.append((name, one))
        return cls(labels, *map(tuple, found))


class Quick(NamedTuple):
    """A contract laid out for `read`.

    Attributes
    ----------
    contract
        The contract.
    places
        Each column's place in it.
    meant
        The column that a label seen before means, None where it means none.
    shapes
        By the labels of a card seen before.
    """

    contract: Contract
    places: Mapping[Any, int]
    meant: dict[str, str | None]
    shapes: dict[tuple[Any, ...], Shape]

    @classmethod
    def of(cls, contract: Contract) -> "Quick":
        """Lay out a contract."""
        return cls(contract, {column.name: place for place, column in enumerate(contract.columns)}, {}, {})


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
    labels, texts, words, times, amounts, others = shape
    checked = dict(card) if labels is None else {name: card[label] for name, label in labels}
    odd = others  # columns with a cell that its quick way does not take
    for name, longest, one in texts:
        value = checked[name]
        if not (
            type(value) is str
            and len(value) <= longest
            and (
                (value.isalnum() and value.isascii() and len(value) > _LONGEST_NULL_WORD)
                or _surely_plain(value)
                or is_plain(value)
            )
        ):
            odd += ((name, one),)
    for name, meaning, one in words:
        value = checked[name]
        found = meaning(value) if type(value) is str else None
        if found is None:
            odd += ((name, one),)
        else:
            checked[name] = found
    for name, one in times:
        found = _quick_time(checked[name])
        if found is None:
            odd += ((name, one),)
        else:
            checked[name] = found
    for name, low, high, is_money, one in amounts:
        value = checked[name]
        if type(value) is int and -_EXACT < value < _EXACT:
            value = float(value)
        if type(value) is not float or not low <= value <= high:
            odd += ((name, one),)
        else:
            checked[name] = round(value * 100.0) / 100.0 if is_money else value
    return checked if not odd or _read_odd(checked, odd, zone) else None


def _read_odd(checked: dict[str, Any], odd: Sequence[tuple[str, One]], zone: tzinfo | None) -> bool:
    """Read cells as their columns do; returns whether none of them breaks a rule."""
    for name, one in odd:
        checked[name] = found = one(checked[name], zone)
        if type(found) is Fault:
            return False
    return True


def _shape(card: Mapping[Any, Any], quick: Quick) -> Shape | None:
    """Return how a card is read, kept for the next one like it; None where two of its labels mean one column."""
    found: dict[str, Any] = {}
    known = True
    for label in card:
        name = label if label in quick.places else _meaning(label, quick)
        known = known and (label in quick.places or label in quick.meant)
        if name is not None:
            if name in found:
                return None
            found[name] = label
    names = sorted(found, key=quick.places.__getitem__)
    labels = None if list(card) == names else tuple((name, found[name]) for name in names)
    shape = Shape.of([quick.contract.columns[quick.places[name]] for name in names], labels)
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
