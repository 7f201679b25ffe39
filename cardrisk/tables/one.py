"""One card against the contract of submissions, as a service gets it.

Correct means: `check_one` gives what `check_submissions` gives for a table of that one card.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import InputError, TimeZoneError
from cardrisk.tables.cells import Fault, safely
from cardrisk.tables.choices import Choice
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Contract
from cardrisk.tables.headers import Headers, match_headers
from cardrisk.tables.instants import DAY_US, EARLIEST, EPOCH, LATEST
from cardrisk.tables.money import Money
from cardrisk.tables.numbers import Number
from cardrisk.tables.reader import Reader
from cardrisk.tables.rules import MISSING_ENTITY, MISSING_REQUIRED, TOTAL_LINE, says_total
from cardrisk.tables.text import Text, is_plain
from cardrisk.tables.times import Time, named_utc, zone_of

_Read: TypeAlias = Callable[[object, tzinfo | None], Any]
_Take: TypeAlias = Callable[[Any], Any]
_Columns: TypeAlias = tuple[tuple[str, _Take, _Read], ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A card or an answer broke a rule.

    Attributes
    ----------
    rule
        The rule's name (see `cardrisk.tables.RULES`).
    column
        The column it broke, empty for a rule about the whole row.
    """

    rule: str
    column: str


def check_one(card: Mapping[str, Any], *, tz: str | tzinfo | None = None) -> dict[str, Any] | Rejected:
    """Check one card.

    Parameters
    ----------
    card
        Column name, canonical or a known alias, to value. A key that is not there means "not known".
    tz
        Zone of times that carry none.

    Returns
    -------
    dict or Rejected
        Canonical columns that were given, in contract order: times as aware UTC datetimes, money in yuan,
        None for not known.

    Raises
    ------
    InputError
        Not a mapping, or two keys for one column.
    TimeZoneError
        A time carries no zone and ``tz`` is not given.
    """
    return _check_one(card, SUBMISSIONS, tz)


def check_one_outcome(outcome: Mapping[str, Any], *, tz: str | tzinfo | None = None) -> dict[str, Any] | Rejected:
    """Check one answer; parameters and result as in `check_one`.

    Raises
    ------
    InputError
        As in `check_one`.
    TimeZoneError
        As in `check_one`.
    """
    return _check_one(outcome, OUTCOMES, tz)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What does not depend on the card: readers in order, required columns, entities."""

    readers: tuple[tuple[str, _Read], ...]
    required: tuple[str, ...]
    entities: tuple[str, ...]
    quick: _Columns
    """Name, quick road of its cells, and the reader."""
    of_names: dict[tuple[str, ...], _Columns | None] = field(default_factory=dict)
    """The part of ``quick`` for the names that a card has, in contract order; None: a name is no column."""


@cache
def _plan(contract: Contract) -> _Plan:
    return _Plan(
        tuple((column.name, column.reader.one) for column in contract.columns),
        contract.required,
        contract.entities,
        tuple((column.name, _quick(column.reader), column.reader.one) for column in contract.columns),
    )


_LATER: Final = object()
"""What a quick road says of a cell that it does not take."""
_iso: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?Z", re.ASCII).fullmatch
_surely_plain: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_:-]{5,}").fullmatch
"""What most names are: `is_plain` holds for each of them."""
_SHAPES: Final = 1_024
"""How many different sets of names are kept at hand; cards of one service have a few."""


def _quick(reader: Reader) -> _Take:
    """Return the quick road of a reader's cells: what a plain cell reads as, or ``_LATER``."""
    if isinstance(reader, Choice):
        return _word({value: value for value in reader.exact})
    if isinstance(reader, Text):
        return _word(reader.words) if reader.words else _text(reader.longest)
    if isinstance(reader, Time):
        return _time
    if isinstance(reader, Money):
        return _money(reader.most)
    return _number(reader.low, reader.high) if isinstance(reader, Number) else lambda _: _LATER


def _word(words: Mapping[str, str]) -> _Take:
    return lambda value: words.get(value, _LATER) if type(value) is str else _LATER


def _text(longest: int) -> _Take:
    def take(value: Any) -> Any:
        if type(value) is str and len(value) <= longest and (_surely_plain(value) or is_plain(value)):
            return value
        return _LATER

    return take


def _time(value: Any) -> Any:
    if type(value) is str and _iso(value):
        value = datetime.fromisoformat(value)  # what it refuses, `_judged` looks at
    if type(value) is datetime:
        value = named_utc(value)
        if value.tzinfo is UTC and EARLIEST <= value < LATEST:
            return value
    return _LATER


def _money(most: float) -> _Take:
    return lambda value: round(value * 100.0) / 100.0 if type(value) is float and 0.0 <= value <= most else _LATER


def _number(low: float, high: float) -> _Take:
    return lambda value: value if type(value) is float and low <= value <= high else _LATER


