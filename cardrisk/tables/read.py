"""Files as platforms export them.

Correct means: every cell reaches the contract as the text that stands in the file - no reader turns a code into
a number on the way - every line of the file becomes one row, and a file that is not a table is refused in one
line of text.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from cardrisk._later import pa, pd
from cardrisk._later import parquet as pq
from cardrisk.errors import InputError, UnusableFileError
from cardrisk.tables.batchtext import CODE_COLUMNS, read_batch
from cardrisk.tables.check import Checked, check
from cardrisk.tables.contracts import SUBMISSIONS, Contract
from cardrisk.tables.delimited import known_headers, parse

Source: TypeAlias = str | os.PathLike[str] | BinaryIO

PARQUET: Final = "Parquet"
_MAGIC: Final = (
    (b"PAR1", PARQUET),
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
    (b"<table", "a web page"),
    (b"{", "JSON"),
    (b"[", "JSON"),
)
_PARQUET_NAMES: Final = frozenset({".parquet", ".pq"})
_TEXT_NAMES: Final = frozenset({".csv", ".tsv", ".txt", ".tab"})
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def read_table(
    source: Source, contract: Contract, *, tz: str | tzinfo | None = None, encoding: str | None = None
) -> Checked:
    """Read a CSV or Parquet file and check it.

    Parameters
    ----------
    source
        A path, or a binary file such as ``sys.stdin.buffer``.
    contract
        ``cardrisk.tables.SUBMISSIONS`` or ``OUTCOMES``.
    tz
        Zone of times that carry none.
    encoding
        Of a text file; by default UTF-8 (with or without BOM), UTF-16 with BOM, then GB18030.

    Returns
    -------
    Checked

    Raises
    ------
    UnusableFileError
        A folder, no such file, an empty file, a header without rows, or a file that is not what its name says.
    InputError
        See `cardrisk.tables.check`.
    """
    return check(read_frame(source, encoding=encoding, contract=contract), contract, tz=tz)


def read_frame(source: Source, *, encoding: str | None = None, contract: Contract | None = None) -> pd.DataFrame:
    """Read a CSV or Parquet file, cells as they stand.

    A line with too many or too few cells keeps its row; its key holds a mark that `cardrisk.tables.check`
    quarantines as ``ragged_line``.

    Parameters
    ----------
    source, encoding
        As in `read_table`.
    contract
        What the table should be: helps to find the header line. By default either contract.
    name
        What to call the source in an error; by default its file name.

    Returns
    -------
    pandas.DataFrame
        At least one row; text files give nothing but text.

    Raises
    ------
    UnusableFileError
        As in `read_table`.
    """
    name, data = load(source)
    return _frame(name, data, encoding, contract)


def _frame(name: str, data: bytes, encoding: str | None, contract: Contract | None) -> pd.DataFrame:
    parquet = kind_of(data) == PARQUET
    frame = _parquet(data, name) if parquet else parse(decoded(data, name, encoding), name, contract)
    if not len(frame):
        raise UnusableFileError(f"{name}: expected a header line and at least one row, got no row")
    return frame


def read_cards(
    source: Source,
    *,
    encoding: str | None = None,
    kind: str | None = None,
    face_value: float | None = None,
    submitter: str | None = None,
    submitted_at: object = None,
    batch: str | None = None,
) -> pd.DataFrame:
    """Read cards to score: a CSV or Parquet table, or a batch text of one ``number secret`` a line.

    A text file is a batch text if its name does not say CSV and its first lines name no column but the codes.

    Parameters
    ----------
    source, encoding
        As in `read_table`.
    kind, face_value, submitter, submitted_at, batch
        Of a whole batch text (see `read_batch`); ``batch`` is the file's name by default.

    Returns
    -------
    pandas.DataFrame
        At least one row, for `cardrisk.tables.check_submissions`.

    Raises
    ------
    UnusableFileError
        As in `read_table`.
    InputError
        More than 1,000 lines of batch text, or a table for which batch text's options were given.
    """
    name, data = load(source)
    text = "" if kind_of(data) == PARQUET else decoded(data, name, encoding)
    tabular = Path(name).suffix.lower() in {".csv", ".tsv", ".tab"} or not text
    if not tabular and known_headers(text) <= CODE_COLUMNS:
        return read_batch(
            text,
            batch_id=batch or Path(name).stem.replace(" ", "-"),
            submitted_at=submitted_at,
            submitter_id=submitter,
            card_kind=kind,
            face_value=face_value,
        )
    if any(option is not None for option in (kind, face_value, submitter, submitted_at, batch)):
        raise InputError(
            f"{name}: expected a batch text, since kind, face value, submitter, time or batch was given for all of it; "
            "got a table, which says these row by row"
        )
    return _frame(name, data, encoding, SUBMISSIONS)


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Let what the body says against a table begin with its file's name; the contract knows tables, not files.

    Raises
    ------
    InputError
        The body's own, of its class.
    """
    try:
        yield
    except InputError as error:
        raise type(error)(f"{file}: {error}") from None


