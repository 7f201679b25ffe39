"""What Python hands over of an event - codes of texts and whole numbers - and what the kernels make of it.

A card is handed over as one row: a code per column of :attr:`Handed.columns` (equal values, equal codes), then a
number per name of :attr:`Handed.numbers`. Every weight and fact follows from these in compiled code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features import rings
from cardrisk.features.arrays import I64, NULL
from cardrisk.features.declare import Key
from cardrisk.features.live.book import Cells, beyond
from cardrisk.features.live.values import SCALED, TIMES

# what a weight or a fact is, by its first field; the others name codes or numbers of the row
ONE, NUMBER, HAS, PRICE, GAP, AGAIN, HAS_AGAIN, MOMENT, RING, CODED, DISTINCT_CODE, SUM = range(12)
# what an answer adds
IS_KNOWN, IS_FAILED, HAS_CAUSE, HAS_TEXT = range(4)
FIELDS: Final = 4
AGAIN_NAME: Final = "flag resubmitted"


@dataclass(frozen=True)
class Handed:
    """What of an event is handed over.

    Attributes
    ----------
    columns
        Columns of a card whose values are coded; those that hold moments last.
    numbers
        Whole numbers of a card: ``cents|micro|time|flag COLUMN``, the scaled ones first.
    said_columns, causes
        Columns of an answer whose values are coded, and the causes that are told apart.
    weights, said_weights, facts
        How each channel and fact follows, shape (channels or facts, 4).
    """

    columns: tuple[str, ...]
    numbers: tuple[str, ...]
    said_columns: tuple[str, ...]
    causes: tuple[str, ...]
    weights: I64
    said_weights: I64
    facts: I64


def handed_of(
    keys: Sequence[Key],
    facts: tuple[str, ...],
    card: tuple[str, ...],
    answer: tuple[str, ...],
    distinct: Sequence[tuple[int, str]],
    top: Sequence[str],
) -> Handed:
    """Gather what keys, facts and channels need of an event."""
    asked = [name.split(" ", 2)[2] for name in facts if name.startswith(("request known ", "request distinct "))]
    linked = rings.COLUMNS if any(name.startswith("ring ") for name in facts) else ()
    named = [column for key in keys for column in key.columns] + [column for _, column in distinct]
    columns = tuple(sorted(dict.fromkeys([*named, *asked, *linked]), key=TIMES.__contains__))
    needed = dict.fromkeys(number for name in (*card, *facts) for number in _numbers(name))
    numbers = tuple(sorted(needed, key=lambda name: not name.startswith(SCALED)))
    said = tuple(dict.fromkeys([*top, *(name[12:] for name in answer if name.startswith("failed with "))]))
    causes = tuple(name[6:] for name in answer if name.startswith("cause "))
    return Handed(
        columns,
        numbers,
        said,
        causes,
        _table([_weight(name, numbers) for name in card]),
        _table([_said_weight(name, said, causes) for name in answer]),
        _table([_fact(name, columns, numbers) for name in facts]),
    )


def _numbers(name: str) -> list[str]:
    """Return the whole numbers that a channel or fact is made of."""
    if name.startswith("price "):
        return ["cents asking_price", "cents face_value"]
    if name.startswith(("request sum ", "request has ")):
        return [name.split(" ", 2)[2]]
    name = name.removeprefix("has ")
    apart = name == "moment" or name == "one" or name == AGAIN_NAME
    return [] if apart or name.startswith(("gap ", "ring ", "request ")) else [name]


def _weight(name: str, numbers: Sequence[str]) -> list[int]:
    if name == "one":
        return [ONE]
    if name.startswith("gap "):
        return [GAP]
    if name.endswith(AGAIN_NAME):
        return [HAS_AGAIN if name.startswith("has ") else AGAIN]
    if name.startswith("price "):
        asking, face = map(numbers.index, _numbers(name))
        return [PRICE, asking if name == "price asking" else face, asking, face]
    return [HAS if name.startswith("has ") else NUMBER, numbers.index(name.removeprefix("has "))]


def _said_weight(name: str, said: Sequence[str], causes: Sequence[str]) -> list[int]:
    if name in ("known", "failed"):
        return [IS_KNOWN if name == "known" else IS_FAILED]
    if name.startswith("cause "):
        return [HAS_CAUSE, causes.index(name[6:])]
    return [HAS_TEXT, said.index(name.removeprefix("failed with "))]


def _fact(name: str, columns: Sequence[str], numbers: Sequence[str]) -> list[int]:
    if name == "moment":
        return [MOMENT]
    if name == AGAIN_NAME:
        return [AGAIN]
    if name.startswith("ring "):
        return [RING, rings.FACTS.index(name)]
    if not name.startswith("request "):
        return [NUMBER, numbers.index(name)]
    _, what, *rest = name.split(" ", 2)
    if what == "cards":
        return [ONE]
    if what in ("distinct", "known"):
        return [DISTINCT_CODE if what == "distinct" else CODED, columns.index(rest[0])]
    return [HAS if what == "has" else SUM, numbers.index(rest[0])]


def _table(rows: list[list[int]]) -> I64:
    table = np.zeros((len(rows), FIELDS), np.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


@compiled
def add_weights(row: Cells, numbers: Cells, again: int, weights: Cells, n: int) -> None:
    """Write what a card adds to every channel; 0 where its number is unknown, and for gaps, which follow later."""
    for c in range(n):
        how = beyond(weights, c * FIELDS)
        op, i = how[0], how[1]
        found = 0
        if op == ONE:
            found = 1
        elif op == NUMBER:
            found = 0 if numbers[i] == NULL else numbers[i]
        elif op == HAS:
            found = int(numbers[i] != NULL)
        elif op == PRICE:
            found = numbers[i] if numbers[how[2]] != NULL and numbers[how[3]] > 0 else 0
        elif op == AGAIN:
            found = max(again, 0)
        elif op == HAS_AGAIN:
            found = int(again != NULL)
        row[c] = found


@compiled
def add_said(row: Cells, grade: int, cause: int, codes: Cells, weights: Cells, n: int) -> None:
    """Write what an answer adds to every channel."""
    for c in range(n):
        op, i = weights[c * FIELDS], weights[c * FIELDS + 1]
        if op == IS_KNOWN:
            row[c] = int(grade >= 1)
        elif op == IS_FAILED:
            row[c] = int(grade >= 2)
        elif op == HAS_CAUSE:
            row[c] = int(grade >= 2 and cause == i)
        else:
            row[c] = int(grade >= 2 and codes[i] >= 0)


@compiled
def add_facts(raw: Cells, codes: Cells, numbers: Cells, t: int, again: int, ring: Cells, facts: Cells, n: int) -> None:
    """Write the facts of a card that was handed in alone."""
    for f in range(n):
        op, i = facts[f * FIELDS], facts[f * FIELDS + 1]
        if op == NUMBER:
            raw[f] = numbers[i]
        elif op == MOMENT:
            raw[f] = t
        elif op == AGAIN:
            raw[f] = again
        elif op == RING:
            raw[f] = ring[i]
        elif op == ONE:
            raw[f] = 1
        elif op == CODED:
            raw[f] = int(codes[i] != -1)
        elif op == DISTINCT_CODE:
            raw[f] = 1 if codes[i] != -1 else NULL
        elif op == HAS:
            raw[f] = int(numbers[i] != NULL)
        else:
            raw[f] = 0 if numbers[i] == NULL else numbers[i]
