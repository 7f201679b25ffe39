"""Text columns: identities, categories and codes.

Correct means: what is kept is what the cell showed, without blanks at its ends and (codes apart) in one
character width; a number that lost digits on its way through a spreadsheet is refused, never completed.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import ClassVar, Final

import numpy as np

from cardrisk.tables.cells import (
    NULL_WORDS,
    TOO_LONG,
    WRONG_TYPE,
    Fault,
    Reader,
    is_null,
    is_null_word,
    outer,
    tidy,
)

MANGLED: Final = Fault("mangled_number")

EXACT_DIGITS: Final = 15
"""Decimal digits that spreadsheets keep; of a longer number the rest is gone."""

_PLAIN: Final = re.compile(r"(?!\d+\.0+$|\d+\.\d*[eE]|\d+[eE]\+)[!#-&(-<>-~](?:[ -~]{0,254}[!-~])?")
_SCIENTIFIC: Final = re.compile(r"[+-]?(?:\d+\.\d*[eE][+-]?\d+|\d+[eE]\+\d+)", re.ASCII)
_AS_FLOAT: Final = re.compile(r"(\d+)\.0+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Text(Reader):
    """Text of at most ``longest`` characters.

    Attributes
    ----------
    longest
        Characters, at most 256.
    verbatim
        Keep inner characters as given: codes are normalised in one place only, at the intake boundary.
    """

    longest: int = 128
    verbatim: bool = False
    dtype: ClassVar[str] = "str"

    def one(self, value: object, zone: tzinfo | None = None) -> str | Fault | None:
        """Read one cell as text: str, Fault, or None for null; numbers are taken only if no digit was lost."""
        if (
            type(value) is str
            and len(value) <= self.longest
            and _PLAIN.fullmatch(value)
            and (len(value) > 5 or value.lower() not in NULL_WORDS)
        ):
            return value
        if isinstance(value, str):
            return self._odd(str(value))
        return None if is_null(value) else _from_object(value)

    def _odd(self, text: str) -> str | Fault | None:
        compact = tidy(text)
        kept = outer(text) if self.verbatim else compact
        if isinstance(compact, Fault):
            return compact
        if isinstance(kept, Fault):
            return kept
        if is_null_word(compact):
            return None
        if len(kept) > self.longest:
            return TOO_LONG
        if _SCIENTIFIC.fullmatch(compact):
            return MANGLED
        if whole := _AS_FLOAT.fullmatch(compact):
            return whole[1] if len(whole[1]) <= EXACT_DIGITS else MANGLED
        return kept


def _from_object(value: object) -> str | Fault:
    if isinstance(value, bool | np.bool_):
        return WRONG_TYPE
    if isinstance(value, int | np.integer):
        return str(int(value)) if abs(int(value)) < 10**40 else TOO_LONG
    if isinstance(value, float | np.floating | Decimal):
        if abs(value) >= 10**EXACT_DIGITS:
            return MANGLED
        return str(int(value)) if value == int(value) else WRONG_TYPE
    return str(value) if isinstance(value, uuid.UUID) else WRONG_TYPE
