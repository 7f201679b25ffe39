"""What a table's cell may be before anybody knows its column.

Correct means: a cell is null, or readable, or refused under the name of one rule - never an exception, and
never a value that the cell did not say. Every reader is defined on one cell (`Reader.one`); the road over
whole columns (`Reader.column`) may answer faster, but only where it gives what `one` gives.
"""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

NULL_WORDS: Final = frozenset(
    {"", "nan", "null", "none", "n/a", "#n/a", "<na>", "nat", "\\n", "-", "--", "—", "——", "无", "空"}
)
"""Text that export tools write where nothing is known, compared without case."""

LONGEST_CELL: Final = 4096
"""Characters; a longer cell is refused before anything else looks at it."""

INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u2060\u00ad"
"""Characters that show nothing: the byte-order mark and its kin."""


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


@dataclass(frozen=True, slots=True)
class Parsed:
    """One column after reading.

    Attributes
    ----------
    values
        One value per row of the input, null where the cell is null or faulty.
    positions
        int64 positions of the faulty cells, ascending.
    rules
        The rule each of those cells broke.
    """

    values: Any
    positions: np.ndarray[Any, np.dtype[np.int64]] = field(
        default_factory=lambda: np.empty(0, dtype=np.int64)
    )
    rules: Sequence[str] = ()


class Reader(ABC):
    """How the cells of one column are read: one at a time, or all at once with the same result."""

    dtype: ClassVar[str]

    @abstractmethod
    def one(self, value: object, zone: tzinfo | None) -> Any:
        """Read one cell.

        Parameters
        ----------
        value
            Anything at all.
        zone
            The zone of times that carry none; None refuses such times.

        Returns
        -------
        object
            The value, None for null, or a `Fault`.

        Raises
        ------
        TimeZoneError
            A time carries no zone and ``zone`` is None.
        """

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column.

        Parameters
        ----------
        cells
            The column as given, any dtype.
        zone
            As in `one`.

        Returns
        -------
        Parsed
            Values of dtype ``self.dtype``.

        Raises
        ------
        TimeZoneError
            As in `one`.
        """
        values, positions, rules = self.each(objects(cells), zone)
        return Parsed(pd.array(values, dtype=self.dtype), positions, rules)

    def each(
        self, cells: Sequence[Any], zone: tzinfo | None
    ) -> tuple[list[Any], np.ndarray[Any, Any], list[str]]:
        """Read cells one after the other: values (null where faulty), faulty positions, their rules."""
        one = self.one
        values = [one(cell, zone) for cell in cells]
        faulty = [i for i, value in enumerate(values) if type(value) is Fault]
        rules = [values[i].rule for i in faulty]
        for i in faulty:
            values[i] = None
        return values, np.asarray(faulty, dtype=np.int64), rules


def objects(cells: pd.Series) -> Any:
    """Give the cells as Python objects, whatever holds them."""
    return cells.astype(object).to_numpy(dtype=object)


def is_null(value: object) -> bool:
    """Whether a cell that is not text says nothing: None, NaN, NaT or NA."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    try:
        return isinstance(value, float | np.floating) and bool(value != value)  # noqa: PLR0124
    except Exception:  # noqa: BLE001  # a hostile cell may raise on comparison
        return False


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
    text = text.strip().strip(INVISIBLE).strip()
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1].strip()
    if text.startswith("'") and len(text) > 1:
        text = text[1:].strip()
    if not text.isprintable():
        text = " ".join(text.split())
        if not text.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs", "Cn", "Co"} for c in text):
            return BAD_CHARACTERS
    return text


def is_null_word(text: str) -> bool:
    """Whether tidy text stands for nothing known."""
    return len(text) <= 5 and text.casefold() in NULL_WORDS
