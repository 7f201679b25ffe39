"""The quarantine file: which rows were refused, by which rule.

Correct means: one line per refused row, no secret in it, and no cell that a spreadsheet would run as a formula.
"""

import os

import pandas as pd

from cardrisk.tables.atomic import atomic_write

COLUMNS = ("row", "rule", "column", "value")


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
        safe(quarantined).to_csv(temporary, index=False, encoding="utf-8-sig", lineterminator="\n")


def safe(quarantined: pd.DataFrame) -> pd.DataFrame:
    """Give the quarantine with every text cell made harmless to spreadsheets."""
    harmless = quarantined.loc[:, list(COLUMNS)].copy()
    for name in ("rule", "column", "value"):
        harmless[name] = [_harmless(str(cell)) for cell in harmless[name]]
    return harmless


def _harmless(cell: str) -> str:
    # A leading apostrophe makes a spreadsheet show the cell as text instead of running it.
    return "'" + cell if cell[:1] in {"=", "+", "-", "@", "\t", "\r", "|", "%"} else cell
