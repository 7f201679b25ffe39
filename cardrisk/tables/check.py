"""A table against its contract: valid rows on one side, quarantined rows with the rule they broke on the other.

Correct means: every row of the input is in exactly one of the two, and a row's verdict does not depend on how
the table was stored. Nothing is dropped, nothing is guessed, nothing raises because of a cell.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd

from cardrisk.errors import InputError, TimeZoneError
from cardrisk.tables.cells import Parsed
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Column, Contract
from cardrisk.tables.headers import match_headers
from cardrisk.tables.masks import masked
from cardrisk.tables.rules import is_total_line
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
        One row per refused input row: ``row`` (int64 position), ``rule``, ``column``, ``value`` (masked).
    ignored
        Headers kept out because no column is called so.
    aliases
        Header as given to canonical name, where they differ.
    """

    valid: pd.DataFrame
    rows: np.ndarray[Any, np.dtype[np.int64]]
    quarantined: pd.DataFrame
    ignored: list[str]
    aliases: dict[str, str]


def check_submissions(frame: pd.DataFrame, *, tz: str | tzinfo | None = None) -> Checked:
    """Check cards handed in.

    Parameters
    ----------
    frame
        Any pandas frame, NumPy- or Arrow-backed, canonical headers or known English or Chinese ones.
    tz
        Zone of times that carry none.

    Returns
    -------
    Checked

    Raises
    ------
    InputError
        Not a frame, no rows, or two headers for one column.
    MissingColumnError
        ``submission_id``, ``submitted_at`` or every entity column is not there.
    TimeZoneError
        A time carries no zone and ``tz`` is not given.
    """
    return check(frame, SUBMISSIONS, tz=tz)


def check_outcomes(frame: pd.DataFrame, *, tz: str | tzinfo | None = None) -> Checked:
    """Check answers; parameters, result and errors as in `check_submissions`.

    Raises
    ------
    InputError
        Not a frame, no rows, or two headers for one column.
    MissingColumnError
        ``submission_id``, ``answered_at`` or ``status`` is not there.
    TimeZoneError
        A time carries no zone and ``tz`` is not given.
    """
    return check(frame, OUTCOMES, tz=tz)


def check(frame: pd.DataFrame, contract: Contract, *, tz: str | tzinfo | None = None) -> Checked:
    """Check a table against any contract; see `check_submissions`.

    Raises
    ------
    InputError
        As in `check_submissions`.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{contract.name}: expected a pandas DataFrame, got {type(frame).__name__}")
    headers = match_headers(list(frame.columns), contract)
    zone = zone_of(tz)
    columns = [column for column in contract.columns if column.name in headers.positions]
    given = {column.name: frame.iloc[:, headers.positions[column.name]] for column in columns}
    parsed = {column.name: _read(column, given[column.name], zone) for column in columns}
    verdict = _Verdict(len(frame))
    for column in columns:
        verdict.add(column.name, parsed[column.name].positions, parsed[column.name].rules)
        if column.required:
            verdict.add(column.name, np.flatnonzero(_nulls(parsed[column.name])), "missing_required")
    _cross_column(contract, parsed, verdict)
    _name_total_lines(frame, contract, verdict)
    rows = verdict.unbroken()
    valid = pd.DataFrame(
        {name: pd.Series(column.values).take(rows).array for name, column in parsed.items()},
        index=frame.index.take(rows),
    )
    return Checked(valid, rows, _report(verdict, contract, given), headers.ignored, headers.aliases)


def _read(column: Column, cells: pd.Series, zone: tzinfo | None) -> Parsed:
    try:
        return column.reader.column(cells, zone)
    except TimeZoneError as error:
        raise TimeZoneError(f"{column.name}: {error}") from None


def _nulls(parsed: Parsed) -> np.ndarray[Any, np.dtype[np.bool_]]:
    nulls: np.ndarray[Any, np.dtype[np.bool_]] = pd.isna(parsed.values)
    return nulls


class _Verdict:
    """The first rule each row broke, in contract order."""

    def __init__(self, rows: int) -> None:
        self.free = np.ones(rows, dtype=bool)
        self.broken: dict[int, tuple[str, str]] = {}

    def add(self, column: str, positions: Iterable[int], rules: Any) -> None:
        """Count a broken rule against rows that broke none before."""
        named = rules if not isinstance(rules, str) else None
        for i, position in enumerate(positions):
            if self.free[position]:
                self.free[position] = False
                self.broken[int(position)] = (rules if named is None else named[i], column)

    def unbroken(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Positions of the rows that broke none."""
        return np.flatnonzero(self.free).astype(np.int64)


def _cross_column(contract: Contract, parsed: dict[str, Parsed], verdict: _Verdict) -> None:
    entities = [parsed[name] for name in contract.entities if name in parsed]
    if entities:
        unknown = np.logical_and.reduce([_nulls(entity) for entity in entities])
        verdict.add("", np.flatnonzero(unknown), "missing_entity")
    if contract.unique:
        rows = verdict.unbroken()
        repeated = pd.Series(parsed[contract.unique].values).take(rows).duplicated().to_numpy()
        verdict.add(contract.unique, rows[repeated], f"duplicate_{contract.unique}")


def _name_total_lines(frame: pd.DataFrame, contract: Contract, verdict: _Verdict) -> None:
    for position, (_, column) in verdict.broken.items():
        if column in contract.required and is_total_line(frame.iloc[position].tolist()):
            verdict.broken[position] = ("total_line", column)


def _report(verdict: _Verdict, contract: Contract, given: dict[str, pd.Series]) -> pd.DataFrame:
    secret = {column.name for column in contract.columns if column.secret}
    records = [
        (row, rule, column, masked(given[column].iloc[row], secret=column in secret) if column else "")
        for row, (rule, column) in sorted(verdict.broken.items())
    ]
    report = pd.DataFrame(records, columns=["row", "rule", "column", "value"])
    return report.astype({"row": "int64", "rule": "str", "column": "str", "value": "str"})


def known_at(submissions: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Give the moment each submission became known: ``received_at`` where given, else ``submitted_at``.

    Parameters
    ----------
    submissions
        Valid submissions (`Checked.valid`) or anything with the same time columns.

    Returns
    -------
    int64 array
        Microseconds since 1970 UTC, one per row.
    """
    moment = submissions["submitted_at"]
    if "received_at" in submissions.columns:
        moment = submissions["received_at"].fillna(moment)
    naive = moment.dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("us")
    return naive.to_numpy(dtype="datetime64[us]").astype(np.int64)
