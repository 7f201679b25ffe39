"""Tables on disk in pieces: where a file may be cut, and the rows of each piece as the whole file would give them.

Correct when the pieces, one after the other, are the frame that `cardrisk.tables.read_frame` gives.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cardrisk.errors import UnusableFileError
from cardrisk.jobs.data import name_in_data
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS
from cardrisk.tables.delimited import LONGEST_FIELD, PREAMBLE_LINES, header_of, parse_body
from cardrisk.tables.headers import match_headers
from cardrisk.tables.read import PARQUET, column_dtype, kind_of

CONTRACTS: Final = {"history": SUBMISSIONS, "submissions": SUBMISSIONS, "outcomes": OUTCOMES}
BYTES_A_ROW: Final = 120
"""A guess, for planning only: how many bytes of text a row takes at least."""
HELD_BACK: Final = 4_096
"""Rows at the end of a piece that may wait for the next one, so that cards handed in together stay together."""
_BLOCK: Final = 1 << 22
_START: Final = 1 << 20
_PLAIN_NEWLINES: Final = {"utf-8", "gb18030", "gbk", "gb2312", "ascii", "latin-1", "iso-8859-1", "cp1252", "cp936"}


@dataclass(frozen=True)
class Unit:
    """What one task reads: some row groups of a Parquet file, or a range of bytes of a text file."""

    table: str
    path: str
    first: int
    stop: int
    rows: int
    text: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """What to call its file: by its own name, or by that of the history's folder too."""
        path = Path(self.path)
        return path.name if self.table == "submissions" else name_in_data(path)

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does."""
    with path.open("rb") as file:
        return kind_of(file.read(64)) == PARQUET


def units_of(table: str, path: Path, piece: int, *, encoding: str | None = None) -> list[Unit]:
    """Cut one file into units of about ``8 * piece`` rows.

    Raises
    ------
    UnusableFileError
        The file cannot be read as a table.
    """
    if is_parquet(path):
        return _row_groups(table, path, piece)
    return _byte_ranges(table, path, piece, encoding)


def _row_groups(table: str, path: Path, piece: int) -> list[Unit]:
    try:
        meta = pq.ParquetFile(path).metadata
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnusableFileError(
            f"{path.name}: expected Parquet, got a damaged file ({type(error).__name__}); write it again"
        ) from None
    units, first, rows = [], 0, 0
    for group in range(meta.num_row_groups):
        rows += meta.row_group(group).num_rows
        if rows >= 4 * piece or group + 1 == meta.num_row_groups:
            units.append(Unit(table, str(path), first, group + 1, rows))
            first, rows = group + 1, 0
    return units


def _byte_ranges(table: str, path: Path, piece: int, encoding: str | None) -> list[Unit]:
    used, quoted = _encoding(path, encoding)
    with path.open("rb") as file:
        start = file.read(_START)
    bom = next((len(b) for b in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) if start.startswith(b)), 0)
    text = codecs.getincrementaldecoder(used)().decode(start[bom:])
    skipped, delimiter, _ = header_of(text, path.name, (CONTRACTS[table],))
    about = {"encoding": used, "delimiter": delimiter}  # not the header: a file without one begins with codes
    plain = used in _PLAIN_NEWLINES and not quoted
    size = (8 if plain else 1) * piece * BYTES_A_ROW
    cuts = (_cuts_by_line if plain else _cuts_by_record)(path, bom, skipped, delimiter, used, size)
    return [
        Unit(table, str(path), a, b, max((b - a) // BYTES_A_ROW, 1), {**about, "plain": plain})
        for a, b in pairwise(cuts)
        if b > a
    ]


def _encoding(path: Path, encoding: str | None) -> tuple[str, bool]:
    """Find the encoding that the whole file has, and whether a quote or a bare carriage return stands in it."""
    with path.open("rb") as file:
        start = file.read(4)
    if encoding is not None:
        tries = ["utf-8" if encoding.lower() in {"utf-8", "utf8", "utf-8-sig"} else encoding]
    elif start.startswith(codecs.BOM_UTF16_LE):
        tries = ["utf-16-le"]
    elif start.startswith(codecs.BOM_UTF16_BE):
        tries = ["utf-16-be"]
    else:
        tries = ["utf-8", "gb18030"]
    for attempt in tries:
        try:
            return codecs.lookup(attempt).name.replace("_", "-"), _decodes(path, attempt)
        except (UnicodeError, LookupError):
            continue
    wanted = encoding or "UTF-8, UTF-16 or GB18030"
    raise UnusableFileError(f"{path.name}: expected text in {wanted}, got other bytes; give the file's encoding")


def _decodes(path: Path, encoding: str) -> bool:
    decoder, quoted, last = codecs.getincrementaldecoder(encoding)(), False, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            decoder.decode(block)
            joined = last + block
            quoted = quoted or b'"' in block or joined.count(b"\r", 0, -1) != joined.count(b"\r\n")
            last = block[-1:]
    decoder.decode(b"", final=True)
    return quoted or last == b"\r"


def _cuts_by_line(path: Path, bom: int, skipped: int, delimiter: str, encoding: str, size: int) -> list[int]:
    with path.open("rb") as file:
        file.seek(bom)
        for _ in range(skipped + 1):
            file.readline()
        cuts, end = [file.tell()], path.stat().st_size
        while cuts[-1] < end:
            file.seek(min(cuts[-1] + size, end))
            file.readline()
            cuts.append(file.tell())
    return cuts


def _cuts_by_record(path: Path, bom: int, skipped: int, delimiter: str, encoding: str, size: int) -> list[int]:
    """Cut where a record ends: a quoted cell may hold line ends."""
    cuts: list[int] = []
    place = bom

    def lines() -> Iterator[str]:
        nonlocal place
        for line in stream:
            place += len(line.encode(encoding))
            yield line

    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open("rb") as file:
            file.seek(bom)
            stream = io.TextIOWrapper(file, encoding=encoding, newline="")
            source = lines()
            for _ in range(min(skipped, PREAMBLE_LINES)):
                next(source)
            for _ in csv.reader(source, delimiter=delimiter):
                if not cuts or place - cuts[-1] >= size:
                    cuts.append(place)
    finally:
        csv.field_size_limit(before)
    return cuts if cuts and cuts[-1] == place else [*cuts, place]


def pieces(unit: Unit, piece: int, *, together: bool) -> Iterator[pd.DataFrame]:
    """Read a unit, about ``piece`` rows at a time.

    Parameters
    ----------
    unit
        From :func:`units_of`.
    piece
        Rows.
    together
        Hold back rows at a piece's end that carry the moment of its last row, so that they begin the next one.
    """
    frames = _parquet(unit, piece) if unit.text is None else _text(unit, piece)
    moment = match_headers(unit_header(unit), CONTRACTS[unit.table]).positions.get("submitted_at")
    held: pd.DataFrame | None = None
    for frame in frames:
        whole = frame if held is None else pd.concat([held, frame], ignore_index=True)
        keep = len(whole) - (_tail(whole.iloc[:, moment]) if together and moment is not None else 0)
        held = whole.iloc[keep:].reset_index(drop=True) if keep < len(whole) else None
        if keep:
            yield whole.iloc[:keep] if keep < len(whole) else whole
    if held is not None:
        yield held


def _tail(moments: pd.Series) -> int:
    """Return how many of the last rows carry one moment; 0 where that would be too many."""
    codes, _ = pd.factorize(moments.iloc[-HELD_BACK:], use_na_sentinel=False)
    other = np.flatnonzero(codes != codes[-1])
    return len(codes) - 1 - int(other[-1]) if other.size else 0


def unit_header(unit: Unit) -> list[Any]:
    """Headers of the unit's file, as they stand in it."""
    if unit.text is not None:
        with open(unit.path, "rb") as file:
            text = codecs.getincrementaldecoder(unit.text["encoding"])().decode(file.read(_START))
        return list(header_of(text.removeprefix("\ufeff"), Path(unit.path).name, (CONTRACTS[unit.table],))[2])
    return list(pq.ParquetFile(unit.path).schema_arrow.names)


