"""Text columns: identities, categories and codes.

Correct means: what is kept is what the cell showed, without blanks at its ends and (codes apart) in one
character width; a number that lost digits on its way through a spreadsheet is refused, never completed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import Any, ClassVar, Final

import numpy as np

from cardrisk._later import compute as pc
from cardrisk._later import pa, pd
from cardrisk.tables.arrow import bytes_of, kept, plain, spread, strings, to_pandas, word_by_word
from cardrisk.tables.cells import (
    NULL_WORDS,
    TOO_LONG,
    WRONG_TYPE,
    Fault,
    folded,
    is_null,
    is_null_word,
    outer,
    tidy,
)
from cardrisk.tables.reader import Parsed, Reader, objects

MANGLED: Final = Fault("mangled_number")

EXACT_DIGITS: Final = 15
"""Decimal digits that spreadsheets keep; of a longer number the rest is gone."""

ROUND_AT_LEAST: Final = 8
"""Codes: fewer codes that end in zeros may be chance (one in ten each), so they prove nothing."""
ROUND_SHARE: Final = 0.8
"""Share of a column's long codes that must end in zeros before a spreadsheet is the explanation."""

_ODD_STARTS: Final = frozenset(" \"'=")
LOOKS_NUMERIC: Final = re.compile(r"\d+\.0+$|\d+\.\d*[eE]|\d+[eE]\+")
_SCIENTIFIC: Final = re.compile(r"[+-]?(?:\d+\.\d*[eE][+-]?\d+|\d+[eE]\+\d+)", re.ASCII)
_AS_FLOAT: Final = re.compile(r"(\d+)\.0+", re.ASCII)


