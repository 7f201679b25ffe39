"""Changing the token key without forgetting who was seen: history follows from the old tokens to the new.

Correct when, after an overlap during which every card got tokens under both keys, two cards of the overlap or later
have equal tokens exactly when they would have had without the change.

The steps for an operator:

1. Make the next key. Hand over both (``KeyRing(current, next)``, ``CARDRISK_KEY_NEXT`` or a key file's second line)
   and start every service anew: each card is still known by its current token and carries ``..._token_next`` beside it.
   Keep a copy of the store.
2. Wait at least as long as the longest window over tokens that must not notice (7 days for the default features);
   for statistics of answers, that long and an answer's delay. Lifetime statistics go on for every token seen in the
   overlap and begin again for the others.
3. Stop the services that write. Take what was kept to the next key: a store by ``LiveHistory.rekey`` (or
   ``Store.rekey``), which reads the pairs from the journal itself and rewrites it in one step; tables by :func:`rekey`.
   Pairs that were noted elsewhere are handed over as a :func:`translation`. Should it be broken off, nothing has
   changed: call it again.
4. Hand over the next key alone as the current one and start the services. One that was not stopped builds its sums
   anew at its next write, but goes on making tokens under the old key, which match nothing: hence step 3.
5. Destroy the old key, and the copy of the store when it is no longer needed.

A token from before the overlap whose card, device or address was not seen during it stays as it is and matches nothing
any more; it is trimmed with its age.
"""

from __future__ import annotations

from cardrisk._later import pd
from cardrisk.codes.gate import NEXT
from cardrisk.codes.tokens import TOKENS
from cardrisk.errors import KeyMaterialError


def rekey(history: pd.DataFrame) -> pd.DataFrame:
    """Take an intake frame of the overlap to the next key.

    Parameters
    ----------
    history
        An intake frame; rows from before the overlap lack (or have null) ``..._next`` tokens: they get the next token
        where a row of the overlap tells it, and keep their own otherwise.

    Returns
    -------
    pandas.DataFrame
        A copy whose tokens are the next key's where known; without the ``..._next`` columns.
    """
    pairs = [(name, name + NEXT) for name in TOKENS if name in history and name + NEXT in history]
    words = translation(history) if pairs else {}
    taken = {name: history[after].fillna(history[name].map(words)).fillna(history[name]) for name, after in pairs}
    return history.assign(**taken).drop(columns=[after for _, after in pairs])


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
