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
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cardrisk.tables.arrow import Mask, strings
from cardrisk.tables.cells import OUT_OF_RANGE, Fault, is_null, is_null_word, tidy
from cardrisk.tables.reader import Parsed, Reader

NOT_FINITE: Final = Fault("not_finite")
UNREADABLE_NUMBER: Final = Fault("unreadable_number")
UNREADABLE_FLAG: Final = Fault("unreadable_flag")

_NUMBER: Final = re.compile(
    r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,18})?(?:\.\d{0,18})?(?:[eE][+-]?\d{1,3})?(?P<percent>%?)", re.ASCII
)
_DECIMAL: Final = r"^\d{1,15}(?:\.\d{1,15})?$"
_INFINITE: Final = re.compile(r"[+-]?(?:inf|infinity|∞)", re.IGNORECASE)


def number(value: object) -> float | Fault | None:
    """Read one cell as a number: float, Fault, or None for null. Thousands separators and % are understood."""
    if isinstance(value, str):
        return _from_text(str.__str__(value))
    if is_null(value):
        return None
    if isinstance(value, Fault):
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | Decimal | np.integer | np.floating):
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
            return Reader.column(self, cells, zone)
        return settled(self, plain, ~np.isnan(plain) & ~((plain >= self.low) & (plain <= self.high)))

    def packed(self, values: list[Any]) -> Any:
        """Give values, None for null, as float64."""
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def settled(reader: Reader, read: npt.NDArray[np.float64], doubtful: Mask) -> Parsed:
    """Let a reader of numbers decide about the doubtful ones; the others stand as read."""
    positions = np.flatnonzero(doubtful)
    if not len(positions):
        return Parsed(read)
    results = [reader.one(float(value), None) for value in read[positions]]
    values = read.copy()
    values[positions] = [np.nan if result is None or isinstance(result, Fault) else result for result in results]
    faulty = [i for i, result in enumerate(results) if isinstance(result, Fault)]
    return Parsed(values, positions[faulty], [results[i].rule for i in faulty])


def floats(cells: pd.Series) -> npt.NDArray[np.float64] | None:
    """Give a column of nothing but numbers, or of nothing but plain decimal text, as float64 (null = NaN).

    Returns
    -------
    float64 array or None
        None where some cell has to be looked at.
    """
    dtype = cells.dtype
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        return None if pd.api.types.is_complex_dtype(dtype) else cells.to_numpy(dtype=np.float64, na_value=np.nan)
    array = strings(cells)
    if array is None:
        return None
    array = pc.if_else(pc.equal(pc.binary_length(array), 0), pa.scalar(None, pa.large_string()), array)
    if not pc.all(pc.match_substring_regex(array, _DECIMAL), min_count=0).as_py():
        return None
    found: npt.NDArray[np.float64] = pc.cast(array, pa.float64()).to_numpy(zero_copy_only=False)
    return found


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
            text = tidy(str.__str__(value))
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
            return read if read is value else UNREADABLE_FLAG
        return None if read is None else {0.0: False, 1.0: True}.get(read, UNREADABLE_FLAG)

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column into ``boolean``."""
        if isinstance(cells.dtype, pd.BooleanDtype | np.dtypes.BoolDType):
            return Parsed(cells.astype("boolean").array)
        return Reader.column(self, cells, zone)
