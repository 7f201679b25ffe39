"""Facts of a card that need more than the card: the ring it belongs to, the cards handed in with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features import rings
from cardrisk.features.arrays import I64, NEVER, NULL
from cardrisk.features.live import book as at_
from cardrisk.features.live.book import FIRST_CARD, NEXT_CARD, cells, opened, row_of, size
from cardrisk.features.live.facts import CODED, DISTINCT_CODE, HAS, ONE, SUM
from cardrisk.features.live.handing import Card
from cardrisk.features.live.layout import ANSWER, BEFORE, CARD_CODES, GRADE, TIME
from cardrisk.features.live.values import Row, plain


@compiled
def _linked(address: int, day: int, values: I64, held: I64) -> int:
    """Write the values that link each card of the span, and its answer then; returns how many cards there are."""
    book = opened(address)
    counts, columns, n_columns = cells(book, at_.COUNTS), cells(book, at_.RING_COLUMNS), size(book, at_.RING_COLUMNS)
    to_codes, n = cells(book, at_.SIZES)[CARD_CODES], 0
    for number in range(counts[FIRST_CARD], counts[NEXT_CARD]):
        row = row_of(book, at_.CARDS, number)
        if not day - rings.SPAN <= row[TIME] < day:
            continue
        if values.shape[0] > 0:
            for j in range(n_columns):
                code = row[to_codes + columns[j]]
                values[n, j] = -1 if code < 0 else code * n_columns + j
            answer = row[ANSWER]
            while answer >= 0 and row_of(book, at_.ANSWERS, answer)[TIME] >= day:
                answer = row_of(book, at_.ANSWERS, answer)[BEFORE]
            grade = row_of(book, at_.ANSWERS, answer)[GRADE] if answer >= 0 else 0
            held[n, 0], held[n, 1] = int(grade >= 1), int(grade >= 2)
        n += 1
    return n


def build_rings(address: int, day: int) -> tuple[I64, I64, I64, I64]:
    """Build the rings of one day in one pass over the book at an address.

    Returns
    -------
    values, parent, degree, stats
        The linking values in order (code times columns plus column), and what :func:`cardrisk.features.rings.look`
        reads; the last entry of the latter three stands for every value not seen in the span.
    """
    columns = len(rings.COLUMNS)
    n = _linked(address, day, np.zeros((0, columns), np.int64), np.zeros((0, 2), np.int64))
    values, held = np.zeros((n, columns), np.int64), np.zeros((n, 2), np.int64)
    _linked(address, day, values, held)
    known = np.unique(values[values >= 0])
    place = np.where(values < 0, -1, np.searchsorted(known, values))
    parent, degree = np.zeros(known.size + 1, np.int64), np.zeros(known.size + 1, np.int64)
    stats = np.zeros((known.size + 1, 3), np.int64)
    rings.build(place, 0, n, held, parent, degree, stats)
    return known, parent, degree, stats


def batches_of(cards: Sequence[Row]) -> dict[Any, list[Row]]:
    """Return cards by the batch they were handed in with; those of no batch are left out."""
    batches: dict[Any, list[Row]] = {}
    for card in cards:
        batch = plain(card.get("batch_id"))
        if batch is not None:
            batches.setdefault(batch, []).append(card)
    return batches


def together(cards: Sequence[Card], facts: I64) -> I64:
    """Return the ``request`` facts (see :mod:`cardrisk.features.together`) of cards handed in together.

    Returns
    -------
    int64 array
        Shape (facts,): ``NEVER`` where a fact is none of the request.
    """
    over = np.full(len(facts), NEVER, np.int64)
    for f, (op, i, *_) in enumerate(facts.tolist()):
        if op == ONE:
            over[f] = len(cards)
        elif op in (CODED, DISTINCT_CODE):
            values = [value for _, found, _ in cards if (value := plain(found[i])) is not None]
            over[f] = len(values) if op == CODED else len(set(values)) if values else NULL
        elif op in (HAS, SUM):
            numbers = [number for *_, found in cards if (number := found[i]) != NULL]
            over[f] = len(numbers) if op == HAS else sum(numbers)
    return over