def _parquet(unit: Unit, piece: int) -> Iterator[pd.DataFrame]:
    try:
        file = pq.ParquetFile(unit.path, pre_buffer=False)
        for batch in file.iter_batches(piece, row_groups=list(range(unit.first, unit.stop)), use_threads=False):
            yield pa.Table.from_batches([batch]).to_pandas(types_mapper=column_dtype, ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise UnusableFileError(
            f"{Path(unit.path).name}: expected Parquet, got a damaged file ({type(error).__name__}); write it again"
        ) from None


def _text(unit: Unit, piece: int) -> Iterator[pd.DataFrame]:
    about = unit.text or {}
    header = unit_header(unit)
    first_line = about["delimiter"].join("h" * max(len(header), 1)) + "\n"
    with open(unit.path, "rb") as file:
        file.seek(unit.first)
        left = unit.stop - unit.first
        if not about["plain"]:
            text = file.read(left).decode(about["encoding"])
            frame = parse_body(first_line + text, about["delimiter"], header)
            for first in range(0, len(frame), piece):
                yield frame.iloc[first : first + piece].reset_index(drop=True)
            return
        while left > 0:
            block = file.read(min(piece * BYTES_A_ROW, left))
            if len(block) < left:
                block += file.readline()
            left -= len(block)
            frame = parse_body(first_line + block.decode(about["encoding"]), about["delimiter"], header)
            if len(frame):
                yield frame
