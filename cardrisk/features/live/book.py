"""Where every table of live history lies: one small array instead of thirty arguments.

A *book* has one row a table - address, rows, width - so that a call from Python unpacks one array. Whoever makes a
table keeps it alive and writes its new place into the book when it grows.
"""

from __future__ import annotations

import numpy as np

from cardrisk._compiled import compiled, real_vector_at, whole_table_at, whole_vector_at
from cardrisk.features.arrays import F64, I64, Array

# tables that grow
(M, CARDS, ANSWERS, NODES, SLOTS, PAIRS, HOLDERS, DEAD, RING_VALUES, RING_PARENT, RING_DEGREE, RING_STATS,
 # tables of one size; the card and the answer as they are handed over, facts of cards handed in with it
 COUNTS, SCRATCH, ASKED, RAW, GIVEN_CARD, GIVEN_ANSWER, OVER,
 # tables that follow from the declarations
 KEYS, STREAMS, SPANS, CHANNELS, SIZES, SLOT_SIZE, PARTS, DISTINCTS, WEIGHTS, SAID_WEIGHTS, FACTS, RING_COLUMNS, OPS,
 ARGUMENTS, CONSTANTS, SINGLE, PAGES) = range(36)  # fmt: skip

# fields of the table COUNTS; a head of free slots per key follows
(FIRST_CARD, NEXT_CARD, FIRST_ANSWER, NEXT_ANSWER, M_USED, SLOTS_USED, PAIRS_USED, DEAD_USED, FREE_SLOTS) = range(9)


@compiled
def table(book: I64, page: int) -> I64:
    """Return a table of whole numbers, shape (rows, width)."""
    return whole_table_at(book[page, 0], book[page, 1], book[page, 2])


@compiled
def vector(book: I64, page: int) -> I64:
    """Return a table of one column, shape (rows,)."""
    return whole_vector_at(book[page, 0], book[page, 1])


@compiled
def reals(book: I64, page: int) -> F64:
    """Return a vector of floats."""
    return real_vector_at(book[page, 0], book[page, 1])


def write(book: I64, page: int, values: Array) -> None:
    """Note where a table lies: 8-byte numbers, rows side by side."""
    assert values.flags.c_contiguous  # noqa: S101 - compiled code walks it so
    assert values.itemsize == 8  # noqa: S101
    book[page] = values.ctypes.data, values.shape[0], values.shape[-1] if values.ndim > 1 else 1


def empty() -> I64:
    """Return a book without tables."""
    return np.zeros((PAGES, 3), np.int64)
