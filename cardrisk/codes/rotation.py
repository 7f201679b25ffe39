"""Changing the token key without forgetting who was seen: history follows from the old tokens to the new.

Correct when, after an overlap during which every card got tokens under both keys, two cards of the overlap or later
have equal tokens exactly when they would have had without the change.

The steps: (1) hand over both keys (``KeyRing(current, next)``, ``CARDRISK_KEY_NEXT`` or a key file's second line);
every card now carries ``..._token_next`` beside its token. (2) Wait at least as long as the longest window over
tokens. (3) Hand over the next key alone, and in the same moment take what was kept to it: frames by :func:`rekey`,
stores by :func:`translation`. Tokens from before the overlap stay as they are and match nothing any more.
"""

import pandas as pd

from cardrisk.codes.gate import NEXT
from cardrisk.codes.tokens import TOKENS
from cardrisk.errors import KeyMaterialError


def rekey(history: pd.DataFrame) -> pd.DataFrame:
    """Take an intake frame of the overlap to the next key.

    Parameters
    ----------
    history
        An intake frame; rows from before the overlap lack (or have null) ``..._next`` tokens and keep their own.

    Returns
    -------
    pandas.DataFrame
        A copy whose tokens are the next key's where known; without the ``..._next`` columns.
    """
    pairs = [(name, name + NEXT) for name in TOKENS if name in history and name + NEXT in history]
    return history.assign(**{name: history[after].fillna(history[name]) for name, after in pairs}).drop(
        columns=[after for _, after in pairs]
    )


def translation(*frames: pd.DataFrame) -> dict[str, str]:
    """Return old token to next token over intake frames of the overlap, for stores that hold tokens as keys.

    Raises
    ------
    KeyMaterialError
        No frame has ``..._next`` columns: they were taken in with one key.
    """
    found: dict[str, str] = {}
    rotated = False
    for frame in frames:
        for name in TOKENS:
            if name in frame and name + NEXT in frame:
                rotated = True
                pairs = frame[[name, name + NEXT]].dropna().drop_duplicates()
                found |= dict(zip(pairs[name], pairs[name + NEXT], strict=True))
    if not rotated:
        raise KeyMaterialError(
            "rotation: expected frames taken in with a current and a next key, got none with ..._next columns"
        )
    return found
