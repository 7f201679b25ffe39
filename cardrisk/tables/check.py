"""A table against its contract: valid rows on one side, quarantined rows with the rule they broke on the other.

Correct means: every row of the input is in exactly one of the two, and a row's verdict does not depend on how
the table was stored. Nothing is dropped, nothing is guessed, nothing raises because of a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np

from cardrisk._later import pa, pd
from cardrisk.errors import InputError, TimeZoneError
from cardrisk.tables.arrow import Mask, Positions, familiar, first_seen
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Column, Contract
from cardrisk.tables.headers import match_headers
from cardrisk.tables.masks import masked
from cardrisk.tables.reader import Parsed, objects
from cardrisk.tables.rules import MISSING_ENTITY, MISSING_REQUIRED, TOTAL_LINE, says_total
from cardrisk.tables.times import zone_of


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked table.

    Attributes
    ----------
    valid
        Valid rows: canonical columns that were given, in contract order, index labels of the input. Times are
        datetime64[us, UTC], text is ``str``, numbers float64 (money in yuan, whole cents), flags ``boolean``;
        null means not known.
    rows
        int64 positions of the valid rows in the input, ascending.
    quarantined
        One row per refused input row, ascending: ``row`` (int64 position), ``rule``, ``column`` (empty where the
        rule is about the whole row), ``value`` (masked).
    ignored
        Headers kept out because no column is called so, as they may be shown.
    aliases
        Header as given to canonical name, where they differ.
    """

    valid: pd.DataFrame
    rows: Positions
    quarantined: pd.DataFrame
    ignored: list[str]
    aliases: dict[str, str]


def check_submissions(frame: pd.DataFrame, *, tz: str | tzinfo | None = None) -> Checked:
    """Check cards handed in.

    Parameters
    ----------
    frame
        n rows: any pandas frame, NumPy- or Arrow-backed, canonical headers or known English or Chinese ones.
    tz
        Zone of times that carry none, such as ``"Asia/Shanghai"``.

    Returns
    -------
    Checked

    Raises
    ------
    InputError
        Not a frame, or two headers for one column.
    MissingColumnError
        ``submission_id``, ``submitted_at`` or every entity column is not there.
    TimeZoneError
        A time carries no zone and ``tz`` is not given, or ``tz`` is no zone.
    """
    return check(frame, SUBMISSIONS, tz=tz)


def check_outcomes(frame: pd.DataFrame, *, tz: str | tzinfo | None = None) -> Checked:
    """Check answers; parameters and result as in `check_submissions`.

    Raises
    ------
    InputError
        Not a frame, or two headers for one column.
    MissingColumnError
        ``submission_id``, ``answered_at`` or ``status`` is not there.
    TimeZoneError
        A time carries no zone and ``tz`` is not given, or ``tz`` is no zone.
    """
    return check(frame, OUTCOMES, tz=tz)