def load(source: Source) -> tuple[str, bytes]:
    """Read the bytes of a file that is what its name says.

    Returns
    -------
    tuple
        The name to speak of it, and its bytes.

    Raises
    ------
    UnusableFileError
        As in `read_table`.
    """
    if not isinstance(source, str | os.PathLike):
        name, suffix, data = "standard input", "", source.read()
    else:
        file = Path(source)
        name, suffix = file.name, file.suffix.lower()
        if file.is_dir():
            raise UnusableFileError(f"{source}: expected a file, got a folder; name the file inside it")
        try:
            data = file.read_bytes()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a path"
            raise UnusableFileError(f"{source}: cannot be read ({why}); check the path") from None
    if not isinstance(data, bytes):
        raise UnusableFileError(f"{name}: expected a file opened in binary mode")
    if not data.strip():
        raise UnusableFileError(f"{name}: expected a table with a header line, got an empty file")
    is_what_it_says(name, suffix, kind_of(data))
    return name, data


def kind_of(data: bytes) -> str:
    """Tell what a file is from its first bytes: ``Parquet``, ``text`` or a few words for anything else."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, kind in _MAGIC:
        if data.startswith(magic) or (magic.startswith((b"<", b"{", b"[")) and start.startswith(magic)):
            return kind
    return "a binary file" if b"\x00" in data[:8192] and not data.startswith(_UTF16) else "text"


def is_what_it_says(name: str, suffix: str, kind: str) -> None:
    """Refuse a file that is not what its name says.

    Parameters
    ----------
    name, suffix
        What to call it, and how its name ends.
    kind
        From `kind_of`.

    Raises
    ------
    UnusableFileError
        It is something else.
    """
    expected = PARQUET if suffix in _PARQUET_NAMES else "text" if suffix in _TEXT_NAMES else None
    if kind not in {PARQUET, "text"} or (expected is not None and kind != expected):
        wanted = expected if expected == PARQUET else "a text table (CSV)"
        raise UnusableFileError(f"{name}: expected {wanted}, got {kind}; export it again as CSV or Parquet")


def decoded(data: bytes, name: str, encoding: str | None) -> str:
    """Decode a text file.

    Raises
    ------
    UnusableFileError
        It is not text in the encoding given, or in any of those tried.
    """
    if encoding is None:
        tries = ["utf-16"] if data.startswith(_UTF16) else ["utf-8-sig", "gb18030"]
    else:
        tries = ["utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding]
    for attempt in tries:
        try:
            return data.decode(attempt)
        except (UnicodeError, LookupError):
            continue
    wanted = encoding or "UTF-8, UTF-16 or GB18030"
    raise UnusableFileError(f"{name}: expected text in {wanted}, got other bytes; give the file's encoding")


def _parquet(data: bytes, name: str) -> pd.DataFrame:
    try:
        table = pq.read_table(io.BytesIO(data))
        frame: pd.DataFrame = table.to_pandas(types_mapper=column_dtype, ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise UnusableFileError(
            f"{name}: expected Parquet, got a damaged file ({type(error).__name__}); write it again"
        ) from None
    return frame


def column_dtype(kind: Any) -> Any:
    """Give the pandas type that holds a column of a Parquet file."""
    # Text becomes pandas' own text; the rest stays Arrow's, so that an integer column with nulls is not made float.
    return pd.StringDtype(na_value=float("nan")) if pa.types.is_string(kind) else pd.ArrowDtype(kind)
