"""Files as platforms export them.

Correct means: every cell reaches the contract as the text that stands in the file - no reader turns a code into
a number on the way - and a file that is not a table is refused in one line.
"""

import csv
import io
import os
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cardrisk.errors import InputError, UnusableFileError
from cardrisk.tables.check import Checked, check
from cardrisk.tables.contracts import Contract

_MAGIC: Final = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "an Excel workbook or zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "gzip",
    b"%PDF": "a PDF",
}


def read_table(
    path: str | os.PathLike[str],
    contract: Contract,
    *,
    tz: str | tzinfo | None = None,
    encoding: str | None = None,
) -> Checked:
    """Read a CSV or Parquet file and check it.

    Raises
    ------
    UnusableFileError
        A folder, no such file, an empty file, or a file that is not what its name says.
    InputError
        See `check`.
    """
    return check(read_frame(path, encoding=encoding), contract, tz=tz)


def read_frame(path: str | os.PathLike[str], *, encoding: str | None = None) -> pd.DataFrame:
    """Read a CSV or Parquet file, text cells as they stand.

    Raises
    ------
    UnusableFileError
        As in `read_table`.
    """
    file = Path(path)
    if file.is_dir():
        raise UnusableFileError(f"expected a file, got the folder {file}; name the file inside it")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UnusableFileError(f"cannot read {file}: {error.strerror}; check the path") from error
    if not data.strip():
        raise UnusableFileError(f"{file} is empty; expected a table with a header line")
    kind = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)
    named_parquet = file.suffix.lower() in {".parquet", ".pq"}
    if named_parquet != (kind == "Parquet") or kind not in {None, "Parquet"}:
        raise UnusableFileError(
            f"{file} is {kind or 'not Parquet'}, not what its name says; export CSV or Parquet"
        )
    frame = _parquet(data, file) if named_parquet else _csv(_decoded(data, file, encoding), file)
    if frame.empty:
        raise InputError(f"{file}: expected at least one row, got only a header")
    return frame


def _parquet(data: bytes, file: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnusableFileError(f"{file} is not readable as Parquet; write it again") from error
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _decoded(data: bytes, file: Path, encoding: str | None) -> str:
    for name in (encoding,) if encoding else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    raise UnusableFileError(f"{file} is not text in {encoding or 'UTF-8 or GB18030'}; give its encoding")


def _csv(text: str, file: Path) -> pd.DataFrame:
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows: list[Any] = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    width = len(rows[0])
    if any(len(row) > width for row in rows):
        raise UnusableFileError(f"{file}: expected {width} cells a line, got more")
    body = [row + [""] * (width - len(row)) for row in rows[1:]]
    return pd.DataFrame(body, columns=rows[0], dtype="str")
