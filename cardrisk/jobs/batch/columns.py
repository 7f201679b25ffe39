"""Columns of numbers on disk, as narrow as their values allow; any stretch is read without the rest.

Correct when what is read are the values that were written.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[Any]

WHOLE: Final = np.dtype(np.int64)
_NARROW: Final = (("uint8", 1 << 8), ("uint16", 1 << 16), ("uint32", 1 << 32))


@dataclass(frozen=True)
class Column:
    """Where a column stands in a file.

    Attributes
    ----------
    name, kind
        Its name, and the dtype of its values.
    kept
        The dtype on disk; "" where all values are ``base`` and nothing is kept.
    at
        Byte where it begins.
    base
        Added to what is kept.
    """

    name: str
    kind: str
    kept: str
    at: int
    base: int

    def document(self) -> list[Any]:
        """As JSON holds it."""
        return [self.name, self.kind, self.kept, self.at, self.base]


def are_numbers(frame: pd.DataFrame) -> bool:
    """Whether a frame holds nothing but NumPy's numbers."""
    return all(isinstance(dtype, np.dtype) and dtype.kind in "if" for dtype in frame.dtypes)


def narrowed(values: Array) -> tuple[Array | None, int]:
    """Return whole numbers in fewer bytes and what to add to them; None where all are alike."""
    if values.dtype != WHOLE or not values.size:
        return values, 0
    low, high = int(values.min()), int(values.max())
    if low == high:
        return None, low
    for kept, most in _NARROW:
        if high - low < most:
            return (values - low).astype(kept), low
    return values, 0


def stretch(file: int, column: Column, first: int, stop: int) -> Array:
    """Read the values of some rows from an open file."""
    if not column.kept:
        return np.full(stop - first, column.base, column.kind)
    kept = np.dtype(column.kept)
    size = (stop - first) * kept.itemsize
    out = np.frombuffer(os.pread(file, size, column.at + first * kept.itemsize), kept).astype(column.kind)
    if column.base:
        out += column.base
    return out
