"""What a job reads: files by name or folder, checked before any work begins, cut into units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from cardrisk.errors import UnusableFileError
from cardrisk.jobs.batch.journal import stamp
from cardrisk.jobs.batch.source import BYTES_A_ROW, CONTRACTS, Unit, is_parquet, unit_header, units_of
from cardrisk.jobs.data import SUFFIXES, table_in
from cardrisk.tables.headers import match_headers, shown_header
from cardrisk.tables.read import is_what_it_says, kind_of, naming

_LOOK: Final = 8192


@dataclass(frozen=True)
class Inputs:
    """The files of a job, by table.

    Attributes
    ----------
    files
        (table, path), in the order they are read: history, the table scored, outcomes.
    encoding
        Of text files of the table scored; None: found out.
    folder
        The table scored is the files of a folder: its rows are told by file.
    """

    files: tuple[tuple[str, Path], ...]
    encoding: str | None
    folder: bool = False

    def stamps(self) -> list[list[object]]:
        """What tells that the files are still the same."""
        return [[table, *stamp(path)] for table, path in self.files]

    def rows(self) -> int:
        """At most about so many rows, all tables together; for planning only."""
        return sum(_rows(path) for _, path in self.files)

    def units(self, piece: int) -> tuple[Unit, ...]:
        """Cut every file into units.

        Raises
        ------
        UnusableFileError
            A file cannot be read as a table, or the files of a folder have different headers.
        InputError
            A table lacks a column, or has two headers for one.
        """
        first: tuple[Path, list[Any]] | None = None
        units: list[Unit] = []
        for table, path in self.files:
            mine = units_of(table, path, piece, encoding=self.encoding if table == "submissions" else None)
            if not mine:
                raise UnusableFileError(f"{path.name}: expected a header line and at least one row, got no row")
            header = unit_header(mine[0])
            with naming(mine[0].name):
                match_headers(header, CONTRACTS[table])
            if table == "submissions":
                first = first or (path, header)
                _same_header(path, header, *first)
            units += mine
        return tuple(units)


def _same_header(path: Path, header: list[Any], first: Path, expected: list[Any]) -> None:
    if header == expected:
        return
    lost = ", ".join(shown_header(label) for label in expected if label not in header)
    more = ", ".join(shown_header(label) for label in header if label not in expected)
    told = [f"without {lost}"] * bool(lost) + [f"with {more} besides"] * bool(more)
    raise UnusableFileError(
        f"{path.name}: expected the header line of {first.name}, since the files of a folder are one table; "
        f"got one {' and '.join(told) or 'in another order'}"
    )


def _rows(path: Path) -> int:
    if is_parquet(path):
        try:
            return int(pq.ParquetFile(path).metadata.num_rows)
        except (pa.ArrowException, OSError, ValueError):
            return 0  # whoever reads it says what is wrong with it
    return path.stat().st_size // BYTES_A_ROW


def inputs_of(cards: str, history: str | None, encoding: str | None) -> Inputs:
    """Find the files of a job.

    Raises
    ------
    UnusableFileError
        One is not there, is empty, or is not what its name says.
    """
    files = [("submissions", path) for path in card_files(cards)]
    if history is not None:
        folder = Path(history)
        if not folder.is_dir():
            raise UnusableFileError(f"{folder}: expected a folder with submissions.parquet and outcomes.parquet")
        files.insert(0, ("history", table_in(folder, "submissions")))
        files.append(("outcomes", table_in(folder, "outcomes")))
    for _, path in files:
        _look(path)
    return Inputs(tuple(files), encoding, Path(cards).is_dir())


def card_files(cards: str) -> list[Path]:
    """Return the file, or the files of a folder in the order of their names.

    Raises
    ------
    UnusableFileError
        A folder without tables.
    """
    path = Path(cards)
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
    if not found:
        raise UnusableFileError(f"{path}: expected a file, or a folder with .parquet or .csv files, got none in it")
    return found


def _look(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(_LOOK)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a path"
        raise UnusableFileError(f"{path}: cannot be read ({why}); check the path") from None
    if not start.strip():
        raise UnusableFileError(f"{path.name}: expected a table with a header line, got an empty file")
    is_what_it_says(path.name, path.suffix.lower(), kind_of(start))
