"""What is different about a card that is handed in again.

Correct when the same card, read again, differs in nothing: whatever store keeps it, whichever token key is in use, and
whoever it is handed in with.
"""

from collections.abc import Mapping
from typing import Any, Final

from cardrisk.features.stores.codec import decode, encode
from cardrisk.features.stores.rekeying import TOKENS

_LATER: Final = frozenset({"received_at"})
"""Columns that may well change from one handing in to the next."""
_OF_CODES: Final = "code_"
"""How facts about codes begin: some are about the cards handed in with it, and the tokens tell of the codes anyway."""


def changed(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """Return the columns in which a card differs from the one that was answered.

    Parameters
    ----------
    now, then
        The card after intake; both as stores write them.

    Returns
    -------
    list of str
        Names of columns, never what they hold. Tokens of two keys cannot be compared and count as equal.
    """
    new, old = decode(encode(now)[0]), decode(encode(then)[0])
    return [name for name in dict.fromkeys((*new, *old)) if _differs(name, new.get(name), old.get(name))]


def _differs(name: str, now: Any, then: Any) -> bool:
    if now == then or name in _LATER or name.startswith(_OF_CODES) or name.endswith("_next"):
        return False
    return _key_of(name, now) == _key_of(name, then)


def _key_of(name: str, value: Any) -> str:
    """Return the name of the key that a token was made under; the same for everything that is no token."""
    return value.partition(".")[0] if name in TOKENS and isinstance(value, str) else ""
