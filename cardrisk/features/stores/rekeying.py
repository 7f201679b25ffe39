"""One stored event under the next token key.

Correct when a row has the tokens it would have had under the next key, as far as its own ``..._token_next`` columns or
the translation say them, and no token of the next key beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NEXT: Final = "_next"
"""Suffix of the columns that hold tokens under the next key, while both are in use."""
TOKENS: Final = ("ip_token", "device_token", "number_token", "secret_token", "card_token", "serial_block")
"""Columns that hold tokens."""


def rekeyed(row: Mapping[str, Any], translation: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a row with the next key's tokens, None where nothing of it changes.

    Parameters
    ----------
    row
        A stored card or answer.
    translation
        Tokens under the current key to tokens under the next. The row's own ``..._next`` columns come first.
    """
    out = dict(row)
    for name in TOKENS:
        token = row.get(name)
        following = out.pop(name + NEXT, None)
        if type(following) is str:
            out[name] = following
        elif type(token) is str and token in translation:
            out[name] = translation[token]
    return None if out == row else out


def said_by(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what a row of the overlap adds to a translation: its tokens to its ``..._next`` ones."""
    return {
        token: following
        for name in TOKENS
        if type(following := row.get(name + NEXT)) is str and type(token := row.get(name)) is str
    }
