"""How a refused value may be shown.

Correct means: what is shown of a value cannot be, or contain, a card number or a secret - whatever column it
stood in, since in a shifted file a secret can stand in any.
"""

import re
import unicodedata
from datetime import date
from typing import Final

import numpy as np

from cardrisk.tables.cells import Fault, is_null

_DATE: Final = re.compile(
    r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[T ]\d{1,2}[:时]\d{1,2}(?:[:分]\d{1,2}(?:\.\d+)?)?)?.{0,6}"
)
_DAY_FIRST: Final = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?: \d{1,2}:\d{1,2}(?::\d{1,2})?)?")
_WORD: Final = re.compile(r"[A-Za-z_ ]{1,12}")


def masked(value: object, *, secret: bool = False) -> str:
    """Give a value as it may be shown.

    Parameters
    ----------
    value
        Any cell.
    secret
        The column holds codes or identities: show the length only.

    Returns
    -------
    str
        The value if it is too short or too plain to be a code, else ``<n characters>``; empty for null.
    """
    if value is None:
        return ""
    if isinstance(value, Fault) or is_null(value):
        return ""
    if not isinstance(value, str | int | float | np.number | date):
        return f"<{type(value).__name__}>"
    text = str(value)
    if not text.strip():
        return ""
    if secret or len(text) > 40:
        return f"<{len(text)} characters>"
    plain = unicodedata.normalize("NFKC", text).strip()
    alnum = sum(c.isalnum() and not "\u4e00" <= c <= "\u9fff" for c in plain)
    if plain.isprintable() and (
        alnum <= 6 or _DATE.fullmatch(plain) or _DAY_FIRST.fullmatch(plain) or _WORD.fullmatch(plain)
    ):
        return plain
    return f"<{len(text)} characters>"
