"""Dirty text in, one plain code out: ``0-9``, ``A-Z`` and ``?`` for a character no card can carry.

Correct when texts that a person would read as the same code become the same code, and normalising twice changes
nothing. :func:`normalise` is the definition; the compiled road takes the texts that are plain ASCII already and
hands every other one to it.
"""

import re
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

LONGEST_TEXT: Final = 1_024
"""Characters read of one field; whatever is longer is no card code."""
LONGEST_CODE: Final = 64
"""Characters a code may have once cleaned; published ones have at most 21."""

CASE: Final = 1
SPACING: Final = 2
UNICODE: Final = 4
LABEL: Final = 8
SPLIT: Final = 16
OVERSIZED: Final = 32

CLEANED: Final[dict[int, str]] = {
    CASE: "lower case",
    SPACING: "spaces, hyphens or other separators",
    UNICODE: "full-width, invisible or other non-ASCII characters",
    LABEL: "a label",
    SPLIT: "number and secret in one field",
    OVERSIZED: "far longer than any code",
}
"""What each flag says was cleaned."""

KEEP: Final = 0
LOWER: Final = 1
DROP: Final = 2
MARK: Final = 3
SLOW: Final = 4

UNREADABLE: Final = "?"
_MARKS: Final = "*?_#@!$&%^"
_DROPPED_CATEGORIES: Final = ("Cc", "Cf", "Z", "M", "P")
_HAN_LABEL: Final = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+\s*[:=]?")
_LATIN_LABEL: Final = re.compile(r"(?<![0-9A-Z])[A-Z][A-Z .#]{0,30}[:=]")


def _classes() -> NDArray[np.uint8]:
    table = np.full(256, SLOW, np.uint8)
    for byte in range(128):
        character = chr(byte)
        if character.isalnum():
            table[byte] = LOWER if character.islower() else KEEP
        elif character in ":=":
            table[byte] = SLOW
        else:
            table[byte] = MARK if character in _MARKS else DROP
    return table


CLASSES: Final = _classes()
"""What becomes of each byte: kept, upper-cased, dropped, marked ``?``, or left to :func:`normalise`."""


def normalise(text: str) -> tuple[str, int]:
    """Return the plain code of ``text`` and the flags of what was cleaned away.

    Full-width and other compatibility forms become ASCII, decimal digits of any script become 0-9, case goes up;
    invisible characters, accents, separators and labels go; any other character becomes ``?``: it was there, and
    no card carries it.

    Parameters
    ----------
    text
        One field as it was typed or pasted.

    Returns
    -------
    code : str
        Only ``0-9A-Z?``, at most 64 characters; empty where nothing was left or the text is far too long.
    flags : int
        Sum of ``CASE``, ``SPACING``, ``UNICODE``, ``LABEL`` and ``OVERSIZED``.
    """
    if len(text) > LONGEST_TEXT:
        return "", OVERSIZED
    flags = 0 if text.isascii() else UNICODE
    plain = unicodedata.normalize("NFKD", text)
    if any(character.islower() for character in plain):
        flags |= CASE
        plain = unicodedata.normalize("NFKD", plain.upper())
    unlabelled = _LATIN_LABEL.sub(" ", _HAN_LABEL.sub(" ", plain))
    if unlabelled != plain:
        flags |= LABEL
    code = "".join(map(_character, unlabelled))
    if len(code) < len(unlabelled):
        flags |= SPACING
    return ("", flags | OVERSIZED) if len(code) > LONGEST_CODE else (code, flags)


def _character(character: str) -> str:
    if character < "\x80":
        kind = CLASSES[ord(character)]
        return character if kind == KEEP else UNREADABLE if kind == MARK else ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    return "" if unicodedata.category(character).startswith(_DROPPED_CATEGORIES) else UNREADABLE