def _check_one(given: Mapping[str, Any], contract: Contract, tz: str | tzinfo | None) -> dict[str, Any] | Rejected:
    zone = None if tz is None else zone_of(tz)
    clean = _clean(given, _plan(contract), zone) if type(given) is dict else None
    return _judged(given, contract, zone) if clean is None else clean


def _clean(given: dict[str, Any], plan: _Plan, zone: tzinfo | None) -> dict[str, Any] | None:
    """Read a card under canonical names that breaks no rule; None for any other, which `_judged` reads again.

    A cell that is what its column wants is taken here at once, as its reader would take it.
    """
    names = tuple(given)
    columns = plan.of_names[names] if names in plan.of_names else _of_names(names, plan)
    try:
        checked = None if columns is None else _cells(given, columns, zone)
    except Exception:
        return None
    if checked is None:
        return None
    for name in plan.required:
        if checked.get(name) is None:
            return None
    for name in plan.entities:
        if checked.get(name) is not None:
            return checked
    return None if plan.entities else checked


def _cells(given: dict[str, Any], columns: _Columns, zone: tzinfo | None) -> dict[str, Any] | None:
    checked: dict[str, Any] = {}
    for name, take, one in columns:
        value = given[name]
        found = take(value)
        if found is _LATER:
            found = one(value, zone)
            if type(found) is Fault:
                return None
        checked[name] = found
    return checked


def _of_names(names: tuple[str, ...], plan: _Plan) -> _Columns | None:
    columns = tuple(column for column in plan.quick if column[0] in names)
    if len(plan.of_names) >= _SHAPES:
        plan.of_names.clear()
    found = plan.of_names[names] = columns if len(columns) == len(names) else None
    return found


def _judged(given: Mapping[str, Any], contract: Contract, zone: tzinfo | None) -> dict[str, Any] | Rejected:
    cells, headers = _renamed(given, contract)
    zone = zone or headers.zone
    plan = _plan(contract)
    required, entities = plan.required, plan.entities
    checked: dict[str, Any] = {}
    for name, one in plan.readers:
        value = _again(name, one, cells.get(name), headers.zones.get(name, zone))
        if type(value) is Fault:
            return _rejected(given, value.rule, name, contract)
        if value is None and name in required:
            return _rejected(given, MISSING_REQUIRED, name, contract)
        if name in cells:
            checked[name] = value
    if entities and all(checked.get(name) is None for name in entities):
        return Rejected(MISSING_ENTITY, "")
    return checked


def _again(name: str, one: _Read, cell: object, zone: tzinfo | None) -> Any:
    try:
        return safely(one, cell, zone)
    except TimeZoneError as error:
        raise TimeZoneError(f"{name}: {error}") from None


def _renamed(given: Mapping[str, Any], contract: Contract) -> tuple[dict[str, Any], Headers]:
    if not isinstance(given, Mapping):
        raise InputError(f"{contract.name}: expected a mapping of column to value, got {type(given).__name__}")
    labels = list(given)
    headers = match_headers(labels, contract, complete=False)
    return {name: given[labels[place]] for name, place in headers.positions.items()}, headers


def _rejected(given: Mapping[str, Any], rule: str, column: str, contract: Contract) -> Rejected:
    if column in contract.required and any(says_total(cell) for cell in given.values()):
        return Rejected(TOTAL_LINE, "")
    return Rejected(rule, column)


def frame_of(cards: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Give cards as a table whose cells are the very objects handed in.

    pandas' own constructor turns text into Arrow text and fails on broken Unicode; here no cell can raise.

    Parameters
    ----------
    cards
        Column name to value, one mapping per card; a key that a card lacks is null in its row.

    Returns
    -------
    pandas.DataFrame
        Object columns in order of first appearance, one row per card.

    Raises
    ------
    InputError
        Something else than mappings.
    """
    if isinstance(cards, Mapping) or not all(isinstance(card, Mapping) for card in cards):
        raise InputError("cards: expected a sequence of mappings of column to value")
    columns: dict[str, pd.Series] = {}
    for name in dict.fromkeys(name for card in cards for name in card):
        held = np.empty(len(cards), dtype=object)
        for place, card in enumerate(cards):
            held[place] = card.get(name)
        columns[name] = pd.Series(held, dtype=object)
    frame = pd.DataFrame(dict(enumerate(columns.values())), index=range(len(cards)))
    frame.columns = pd.Index(list(columns), dtype=object)
    return frame


def known_at_one(card: Mapping[str, Any]) -> int:
    """Give the moment a checked card became known, in microseconds since 1970 UTC (see `known_at`)."""
    moment: datetime = card.get("received_at") or card["submitted_at"]
    gone = moment - EPOCH
    return gone.days * DAY_US + gone.seconds * 1_000_000 + gone.microseconds
