"""DATA on disk: a folder with ``submissions`` and ``outcomes``, Parquet or CSV, cells as they stand in the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from cardrisk.errors import UnusableFileError
from cardrisk.tables import read_frame

SUFFIXES: Final = (".parquet", ".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class Data:
    """One folder of tables, as read; the contracts check them where they are used.

    Attributes
    ----------
    submissions, outcomes
        Frames with the headers of the files.
    truth
        The world's truth where the folder has it, else ``None``.
    """

    submissions: pd.DataFrame
    outcomes: pd.DataFrame
    truth: pd.DataFrame | None


def read_data(folder: str | Path) -> Data:
    """Read a DATA folder.

    Raises
    ------
    UnusableFileError
        The folder, or one of its two tables, is not there or not readable.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnusableFileError(
            f"{folder}: expected a folder with submissions.parquet and outcomes.parquet (or .csv), "
            f"got {'a file' if folder.exists() else 'nothing there'}"
        )
    truth = folder / "truth.parquet"
    return Data(
        read_frame(table_in(folder, "submissions")),
        read_frame(table_in(folder, "outcomes")),
        pd.read_parquet(truth) if truth.exists() else None,
    )


def read_history(folder: str | Path | None) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Past submissions and outcomes of a DATA folder; ``None`` without one."""
    if folder is None:
        return None
    data = read_data(folder)
    return data.submissions, data.outcomes


def table_in(folder: Path, stem: str) -> Path:
    """Return the one table of that name in a DATA folder.

    Raises
    ------
    UnusableFileError
        None is there, or several.
    """
    found = [folder / f"{stem}{suffix}" for suffix in SUFFIXES if (folder / f"{stem}{suffix}").exists()]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UnusableFileError(f"{folder}: expected one {stem} table ({stem}.parquet or .csv), got {names}")
    return found[0]
