"""DATA on disk: a folder with ``submissions`` and ``outcomes``, Parquet or CSV, cells as they stand in the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from cardrisk.errors import UnusableFileError
from cardrisk.tables import OUTCOMES, SUBMISSIONS, Contract, read_frame
from cardrisk.tables.headers import match_headers
from cardrisk.tables.read import naming

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
    InputError
        A table lacks a column, or has two headers for one; the file is named.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnusableFileError(
            f"{folder}: expected a folder with submissions.parquet and outcomes.parquet (or .csv), "
            f"got {'a file' if folder.exists() else 'nothing there'}"
        )
    truth = folder / "truth.parquet"
    return Data(
        _table(table_in(folder, "submissions"), SUBMISSIONS),
        _table(table_in(folder, "outcomes"), OUTCOMES),
        pd.read_parquet(truth) if truth.exists() else None,
    )


def _table(path: Path, contract: Contract) -> pd.DataFrame:
    frame = read_frame(path)
    with naming(name_in_data(path)):
        match_headers(list(frame.columns), contract)
    return frame


def name_in_data(path: Path) -> str:
    """What to call a file of a DATA folder: with the folder's name, since all of them call their files the same."""
    return f"{path.resolve().parent.name}/{path.name}"


def read_history(folder: str | Path | None) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Past submissions and outcomes of a DATA folder; ``None`` without one."""
    if folder is None:
        return None
    data = read_data(folder)
    return data.submissions, data.outcomes


def read_scores(path: str) -> pd.DataFrame:
    """Read what ``cardrisk score`` wrote, numbers to their last bit.

    Raises
    ------
    UnusableFileError
        Not there, or not such a file.
    """
    file = Path(path)
    if not file.is_file() or file.suffix not in (".parquet", ".csv"):
        raise UnusableFileError(f"{path}: expected scores in a .parquet or .csv file, got no such file")
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        text = pd.read_csv(file, encoding="utf-8-sig", dtype="str")
        # the parser may round the last bit of a number; its text does not
        names = [str(name) for name in text.columns]
        numbers = [name for name in names if name.startswith("p_") or name in ("expected_loss", "propensity")]
        return text.assign(**{name: [float(cell) for cell in text[name]] for name in numbers})
    except (ValueError, OSError) as error:
        raise UnusableFileError(
            f"{path}: expected scores as `cardrisk score` writes them, got {type(error).__name__}"
        ) from None


def read_propensity(path: str | None) -> "pd.Series[float] | None":
    """Recorded chances of being let through, by ``submission_id``, from scores; ``None`` without a file.

    A file whose cards were scored more than once counts the last line of each card.

    Raises
    ------
    UnusableFileError
        Not there, or without the columns ``submission_id`` and ``propensity``.
    """
    if path is None:
        return None
    scores = read_scores(path)
    missing = [name for name in ("submission_id", "propensity") if name not in scores]
    if missing:
        raise UnusableFileError(f"{path}: expected the columns submission_id and propensity, {missing[0]} is not there")
    chances = scores.dropna(subset=["propensity"]).drop_duplicates("submission_id", keep="last")
    return chances.set_index(chances["submission_id"].astype(str))["propensity"]


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
