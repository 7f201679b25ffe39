"""Delimited text: which delimiter, which line is the header, and one row for every line after it.

Correct means: the fast parser is used only where the plain one (Python's `csv`) gives the same cells.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from cardrisk._later import csv as pc
from cardrisk._later import pa, pd
from cardrisk.errors import UnusableFileError
from cardrisk.tables.arrow import to_pandas
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Contract
from cardrisk.tables.headers import known_header
from cardrisk.tables.rules import RAGGED_LINE, says_total

DELIMITERS: Final = ",;\t|"
PREAMBLE_LINES: Final = 20
"""Lines in which the header must stand: platforms write titles and dates above it."""
LONGEST_FIELD: Final = 2**27


def parse(text: str, name: str, contract: Contract | None = None) -> pd.DataFrame:
    """Parse delimited text.

    Parameters
    ----------
    text
        The whole file.
    name
        What to call it in an error.
    contract
        What the table should be; by default either contract.

    Returns
    -------
    pandas.DataFrame
        ``str`` columns under the headers as they stand (perhaps repeated). Of lines with too many or too few
        cells, the first column known as a key holds `RAGGED_LINE`.

    Raises
    ------
    UnusableFileError
        No header line.
    """
    contracts = (contract,) if contract is not None else (SUBMISSIONS, OUTCOMES)
    skipped, delimiter, header = header_of(text, name, contracts)
    return parse_body(_after(text, skipped), delimiter, header)


def parse_body(body: str, delimiter: str, header: list[str]) -> pd.DataFrame:
    """Parse delimited text whose first line is the header line, whatever that line says.

    Parameters
    ----------
    body
        Whole lines; a file may be cut between any two records and parsed in pieces.
    delimiter, header
        As `header_of` gives them.

    Returns
    -------
    pandas.DataFrame
        As `parse`.
    """
    table = _fast(body, delimiter, header)
    return _plain(body, delimiter, header) if table is None else table


def known_headers(text: str) -> set[str]:
    """Give the columns of submissions that the likeliest header line of a text names."""
    header = header_of(text, "", (SUBMISSIONS,))[2] if text.strip() else []
    return {name for label in header if (name := known_header(label, SUBMISSIONS))}


def header_of(text: str, name: str, contracts: tuple[Contract, ...]) -> tuple[int, str, list[str]]:
    """Find the line that most headers are known of: (lines to skip, delimiter, headers).

    Only the first `PREAMBLE_LINES` lines of ``text`` are looked at.

    Raises
    ------
    UnusableFileError
        No header line.
    """
    lines = [line for line, _ in zip(io.StringIO(text, newline=None), range(PREAMBLE_LINES), strict=False)]
    best: tuple[int, int, int, str, list[str]] | None = None
    for place, line in enumerate(lines):
        for delimiter in DELIMITERS if line.strip() else "":
            cells = next(csv.reader(lines[place:], delimiter=delimiter), [])
            known = max(len({known_header(cell, contract) for cell in cells} - {None}) for contract in contracts)
            found = (known, -place, len(cells), delimiter, cells)
            if best is None or found[:3] > best[:3]:
                best = found
    if best is None:
        raise UnusableFileError(f"{name}: expected a header line, got nothing but blank lines")
    header = best[4]
    while len(header) > 1 and not header[-1].strip():
        header.pop()
    return -best[1], best[3], header


def _after(text: str, lines: int) -> str:
    """Give the text from line ``lines`` (counted from 0) on, line ends as they were."""
    stream = io.StringIO(text, newline="")
    reader = (stream.readline() for _ in range(lines))
    start = sum(len(line) for line in reader)
    return text[start:]


def _fast(body: str, delimiter: str, header: list[str]) -> pd.DataFrame | None:
    """Parse with Arrow; None where it and the plain parser might differ."""
    if '"' in body or len(header) < 2 or body.count("\r") != body.count("\r\n"):
        return None
    names = [f"f{place}" for place in range(len(header))]
    try:
        table = pc.read_csv(
            io.BytesIO(body.encode()),
            read_options=pc.ReadOptions(column_names=names, use_threads=False),
            parse_options=pc.ParseOptions(delimiter=delimiter),
            convert_options=pc.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, UnicodeError):
        return None
    columns = [to_pandas(column.combine_chunks()).copy() for column in table.slice(1).columns]
    return _framed(columns, header)


def _plain(body: str, delimiter: str, header: list[str]) -> pd.DataFrame:
    """Parse with `csv`, marking lines whose number of cells is wrong."""
    width = len(header)
    rows: list[list[str]] = []
    ragged: list[int] = []
    lines = _rows(body, delimiter)
    next(lines, None)
    for cells in lines:
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if len(cells) != width and not any(says_total(cell) for cell in cells):
            ragged.append(len(rows))
        rows.append((cells + [""] * width)[:width])
    columns = [pd.array([row[place] for row in rows], dtype="str") for place in range(width)]
    frame = _framed(columns, header)
    if ragged:
        key = next((place for place, label in enumerate(header) if _is_key(label)), 0)
        marked = np.array(frame.iloc[:, key], dtype=object)
        marked[ragged] = RAGGED_LINE
        frame.isetitem(key, marked)
    return frame


def _rows(body: str, delimiter: str) -> Iterator[list[str]]:
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        for cells in csv.reader(io.StringIO(body, newline=""), delimiter=delimiter):
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield cells
    finally:
        csv.field_size_limit(before)


def _is_key(label: str) -> bool:
    return known_header(label, SUBMISSIONS) == "submission_id"


def _framed(columns: list[Any], header: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(dict(enumerate(columns)))
    frame.columns = pd.Index(header, dtype=object)
    return frame
