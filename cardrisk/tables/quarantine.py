"""The quarantine file: which rows were refused, by which rule.

Correct means: one line per refused row, no secret in it, and no cell that a spreadsheet would run as a formula.
"""

import os
from typing import Final

import pandas as pd

from cardrisk.tables.atomic import atomic_write

COLUMNS: Final = ("row", "rule", "column", "value")


def write(quarantined: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a quarantine as CSV (UTF-8 with BOM), whole or not at all.

    Parameters
    ----------
    quarantined
        `Checked.quarantined`: values are masked already.
    path
        Where the file shall appear.

    Raises
    ------
    UnusableFileError
        The file cannot be written there.
    """
    with atomic_write(path) as temporary:
        harmless(quarantined.loc[:, list(COLUMNS)]).to_csv(
            temporary, index=False, encoding="utf-8-sig", lineterminator="\n"
        )


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
