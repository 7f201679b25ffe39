"""One column, or one cell, as text: whatever the caller's table holds.

Correct when a cell that means "not known" is null, and nothing else is.
"""

import math
from typing import Any

import pandas as pd
import pyarrow as pa

from cardrisk.codes.sealed import Secret
from cardrisk.tables.arrow import strings


def columns_of(frame: pd.DataFrame, name: str) -> pa.Array:
    """Return a column as Arrow large_string of n rows, all null where the frame does not have it."""
    if name not in frame:
        return pa.nulls(len(frame), pa.large_string())
    found = strings(frame[name])
    if found is not None:
        return found
    return pa.array([as_text(value) for value in frame[name].array], pa.large_string())


def as_text(value: Any) -> str | None:
    """Return a cell as text that UTF-8 can hold; ``None``, NaN, NaT, empty and anything no code can be are null."""
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, str):
        return (value if value.isascii() else value.encode("utf-8", "replace").decode()) or None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace") or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else _number(value)


def _number(value: Any) -> str | None:
    try:
        return str(int(value)) if value == int(value) else None
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None
