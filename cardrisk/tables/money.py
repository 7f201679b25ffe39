"""Money: yuan at the surface, whole cents inside.

Correct means: an amount is the nearest whole number of cents to what the cell said, zero included; a negative,
infinite or foreign amount is refused by rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

import numpy as np

from cardrisk._later import pd
from cardrisk.tables.arrow import Mask
from cardrisk.tables.cells import OUT_OF_RANGE, Fault, is_null_word, tidy
from cardrisk.tables.numbers import UNREADABLE_NUMBER, Amounts, Floats, number
from cardrisk.tables.reader import Parsed

NEGATIVE: Final = Fault("negative_money")
UNREADABLE_MONEY: Final = Fault("unreadable_money")

MOST_YUAN: Final = 1_000_000.0
"""Yuan; no single card is worth more, so a larger amount is a column mix-up."""

NULL_CENTS: Final = int(np.iinfo(np.int64).min)
"""What `to_cents` gives for null."""

_MARK_BEFORE: Final = re.compile(r"([+-]?) *(?:¥|RMB|CNY|人民币) *", re.IGNORECASE)
_MARK_AFTER: Final = re.compile(r" *(?:元整?|圆|块|RMB|CNY)$", re.IGNORECASE)
_NOT_AN_AMOUNT: Final = re.compile(r"%$|\de", re.IGNORECASE)
_BRACKETED: Final = re.compile(r"\((.+)\)")


def to_cents(yuan: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Give amounts in whole cents, rounding to the nearest (ties to even).

    Parameters
    ----------
    yuan
        float64 array of yuan, any shape; NaN is null.

    Returns
    -------
    int64 array
        Cents, same shape; `NULL_CENTS` where null.
    """
    amounts = np.asarray(yuan, dtype=np.float64)
    null = np.isnan(amounts)
    return np.where(null, NULL_CENTS, np.rint(np.where(null, 0.0, amounts) * 100.0).astype(np.int64))


def to_yuan(cents: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give whole cents as float64 yuan, the inverse of `to_cents`; `NULL_CENTS` becomes NaN."""
    whole = np.asarray(cents, dtype=np.int64)
    return np.where(whole == NULL_CENTS, np.nan, whole / 100.0)


@dataclass(frozen=True, slots=True)
class Money(Amounts):
    """An amount of yuan between nothing and ``most``, rounded to the cent."""

    most: float = MOST_YUAN

    def one(self, value: object, zone: tzinfo | None = None) -> float | Fault | None:
        """Read one cell: yuan as float, Fault, or None for null."""
        if type(value) is float and 0.0 <= value <= self.most:
            return round(value * 100.0) / 100.0
        read = _amount(str.__str__(value)) if isinstance(value, str) else number(value)
        if read is UNREADABLE_NUMBER:
            return UNREADABLE_MONEY
        if read is None or isinstance(read, Fault):
            return read
        if read < 0.0:
            return NEGATIVE
        return round(read * 100.0) / 100.0 if read <= self.most else OUT_OF_RANGE

    def doubtful(self, read: Floats) -> Mask:
        """Tell which amounts lie outside the range."""
        return ~((read >= 0.0) & (read <= self.most))

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column into float64 yuan."""
        read = Amounts.column(self, cells, zone)
        # Adding zero turns a negative zero into zero.
        return Parsed(np.rint(read.array * 100.0) / 100.0 + 0.0, read.positions, read.rules)


def _amount(text: str) -> float | Fault | None:
    clean = tidy(text)
    if isinstance(clean, Fault):
        return clean
    if is_null_word(clean):
        return None
    bracketed = _BRACKETED.fullmatch(clean)
    bare = _MARK_AFTER.sub("", bracketed[1] if bracketed else clean)
    if mark := _MARK_BEFORE.match(bare):
        bare = mark[1] + bare[mark.end() :]
    if _NOT_AN_AMOUNT.search(bare):
        return UNREADABLE_MONEY
    read = number(bare)
    if read is None:
        return UNREADABLE_MONEY
    return -read if bracketed and isinstance(read, float) else read
