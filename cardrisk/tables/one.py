"""One card against the contract of submissions, as a service gets it.

Correct means: `check_one` gives what `check_submissions` gives for a table of that one card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from typing import Any

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import InputError, TimeZoneError
from cardrisk.tables.cells import Fault, safely
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Contract
from cardrisk.tables.headers import Headers, known_header, match_headers
from cardrisk.tables.instants import DAY_US, EPOCH
from cardrisk.tables.quick import One, Quick, read
from cardrisk.tables.rules import MISSING_ENTITY, MISSING_REQUIRED, TOTAL_LINE, says_total
from cardrisk.tables.times import zone_of


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


def id_of(card: Mapping[str, Any]) -> Any:
    """Return what a card that may break rules gives as its ``submission_id``, under whatever name; None without."""
    found = card.get("submission_id")
    if found is None:
        found = next((card[key] for key in card if known_header(key, SUBMISSIONS) == "submission_id"), None)
    return found


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

    readers: tuple[tuple[str, One], ...]
    required: tuple[str, ...]
    entities: tuple[str, ...]
    quick: Quick


@cache
def _plan(contract: Contract) -> _Plan:
    readers = tuple((column.name, column.reader.one) for column in contract.columns)
    return _Plan(readers, contract.required, contract.entities, Quick.of(contract))


def _check_one(given: Mapping[str, Any], contract: Contract, tz: str | tzinfo | None) -> dict[str, Any] | Rejected:
    zone, plan = None if tz is None else zone_of(tz), _plan(contract)
    try:
        checked = read(given, plan.quick, zone) if type(given) is dict else None
    except Exception:
        checked = None
    if checked is not None:  # nearly all that come: whatever could break a rule is read again
        return checked
    return _judged(given, contract, zone)


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


def _again(name: str, one: One, cell: object, zone: tzinfo | None) -> Any:
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
