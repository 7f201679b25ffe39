"""Whole-number facts of a card that no single column holds; each is null where a part of it is unknown."""

from __future__ import annotations

import numpy as np

from cardrisk.features import windows
from cardrisk.features.arrays import I64, NULL
from cardrisk.features.columns import coded
from cardrisk.features.events import Answers, Cards, column_of
from cardrisk.features.grouping import codes_of, counting
from cardrisk.features.rings import FACTS as RING_FACTS
from cardrisk.features.rings import add_rings
from cardrisk.features.sorting import group
from cardrisk.features.statistics import CARD
from cardrisk.features.together import add_together


def region_mismatch(cards: Cards) -> I64:
    """Return 1 where the card is used outside its region, 0 where inside, ``NULL`` where either is unknown."""
    columns = ("region_issued", "region_of_use")
    parts = [column_of(part, name) for name in columns for part in cards.parts]
    codes, _ = coded(parts)
    issued, used = (cards.arrange(half.astype(np.int64)) for half in np.split(codes, 2))
    return np.where((issued < 0) | (used < 0), NULL, (issued != used).astype(np.int64))


def resubmitted(cards: Cards) -> I64:
    """Return 1 where the same card was handed in before, 0 where not, ``NULL`` without a token."""
    codes, size = codes_of(cards, CARD)
    q, p = group(codes, size, cards.time), group(counting(cards, codes), size, cards.time)
    last, cursor = np.empty((1, q.order.size), np.int64), windows.cursor_for(np.zeros(0, np.int64))
    windows.clocks((q.time, q.start), 0, q.order.size, cursor, p.time, p.start, last, -1, 0)
    seen = np.full(cards.time.size, NULL)
    seen[q.order] = last[0] != NULL
    return seen


DERIVED = {"flag region_mismatch": region_mismatch, "flag resubmitted": resubmitted}


def add_derived(cards: Cards, answers: Answers, names: frozenset[str]) -> None:
    """Compute the derived facts among ``names`` and keep them with the cards."""
    for name in sorted(names & DERIVED.keys()):
        cards.found.setdefault(name, DERIVED[name](cards))
    add_together(cards, names)
    if names & set(RING_FACTS):
        add_rings(cards, answers)