def check(frame: pd.DataFrame, contract: Contract, *, tz: str | tzinfo | None = None) -> Checked:
    """Check a table against any contract; parameters and result as in `check_submissions`.

    Raises
    ------
    InputError
        As in `check_submissions`.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{contract.name}: expected a pandas DataFrame, got {type(frame).__name__}")
    frame = familiar(frame)
    headers = match_headers(list(frame.columns), contract)
    zone = zone_of(tz) or headers.zone
    columns = [column for column in contract.columns if column.name in headers.positions]
    given = {column.name: frame.iloc[:, headers.positions[column.name]] for column in columns}
    parsed = {
        column.name: _read(column, given[column.name], headers.zones.get(column.name, zone)) for column in columns
    }
    verdict = _Verdict(len(frame))
    for column in columns:
        verdict.add(column.name, parsed[column.name].positions, parsed[column.name].rules)
        if column.required:
            verdict.add(column.name, np.flatnonzero(_nulls(parsed[column.name])), MISSING_REQUIRED)
    _whole_rows(contract, parsed, verdict)
    _name_total_lines(frame, contract, verdict)
    rows = np.flatnonzero(verdict.free).astype(np.int64)
    kept = parsed if len(rows) == len(frame) else {name: _take(column, rows) for name, column in parsed.items()}
    valid = pd.DataFrame({name: column.array for name, column in kept.items()}, index=frame.index.take(rows))
    return Checked(valid, rows, _report(verdict, contract, given), headers.ignored, headers.aliases)


def _read(column: Column, cells: pd.Series, zone: tzinfo | None) -> Parsed:
    try:
        return column.reader.column(cells, zone)
    except TimeZoneError as error:
        raise TimeZoneError(f"{column.name}: {error}") from None


def _take(parsed: Parsed, rows: Positions) -> Parsed:
    return Parsed(parsed.array.take(rows))


def _nulls(parsed: Parsed) -> Mask:
    return np.asarray(pd.isna(parsed.array), dtype=bool)


class _Verdict:
    """The first rule each row broke, in contract order."""

    def __init__(self, rows: int) -> None:
        self.free = np.ones(rows, dtype=bool)
        self.broken: dict[int, tuple[str, str]] = {}

    def add(self, column: str, positions: Positions, rules: str | Sequence[str]) -> None:
        """Count a broken rule, or one for each position, against rows that broke none before."""
        each = [rules] * len(positions) if isinstance(rules, str) else rules
        for position, rule in zip(positions.tolist(), each, strict=True):
            self.broken.setdefault(position, (rule, column))
        self.free[positions] = False


def _whole_rows(contract: Contract, parsed: dict[str, Parsed], verdict: _Verdict) -> None:
    entities = [parsed[name] for name in contract.entities if name in parsed]
    if entities:
        unknown = np.logical_and.reduce([_nulls(entity) for entity in entities])
        verdict.add("", np.flatnonzero(unknown & verdict.free), MISSING_ENTITY)
    if contract.unique:
        # Only rows that are valid otherwise count: a broken row must not push out its repaired copy.
        rows = np.flatnonzero(verdict.free)
        again = ~first_seen(pa.array(parsed[contract.unique].array.take(rows)))
        verdict.add(contract.unique, rows[again], f"duplicate_{contract.unique}")


def _name_total_lines(frame: pd.DataFrame, contract: Contract, verdict: _Verdict) -> None:
    """Rows that broke a required column and say "total" somewhere are total lines, not broken cards."""
    suspects = np.array(
        [row for row, (_, column) in verdict.broken.items() if column in contract.required], dtype=np.int64
    )
    for place in range(frame.shape[1] if len(suspects) else 0):
        for row, cell in zip(suspects.tolist(), objects(frame.iloc[suspects, place]), strict=True):
            if says_total(cell):
                verdict.broken[row] = (TOTAL_LINE, "")


def _report(verdict: _Verdict, contract: Contract, given: dict[str, pd.Series]) -> pd.DataFrame:
    rows = np.array(sorted(verdict.broken), dtype=np.int64)
    rules = [verdict.broken[row][0] for row in rows.tolist()]
    columns = np.array([verdict.broken[row][1] for row in rows.tolist()], dtype=object)
    values = np.full(len(rows), "", dtype=object)
    for column in contract.columns:
        here = np.flatnonzero(columns == column.name)
        if len(here):
            cells = objects(given[column.name].take(rows[here]))
            values[here] = [masked(cell, secret=column.secret) for cell in cells]
    report = {"row": rows, "rule": rules, "column": columns, "value": values}
    return pd.DataFrame(report).astype({"row": "int64", "rule": "str", "column": "str", "value": "str"})


def known_at(submissions: pd.DataFrame) -> Positions:
    """Give the moment each submission became known: ``received_at`` where given, else ``submitted_at``.

    Parameters
    ----------
    submissions
        Valid submissions (`Checked.valid`) or anything with the same aware time columns.

    Returns
    -------
    int64 array
        Microseconds since 1970 UTC, one per row.
    """
    moment = submissions["submitted_at"]
    if "received_at" in submissions.columns:
        moment = submissions["received_at"].fillna(moment)
    naive = moment.dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("us")
    micros: Positions = naive.to_numpy(dtype="datetime64[us]").astype(np.int64)
    return micros


def pair(history: Any) -> tuple[Any, Any]:
    """Return the submissions and outcomes of a history as handed in.

    Raises
    ------
    InputError
        It is no pair; a world unpacks into three.
    """
    if isinstance(history, (tuple, list)) and len(history) == 2:
        return history[0], history[1]
    came = f"{len(history)} of them" if isinstance(history, (tuple, list)) else type(history).__name__
    raise InputError(
        f"history: expected a pair (submissions, outcomes), got {came}; "
        "of a generated world hand in (world.submissions, world.outcomes)"
    )
