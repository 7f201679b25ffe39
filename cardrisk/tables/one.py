"""One card against the contract of submissions, as a service gets it.

Correct means: `check_one` gives what `check_submissions` gives for a table of that one card.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from cardrisk.errors import InputError, TimeZoneError
from cardrisk.tables.cells import Fault
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Contract
from cardrisk.tables.headers import match_headers
from cardrisk.tables.rules import is_total_line
from cardrisk.tables.times import EPOCH, MICROSECOND, zone_of


@dataclass(frozen=True, slots=True)
class Rejected:
    """A card or an answer broke a rule.

    Attributes
    ----------
    rule
        The rule's name.
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


def check_one_outcome(
    outcome: Mapping[str, Any], *, tz: str | tzinfo | None = None
) -> dict[str, Any] | Rejected:
    """Check one answer; as `check_one`.

    Raises
    ------
    InputError
        As in `check_one`.
    """
    return _check_one(outcome, OUTCOMES, tz)


def _check_one(
    given: Mapping[str, Any], contract: Contract, tz: str | tzinfo | None
) -> dict[str, Any] | Rejected:
    if not isinstance(given, Mapping):
        raise InputError(
            f"{contract.name}: expected a mapping of column to value, got {type(given).__name__}"
        )
    zone = zone_of(tz)
    labels = list(given)
    cells = {
        name: given[labels[p]]
        for name, p in match_headers(labels, contract, complete=False).positions.items()
    }
    checked: dict[str, Any] = {}
    for column in contract.columns:
        if column.name not in cells:
            if column.required:
                return _rejected(given, "missing_required", column.name, contract)
            continue
        try:
            value = column.reader.one(cells[column.name], zone)
        except TimeZoneError as error:
            raise TimeZoneError(f"{column.name}: {error}") from None
        if type(value) is Fault:
            return _rejected(given, value.rule, column.name, contract)
        if value is None and column.required:
            return _rejected(given, "missing_required", column.name, contract)
        checked[column.name] = value
    if contract.entities and all(checked.get(name) is None for name in contract.entities):
        return Rejected("missing_entity", "")
    return checked


def _rejected(given: Mapping[str, Any], rule: str, column: str, contract: Contract) -> Rejected:
    if column in contract.required and is_total_line(given.values()):
        return Rejected("total_line", column)
    return Rejected(rule, column)


def known_at_one(card: Mapping[str, Any]) -> int:
    """Give the moment a checked card became known, in microseconds since 1970 UTC (see `known_at`)."""
    moment: datetime = card.get("received_at") or card["submitted_at"]
    return (moment - EPOCH) // MICROSECOND
