"""A card whose cells are what their columns want, read without a look at each of them alone.

Correct means: what `read` takes, it takes as each column's `Reader.one` takes it; anything else it leaves to those.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from cardrisk.tables.cells import Fault
from cardrisk.tables.choices import Choice
from cardrisk.tables.contracts import Column, Contract
from cardrisk.tables.headers import known_header, shown_header, zone_of_header
from cardrisk.tables.instants import EARLIEST, EPOCH, LATEST
from cardrisk.tables.money import Money
from cardrisk.tables.numbers import Number
from cardrisk.tables.text import Text, is_plain
from cardrisk.tables.times import NAMED_EPOCH, Time

One: TypeAlias = Callable[[object, tzinfo | None], Any]
Odd: TypeAlias = tuple[tuple[str, One], ...]
Cells: TypeAlias = Callable[[Mapping[str, Any]], tuple[Any, ...]]

_FIRST_YEAR: Final = EARLIEST.year
_YEAR_AFTER: Final = LATEST.year
_NAMED_UTC: Final = NAMED_EPOCH.tzinfo
_LONGEST: Final = 128
_PLAIN: Final = rf"[0-9A-Za-z](?:[0-9A-Za-z_:-]{{5,{_LONGEST - 1}}}|[0-9A-Za-z]?|\d{{0,2}}(?:\.\d{{1,3}}){{3}})"
"""What most names, regions and addresses are: `is_plain` holds for each of them."""
_EXACT: Final = 2**53
_clock: Final = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:[0-5]\d)", re.ASCII
).fullmatch
"""How software writes a time with its zone."""


_MOST_LABELS: Final = 1_024
_MOST_WORDS: Final = 4_096


class Shape(NamedTuple):
    """How cards of one sequence of labels and types are read: their columns by how they are, each with its reader.

    Attributes
    ----------
    labels
        Column to label in contract order; None where the labels are the columns' names in that order already.
    texts
        Columns that hold texts, and the longest that each may be.
    all_texts, all_plain
        Gives a card's texts; and whether as many, a line each, are plain.
    words
        Columns that hold words, and what gives the value that a word means.
    all_words, meant
        Gives a card's words; and by the words of a card seen before, which of them mean another value, and which.
    times
        Columns that hold moments.
    amounts
        Columns that hold numbers, and the least, the most, and whether it is money.
    others
        Columns without a quick way.
    whole
        Whether nothing is missing where every cell holds a value.
    """

    labels: tuple[tuple[str, Any], ...] | None
    texts: tuple[tuple[str, int, One], ...]
    all_texts: Cells
    all_plain: Callable[[str], object]
    words: tuple[tuple[str, Callable[[str], Any], One], ...]
    all_words: Cells
    meant: dict[tuple[Any, ...], dict[str, Any]]
    times: tuple[tuple[str, One], ...]
    amounts: tuple[tuple[str, float, float, bool, One], ...]
    others: Odd
    whole: bool

    @classmethod
    def of(
        cls, columns: Sequence[Column], types: Sequence[type], labels: tuple[tuple[str, Any], ...] | None, whole: bool
    ) -> "Shape":
        """Sort columns by how they are read; ``types`` are those of their cells."""
        texts, words, times, amounts, others = found = ([], [], [], [], [])  # type: ignore[var-annotated]
        for column, kind in zip(columns, types, strict=True):
            name, reader, one = column.name, column.reader, column.reader.one
            if kind is str and isinstance(reader, Text) and not reader.words and reader.longest >= _LONGEST:
                texts.append((name, reader.longest, one))
            elif kind is str and isinstance(reader, Text) and reader.words:
                words.append((name, reader.words.get, one))
            elif kind is str and isinstance(reader, Choice):
                words.append((name, {value: value for value in reader.exact}.get, one))
            elif kind is datetime and isinstance(reader, Time):
                times.append((name, one))
            elif kind is str and isinstance(reader, Time):
                others.append((name, _time_by(one)))
            elif kind in (int, float) and isinstance(reader, Money):
                amounts.append((name, 0.0, reader.most, True, one))
            elif kind in (int, float) and isinstance(reader, Number):
                amounts.append((name, reader.low, reader.high, False, one))
            else:
                others.append((name, one))
        texts_, words_, times_, amounts_, others_ = map(tuple, found)
        all_texts, all_words = _cells(texts_), _cells(words_)
        plain = _plain_lines(len(texts_))
        return cls(labels, texts_, all_texts, plain, words_, all_words, {}, times_, amounts_, others_, whole)


@cache
def _plain_lines(count: int) -> Callable[[str], object]:
    """Return what tells whether so many texts, a line each, are plain; one that holds a line break makes one more."""
    return re.compile(rf"{_PLAIN}(?:\n{_PLAIN}){{{count - 1}}}" if count else "", re.ASCII).fullmatch


def _cells(columns: Sequence[tuple[Any, ...]]) -> Cells:
    """Return what gives the cells of columns, which begin with their names, as a tuple."""
    names = [column[0] for column in columns]
    if len(names) > 1:
        return itemgetter(*names)
    return lambda card: tuple(card[name] for name in names)


class Quick(NamedTuple):
    """A contract laid out for `read`.

    Attributes
    ----------
    contract
        The contract.
    places
        Each column's place in it.
    required, entities
        Columns that must be there; columns of which one must be, where there are any.
    meant
        The column that a label seen before means, None where it means none.
    shapes
        By the labels and then the types of the cells of a card seen before.
    """

    contract: Contract
    places: Mapping[Any, int]
    required: tuple[str, ...]
    entities: tuple[str, ...]
    meant: dict[str, str | None]
    shapes: dict[tuple[Any, ...], Shape]

    @classmethod
    def of(cls, contract: Contract) -> "Quick":
        """Lay out a contract."""
        places = {column.name: place for place, column in enumerate(contract.columns)}
        return cls(contract, places, contract.required, contract.entities, {}, {})

    def whole(self, known: Callable[[str], Any]) -> bool:
        """Whether nothing is missing; ``known`` gives None for a column that is not known."""
        if any(known(name) is None for name in self.required):
            return False
        return not self.entities or any(known(name) is not None for name in self.entities)


def read(card: Mapping[str, Any], quick: Quick, zone: tzinfo | None) -> dict[str, Any] | None:
    """Read a card.

    A service finds the processor's caches full of other things, and then code costs by its size: few functions, and
    few steps a column. What depends on the types of cells alone is seen to once, in `Shape`.

    Returns
    -------
    dict or None
        Its columns in contract order, None for null; None where a cell breaks a rule, where something is missing, or
        where two names mean one column.

    Raises
    ------
    Exception
        Anything that reading an odd cell raises.
    """
    shape = quick.shapes.get((*card, *map(type, card.values()))) or _shape(card, quick)
    if shape is None:
        return None
    labels, texts, all_texts, all_plain, words, all_words, meant, times, amounts, others, whole = shape
    checked = dict(card) if labels is None else {name: card[label] for name, label in labels}
    odd = others  # columns with a cell that its quick way does not take
    if not all_plain("\n".join(all_texts(checked))):
        odd += _odd_texts(checked, texts)
    given = all_words(checked)
    changed = meant.get(given)
    if changed is None:
        odd += _odd_words(checked, given, words, meant)
    elif changed:
        checked |= changed
    for name, one in times:
        value = checked[name]
        its_zone = value.tzinfo
        if its_zone is _NAMED_UTC:
            value = checked[name] = EPOCH + (value - NAMED_EPOCH)  # `replace` takes forty times as long
        elif its_zone is not UTC:
            odd += ((name, one),)
            continue
        if not _FIRST_YEAR <= value.year < _YEAR_AFTER:
            odd += ((name, one),)
    for name, low, high, is_money, one in amounts:
        value = checked[name]
        if type(value) is int and -_EXACT < value < _EXACT:
            value = float(value)
        if type(value) is not float or not low <= value <= high:
            odd += ((name, one),)
        else:
            checked[name] = round(value * 100.0) / 100.0 if is_money else value
    return checked if whole and (not odd or _read_odd(checked, odd, zone, quick)) else None


def _odd_texts(checked: Mapping[str, Any], texts: Sequence[tuple[str, int, One]]) -> Odd:
    """Return the columns whose texts reading could change."""
    return tuple(
        (name, one) for name, longest, one in texts if len(checked[name]) > longest or not is_plain(checked[name])
    )


def _odd_words(
    checked: dict[str, Any],
    given: tuple[Any, ...],
    words: Sequence[tuple[str, Callable[[str], Any], One]],
    meant: dict[tuple[Any, ...], dict[str, Any]],
) -> Odd:
    """Write what words mean, kept for the next card; where one is in no list, return all their columns instead."""
    found = {name: meaning(word) for (name, meaning, _), word in zip(words, given, strict=True)}
    if None in found.values():
        return tuple((name, one) for name, _, one in words)
    if len(meant) >= _MOST_WORDS:
        meant.clear()
    meant[given] = {name: value for (name, value), word in zip(found.items(), given, strict=True) if value != word}
    checked |= found
    return ()


def _read_odd(checked: dict[str, Any], odd: Odd, zone: tzinfo | None, quick: Quick) -> bool:
    """Read cells as their columns do; returns whether none breaks a rule, and none that is null leaves a gap."""
    missing = False
    for name, one in odd:
        checked[name] = found = one(checked[name], zone)
        if type(found) is Fault:
            return False
        missing = missing or found is None
    return not missing or quick.whole(checked.get)


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
    columns, types = [quick.contract.columns[quick.places[name]] for name in names], map(type, card.values())
    of_label = dict(zip(card, types, strict=True))
    shape = Shape.of(columns, [of_label[found[name]] for name in names], labels, quick.whole(found.get))
    if known:  # a label that is kept nowhere else is not kept here
        if len(quick.shapes) >= _MOST_LABELS:
            quick.shapes.clear()
        quick.shapes[*card, *of_label.values()] = shape
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


def _time_by(one: One) -> One:
    """Return a reader of times given as text: as software writes them, or as ``one`` reads any other."""

    def read_time(value: Any, zone: tzinfo | None) -> Any:
        if _clock(value):
            found = datetime.fromisoformat(value).astimezone(UTC)
            if _FIRST_YEAR <= found.year < _YEAR_AFTER:
                return found
        return one(value, zone)

    return read_time
