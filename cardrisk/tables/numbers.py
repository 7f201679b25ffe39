"""Plain numbers and yes/no columns.

Correct means: a number is finite and inside its declared range, or it is null, or it is refused by rule.
"""

import math
import re
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from cardrisk.tables.cells import OUT_OF_RANGE, Fault, Parsed, Reader, is_null, is_null_word, tidy

NOT_FINITE: Final = Fault("not_finite")
UNREADABLE_NUMBER: Final = Fault("unreadable_number")
UNREADABLE_FLAG: Final = Fault("unreadable_flag")

_NUMBER: Final = re.compile(
    r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,18})?(?:\.\d{0,18})?(?:[eE][+-]?\d{1,3})?(?P<percent>%?)", re.ASCII
)
_INFINITE: Final = re.compile(r"[+-]?(?:inf|infinity|∞)", re.IGNORECASE)


def number(value: object) -> float | Fault | None:
    """Read one cell as a number: float, Fault, or None for null. Thousands separators and % are understood."""
    if isinstance(value, str):
        return _from_text(value)
    if is_null(value):
        return None
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | Decimal | np.integer | np.floating
    ):
        return UNREADABLE_NUMBER
    try:
        read = float(value)
    except (OverflowError, ValueError):
        return OUT_OF_RANGE
    if math.isnan(read):
        return None
    return read if math.isfinite(read) else NOT_FINITE


def _from_text(text: str) -> float | Fault | None:
    clean = tidy(text)
    if isinstance(clean, Fault):
        return clean
    if is_null_word(clean):
        return None
    if _INFINITE.fullmatch(clean):
        return NOT_FINITE
    match = _NUMBER.fullmatch(clean)
    if match is None or not any(c.isdigit() for c in clean):
        return UNREADABLE_NUMBER
    try:
        read = float(clean.rstrip("%").replace(",", ""))
    except ValueError:
        return UNREADABLE_NUMBER
    if not math.isfinite(read):
        return OUT_OF_RANGE
    return read / 100 if match["percent"] else read


@dataclass(frozen=True, slots=True)
class Number(Reader):
    """A finite number in ``[low, high]``."""

    low: float
    high: float
    dtype: ClassVar[str] = "float64"

    def one(self, value: object, zone: tzinfo | None = None) -> float | Fault | None:
        """Read one cell: float, Fault, or None for null."""
        read = value if type(value) is float and value - value == 0.0 else number(value)
        if read is None or isinstance(read, Fault):
            return read
        return read if self.low <= read <= self.high else OUT_OF_RANGE

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column into float64."""
        plain = floats(cells)
        if plain is None:
            values, positions, rules = self.each(objects_of(cells), zone)
            return Parsed(
                np.array([np.nan if v is None else v for v in values], dtype=np.float64), positions, rules
            )
        faulty = np.flatnonzero(np.isinf(plain) | (plain < self.low) | (plain > self.high))
        rules = ["not_finite" if np.isinf(plain[i]) else "out_of_range" for i in faulty]
        if len(faulty):
            plain = plain.copy()
            plain[faulty] = np.nan
        return Parsed(plain, faulty, rules)


def objects_of(cells: pd.Series) -> Any:
    """Give the cells as Python objects, whatever holds them."""
    return cells.astype(object).to_numpy(dtype=object)


def floats(cells: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Give a column that holds nothing but numbers as float64 (null = NaN), or None if it is another kind."""
    if not pd.api.types.is_numeric_dtype(cells.dtype) or pd.api.types.is_bool_dtype(cells.dtype):
        return None
    if pd.api.types.is_complex_dtype(cells.dtype):
        return None
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "1.0", "是", "已绑定", "有", "真", "√"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "0.0", "否", "未绑定", "没有", "假", "×"})


@dataclass(frozen=True, slots=True)
class Flag(Reader):
    """Yes or no; anything else is refused, null stays null."""

    dtype: ClassVar[str] = "boolean"

    def one(self, value: object, zone: tzinfo | None = None) -> bool | Fault | None:
        """Read one cell: bool, Fault, or None for null."""
        if isinstance(value, bool | np.bool_):
            return bool(value)
        if isinstance(value, str):
            text = tidy(value)
            if isinstance(text, Fault):
                return text
            word = text.casefold()
            if word in _TRUE:
                return True
            if word in _FALSE:
                return False
            return None if is_null_word(text) else UNREADABLE_FLAG
        read = number(value)
        if isinstance(read, Fault):
            return UNREADABLE_FLAG
        return None if read is None else {0.0: False, 1.0: True}.get(read, UNREADABLE_FLAG)
