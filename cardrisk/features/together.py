"""Cards handed in together (one batch, one moment) may see coarse facts of each other, never each other's answers."""

from __future__ import annotations

from typing import Final

import numpy as np

from cardrisk.features.arrays import I64, NULL
from cardrisk.features.columns import combined
from cardrisk.features.events import Cards

DISTINCT: Final = ("card_token", "secret_token", "serial_block", "card_kind", "face_value")
SURPRISE: Final = "micro code_secret_surprise"


def add_together(cards: Cards, names: frozenset[str]) -> None:
    """Compute the ``request`` facts among ``names`` and keep them with the cards.

    ``request cards`` counts the cards; ``request distinct X`` the values of a column, ``request known X`` the
    cards that have one; ``request sum X`` adds up a number, ``request has X`` counts the cards that have it.
    """
    wanted = sorted(name for name in names if name.startswith("request "))
    if not wanted:
        return
    codes, size, alone = _requests(cards)
    counts = cards.push == 1
    counts[alone] = True  # also where history holds the card already: it is in its own request
    for name in wanted:
        _, what, *rest = name.split(" ", 2)
        cards.found[name] = _tally(cards, codes, size, counts, what, rest[0] if rest else "")


def _requests(cards: Cards) -> tuple[I64, int, I64]:
    """Return a request per card, how many there are, and the cards without a batch: each is a request of its own."""
    batch, count = cards.code("batch_id")
    moment = np.zeros(cards.time.size, np.int32)
    np.cumsum(cards.time[1:] != cards.time[:-1], out=moment[1:])
    codes, size = combined([(batch, count), (moment, cards.time.size)])
    alone = np.flatnonzero(codes < 0)
    whole = codes.astype(np.int64)
    whole[alone] = size + np.arange(alone.size)
    return whole, size + alone.size, alone


def _tally(cards: Cards, codes: I64, size: int, counts: I64, what: str, of: str) -> I64:
    if what == "cards":
        return np.bincount(codes[counts], minlength=size)[codes]
    if what in ("distinct", "known"):
        value, values = cards.code(of)
        held = counts & (value >= 0)
        known = np.bincount(codes[held], minlength=size)
        if what == "known":
            return known[codes]
        pairs = np.unique(codes[held] * values + value[held])
        distinct = np.bincount(pairs // max(values, 1), minlength=size)
        return np.where(known[codes] > 0, distinct[codes], NULL)
    number = cards.number(of)
    held = counts & (number != NULL)
    if what == "has":
        return np.bincount(codes[held], minlength=size)[codes]
    total = np.zeros(size, np.int64)
    np.add.at(total, codes[held], number[held])
    return total[codes]
