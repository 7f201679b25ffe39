"""What a table's cell may be before anybody knows its column.

Correct means: a cell is null, or readable, or refused under the name of one rule - never an exception, and
never a value that the cell did not say.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import TimeZoneError

NULL_WORDS: Final = frozenset(
    {"", "nan", "null", "none", "n/a", "#n/a", "<na>", "nat", "\\n", "-", "--", "—", "——", "无", "空"}
)
"""Text that export tools write where nothing is known, compared without case."""

LONGEST_CELL: Final = 4096
"""Characters; a longer cell is refused before anything else looks at it."""

_FOLD: Final = str.maketrans("", "", " _-\t\u3000")


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell broke a rule.

    Attributes
    ----------
    rule
        The rule's name, which is its error code (see `cardrisk.tables.RULES`).
    """

    rule: str


TOO_LONG: Final = Fault("too_long")
BAD_CHARACTERS: Final = Fault("bad_characters")
WRONG_TYPE: Final = Fault("wrong_type")
OUT_OF_RANGE: Final = Fault("out_of_range")


def safely(one: Callable[[object, tzinfo | None], Any], cell: object, zone: tzinfo | None) -> Any:
    """Read a cell; a cell that brings its own code (an ``int`` that cannot be one) is of the wrong type.

    Raises
    ------
    TimeZoneError
        As in `Reader.one`.
    """
    try:
        return one(cell, zone)
    except TimeZoneError:
        raise
    except Exception:
        return WRONG_TYPE


def is_null(value: object) -> bool:
    """Whether a cell that is not text says nothing: None, NaN, NaT or NA."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating) and bool(value != value)


def tidy(text: str) -> str | Fault:
    """Undo what keyboards and export tools do to text: width, blanks at the ends, Excel's text quotes.

    Returns
    -------
    str or Fault
        Text in compatibility form (NFKC) without blanks at its ends, perhaps empty.
    """
    if len(text) > LONGEST_CELL:
        return TOO_LONG
    return outer(unicodedata.normalize("NFKC", text))


def outer(text: str) -> str | Fault:
    """Strip blanks, invisible characters and Excel's text quotes (``="12"``, ``'12``) from the ends."""
    if len(text) > LONGEST_CELL:
        return TOO_LONG
    text = text.strip()
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1].strip()
    if text.startswith("'") and len(text) > 1:
        text = text[1:].strip()
    if not text.isprintable():
        # Characters that show nothing would make two identities of what a reader sees as one.
        text = " ".join("".join(c for c in text if unicodedata.category(c) != "Cf").split())
    return text if text.isprintable() else BAD_CHARACTERS


def is_null_word(text: str) -> bool:
    """Whether tidy text stands for nothing known."""
    return len(text) <= 5 and text.casefold() in NULL_WORDS


def folded(text: str) -> str:
    """Give a word without case, blanks, underscores and hyphens, for comparison."""
    return text.casefold().translate(_FOLD)
