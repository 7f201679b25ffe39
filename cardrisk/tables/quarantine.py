"""What becomes of refused rows: a file that names them, or a warning where a table only feeds something else.

Correct means: one line per refused row, no secret in it, and no cell that a spreadsheet would run as a formula; no
row leaves a table in silence.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from cardrisk._later import pd
from cardrisk.errors import QuarantineWarning
from cardrisk.tables.atomic import atomic_write
from cardrisk.tables.rules import REPEATED_ID

if TYPE_CHECKING:
    from cardrisk.tables.check import Checked

COLUMNS: Final = ("row", "rule", "column", "value")


def kept(checked: Checked, table: str) -> pd.DataFrame:
    """Give the valid rows; warn with a `QuarantineWarning` of those that broke a rule.

    A card handed in again with the same id is no such row: it counts once, with what came first.

    Parameters
    ----------
    checked
        A checked table.
    table
        What to call it.
    """
    refused = checked.quarantined[checked.quarantined["rule"] != REPEATED_ID]
    if len(refused):
        told = summary(table, len(checked.quarantined) + len(checked.valid), rules_of(refused))
        warnings.warn(QuarantineWarning(told, table, refused), stacklevel=3)
    return checked.valid


def rules_of(quarantined: pd.DataFrame) -> dict[str, int]:
    """How many rows broke each rule; repeats are left out, as by `kept`."""
    counts = quarantined["rule"].value_counts()
    return {str(rule): int(count) for rule, count in counts.items() if rule != REPEATED_ID}


def summary(table: str, rows: int, broken: Mapping[str, int]) -> str:
    """Say in one line how many of a table's rows broke which rule."""
    counts = ", ".join(f"{rule} {count:,}" for rule, count in sorted(broken.items()))
    return f"{table}: {sum(broken.values()):,} of {rows:,} rows break a rule and are left out ({counts})"


def write(quarantined: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a quarantine as CSV (UTF-8 with BOM), whole or not at all.

    Parameters
    ----------
    quarantined
        `Checked.quarantined`: values are masked already. A column ``table``, where there is one, comes first.
    path
        Where the file shall appear.

    Raises
    ------
    UnusableFileError
        The file cannot be written there.
    """
    names = [name for name in ("table", *COLUMNS) if name in quarantined or name in COLUMNS]
    with atomic_write(path) as temporary:
        harmless(quarantined.loc[:, names]).to_csv(temporary, index=False, encoding="utf-8-sig", lineterminator="\n")


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a frame whose text no spreadsheet would run as a formula; numbers and times stay as they are."""
    safe = frame.copy()
    for name in frame.columns:
        if pd.api.types.is_string_dtype(frame[name].dtype) or pd.api.types.is_object_dtype(frame[name].dtype):
            safe[name] = frame[name].map(_harmless, na_action="ignore")
    return safe


def _harmless(cell: object) -> object:
    # A leading apostrophe makes a spreadsheet show the cell as text instead of running it.
    risky = isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\n", "|", "%"}
    return f"'{cell}" if risky else cell
