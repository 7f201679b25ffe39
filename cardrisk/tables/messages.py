"""What gateways say, without the codes that some of them repeat.

Correct means: no run of characters that could be a card's number or secret stays; messages that differ in such a run
alone are one message.
"""

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar, Final

from cardrisk.tables.cells import Fault
from cardrisk.tables.reader import Reader
from cardrisk.tables.text import Text

LEAST: Final = 8
"""Characters of a run with digits that could be a code."""

_RUN: Final = re.compile(r"[0-9A-Z]{4}(?: [0-9A-Z]{4}){2,}[0-9A-Z]*|\d+(?: \d+)+|[0-9A-Za-z\d]+(?:-[0-9A-Za-z\d]+)*")
"""Groups of four, groups of digits, words with or without hyphens; digits of any script."""
_SUSPECT: Final = re.compile(r"\d|[A-Z]{12}")
_CAPITALS: Final = re.compile(r"[A-Z]{12,}")


@dataclass(frozen=True, slots=True, eq=False)
class Message(Reader):
    """Text as ``text`` reads it, in which what could be a code is told by its length."""

    text: Text
    dtype: ClassVar[str] = "str"

    def one(self, value: object, zone: tzinfo | None = None) -> str | Fault | None:
        """Read one cell: str, Fault, or None for null."""
        found = self.text.one(value, zone)
        return _RUN.sub(_told, found) if isinstance(found, str) and _SUSPECT.search(found) else found


def _told(match: re.Match[str]) -> str:
    run = match[0].replace("-", "").replace(" ", "")
    could_be = (len(run) >= LEAST and any(c.isdigit() for c in run)) or _CAPITALS.fullmatch(run)
    return f"<{len(run)} characters>" if could_be else match[0]
