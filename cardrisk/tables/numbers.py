"""Columns of numbers.

Correct means: a number is finite and inside its declared range, or it is null, or it is refused by rule.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cardrisk._later import compute as pc
from cardrisk._later import pa, pd
from cardrisk.tables.arrow import Mask, kept, spread, strings, word_by_word
from cardrisk.tables.cells import OUT_OF_RANGE, Fault, is_null, is_null_word, tidy
from cardrisk.tables.reader import Parsed, Reader

Floats: TypeAlias = npt.NDArray[np.float64]

NOT_FINITE: Final = Fault("not_finite")
UNREADABLE_NUMBER: Final = Fault("unreadable_number")

_NUMBER: Final = re.compile(
    r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,18})?(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?(?P<percent>%?)", re.ASCII
)
_DECIMAL: Final = r"^\d{1,15}(?:\.\d{1,40})?$"
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


class Amounts(Reader):
    """What every column of numbers shares: cells that are plainly numbers are read at once."""

    dtype: ClassVar[str] = "float64"

    @abstractmethod
    def doubtful(self, read: Floats) -> Mask:
        """Tell which finite or infinite numbers `one` has to judge, because they may break a rule."""

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column into float64."""
        dtype = cells.dtype
        if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
            return Reader.column(self, cells, zone)
        if pd.api.types.is_numeric_dtype(dtype):
            return self._judged(cells.to_numpy(dtype=np.float64, na_value=np.nan))
        array = strings(cells)
        return Reader.column(self, cells, zone) if array is None else self._texts(array, zone)

    def packed(self, values: list[Any]) -> Any:
        """Give values, None for null, as float64."""
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    def _judged(self, read: Floats, among: Mask | None = None) -> Parsed:
        doubtful = ~np.isnan(read) & self.doubtful(read)
        positions = np.flatnonzero(doubtful if among is None else doubtful & among)
        if not len(positions):
            return Parsed(read)
        results = [self.one(float(value), None) for value in read[positions]]
        values = read.copy()
        values[positions] = self.packed(kept(results))
        faulty = [place for place, result in enumerate(results) if isinstance(result, Fault)]
        return Parsed(values, positions[faulty], [results[place].rule for place in faulty])

    def _texts(self, array: Any, zone: tzinfo | None) -> Parsed:
        plain = pc.fill_null(pc.match_substring_regex(array, _DECIMAL), False).to_numpy(zero_copy_only=False)
        results, places = word_by_word(array.filter(pa.array(~plain)), self.one, zone)
        faulty, rules = spread(results, places)
        values = np.empty(len(array), dtype=np.float64)
        values[plain] = pc.cast(array.filter(pa.array(plain)), pa.float64()).to_numpy(zero_copy_only=False)
        values[~plain] = self.packed(kept(results))[places]
        judged = self._judged(values, plain)
        positions = np.concatenate([np.flatnonzero(~plain)[faulty], judged.positions])
        return Parsed(judged.array, positions, [*rules, *judged.rules])


@dataclass(frozen=True, slots=True)
class Number(Amounts):
    """A finite number in ``[low, high]``."""

    low: float
    high: float

    def one(self, value: object, zone: tzinfo | None = None) -> float | Fault | None:
        """Read one cell: float, Fault, or None for null."""
        read = value if type(value) is float and value - value == 0.0 else number(value)
        if read is None or isinstance(read, Fault):
            return read
        return read if self.low <= read <= self.high else OUT_OF_RANGE

    def doubtful(self, read: Floats) -> Mask:
        """Tell which numbers lie outside the range."""
        return ~((read >= self.low) & (read <= self.high))
