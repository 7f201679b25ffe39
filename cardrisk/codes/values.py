"""One column, or one cell, as text: whatever the caller's table holds.

Correct when a cell that means "not known" is null, and nothing else is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import numpy as np

from cardrisk._later import pa, pd
from cardrisk.codes.sealed import Secret
from cardrisk.tables.arrow import strings

_LARGEST: Final = 10**64
_LOSSLESS: Final = 2**53
_LONGEST: Final = 8_192
"""Characters or bytes of a single cell looked at: far more than any field may have, so that size costs nothing."""


def columns_of(frame: pd.DataFrame, name: str) -> pa.Array:
    """Return a column as Arrow large_string of n rows, all null where the frame does not have it."""
    if name not in frame:
        return pa.nulls(len(frame), pa.large_string())
    found = strings(frame[name])
    if found is not None:
        return found
    return pa.array([as_text(value) for value in frame[name].array], pa.large_string())


def as_text(value: Any) -> str | None:
    """Return a cell as text that UTF-8 can hold; ``None``, NaN, NaT, empty and anything no code can be are null.

    A float beyond 2**53 has lost digits already, so it is no code either.
    """
    if type(value) is str and len(value) <= _LONGEST and value.isascii():
        return value or None
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, str):
        value = value[:_LONGEST]
        return (value if value.isascii() else value.encode("utf-8", "replace").decode()) or None
    if value is None:
        return None
    if isinstance(value, bytes | bytearray):
        return bytes(value[:_LONGEST]).decode("utf-8", "replace") or None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return _digits(value)


def _digits(value: int | float | Decimal) -> str | None:
    if isinstance(value, Decimal) and not value.is_finite():
        return None
    limit = _LOSSLESS if isinstance(value, float) else _LARGEST
    if not -limit < value < limit or value != int(value):  # NaN is never within
        return None
    return str(int(value))