def is_plain(text: str) -> bool:
    """Whether reading would not change a text; `cardrisk.tables.arrow.plain` tells the same of a whole column."""
    return (
        text.isascii()
        and text.isprintable()
        and text != ""
        and text[0] not in _ODD_STARTS
        and text[-1] != " "
        and (len(text) > 5 or text.lower() not in NULL_WORDS)
        and (("." not in text and "+" not in text) or LOOKS_NUMERIC.match(text) is None)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Text(Reader):
    """Text of at most ``longest`` characters.

    Attributes
    ----------
    longest
        Characters, at most 4,096.
    verbatim
        Keep inner characters as given: codes are normalised in one place only, at the intake boundary.
    words
        Other words (see `folded`) for canonical values; a word that is not among them stays what it is.
    """

    longest: int = 128
    verbatim: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    dtype: ClassVar[str] = "str"

    def one(self, value: object, zone: tzinfo | None = None) -> str | Fault | None:
        """Read one cell as text: str, Fault, or None for null; numbers are taken only if no digit was lost."""
        if type(value) is str:
            if self.words and value in self.words:
                return self.words[value]
            if not is_plain(value) or len(value) > self.longest:
                return self._odd(value)
            return self._word(value) if self.words else value
        if isinstance(value, str):
            return self.one(str.__str__(value), zone)
        if is_null(value):
            return None
        return _from_object(value)

    def _word(self, text: str) -> str:
        return self.words.get(folded(text), text)

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column into ``str``."""
        if isinstance(cells.dtype, pd.CategoricalDtype):
            return self.column(cells.astype(object), zone)
        array = strings(cells)
        if array is None and pd.api.types.is_integer_dtype(cells.dtype):
            array = pa.array(cells.array, from_pandas=True).cast(pa.large_string())
        if array is None:
            values, positions, rules = self.each(objects(cells), zone)
            array = pa.array(values, type=pa.large_string())
        elif self.words:
            results, places = word_by_word(array, self.one, zone)
            positions, rules = spread(results, places)
            array = pa.array(kept(results), type=pa.large_string()).take(pa.array(places))
        else:
            array, positions, rules = self._only_odd_cells(array, zone)
        if self.verbatim and len(rounded := self.rounded(array)):
            positions = np.concatenate([positions, rounded])
            rules = [*rules, *([MANGLED.rule] * len(rounded))]
        return Parsed(to_pandas(array), positions, rules)

    def rounded(self, array: Any) -> Any:
        """Find the codes of a column that a spreadsheet rounded (see `rounded_codes`)."""
        return rounded_codes(array)

    def _only_odd_cells(self, array: Any, zone: tzinfo | None) -> tuple[Any, Any, list[str]]:
        odd = ~plain(array, self.longest)
        if not odd.any():
            return array, np.empty(0, dtype=np.int64), []
        mask = pa.array(odd)
        results, places = word_by_word(array.filter(mask), self.one, zone)
        faulty, rules = spread(results, places)
        read = pa.array(kept(results), type=pa.large_string()).take(pa.array(places))
        return pc.replace_with_mask(array, mask, read), np.flatnonzero(odd)[faulty], rules

    def _odd(self, text: str) -> str | Fault | None:
        compact = tidy(text)
        shown = outer(text) if self.verbatim else compact
        if isinstance(compact, Fault):
            return compact
        if isinstance(shown, Fault):
            return shown
        if is_null_word(compact):
            return None
        if len(shown) > self.longest:
            return TOO_LONG
        if _SCIENTIFIC.fullmatch(compact):
            return MANGLED
        if whole := _AS_FLOAT.fullmatch(compact):
            return whole[1] if len(whole[1]) <= EXACT_DIGITS else MANGLED
        return self._word(shown) if self.words else shown


def _from_object(value: object) -> str | Fault:
    if isinstance(value, Fault):
        return value
    if isinstance(value, bool | np.bool_):
        return WRONG_TYPE
    if isinstance(value, int | np.integer):
        return str(int(value)) if abs(int(value)) < 10**40 else TOO_LONG
    if isinstance(value, float | np.floating | Decimal):
        exact = Decimal(value) if isinstance(value, Decimal) else Decimal(float(value))
        if not abs(exact) < 10**EXACT_DIGITS:
            return MANGLED
        return str(int(exact)) if exact == int(exact) else WRONG_TYPE
    return str(value) if isinstance(value, uuid.UUID) else WRONG_TYPE


def rounded_codes(array: Any) -> Any:
    """Find codes that a spreadsheet rounded: beyond the 15th digit nothing but zeros, in nearly the whole column.

    One such code may be honest; a column of them is not, and no digit of it can be got back.

    Parameters
    ----------
    array
        large_string array of codes as read.

    Returns
    -------
    int64 array
        Positions, ascending; empty where the column gives no cause for suspicion.
    """
    found, digits = ending_in_zeros(array)
    return found if tells_rounding(len(found), digits) else np.empty(0, dtype=np.int64)


def tells_rounding(found: int, digits: int) -> bool:
    """Whether so many codes that end in zeros, of so many long ones, mean that a spreadsheet rounded the column."""
    return found >= ROUND_AT_LEAST and found >= ROUND_SHARE * digits


def ending_in_zeros(array: Any) -> tuple[Any, int]:
    """Find codes with nothing but zeros beyond the 15th digit, and count the codes of more than 15 digits.

    Parameters
    ----------
    array
        large_string array of codes as read; parts of a column may be counted apart and added up.

    Returns
    -------
    tuple
        int64 positions, ascending, and the count.
    """
    data, bounds = bytes_of(array)
    long = np.diff(bounds) > EXACT_DIGITS
    if not len(data) or not long.any():
        return np.empty(0, dtype=np.int64), 0
    digits = pc.match_substring_regex(array.filter(pa.array(long)), r"^\d{16,}$").to_numpy(zero_copy_only=False)
    suspects = np.flatnonzero(long & (data[np.maximum(bounds[1:] - 1, 0)] == ord("0")))
    rounded = pc.match_substring_regex(array.take(pa.array(suspects)), r"^\d{15}0+$").to_numpy(zero_copy_only=False)
    return suspects[rounded.astype(bool)], int(np.count_nonzero(digits))
