"""Where every table of live history lies: one small array instead of thirty arguments.

A *book* has one row a table - address, rows, width - so that a call from Python unpacks one number. Whoever makes a
table keeps it alive and writes its new place into the book when it grows.

Compiled code walks tables through *cells*, plain pointers: an array handed from function to function is seven numbers,
counts its references, and asks of every place whether it is meant from the end.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from cardrisk._compiled import compiled, pointer_to, whole_table_at, whole_vector_at
from cardrisk.features.arrays import F64, I64, Array

Cells: TypeAlias = I64
"""In compiled code: a pointer to whole numbers. Nobody looks whether a place lies in the table."""
Reals: TypeAlias = F64
"""A pointer to floats."""

# tables that grow
(M, CARDS, ANSWERS, NODES, SLOTS, PAIRS, HOLDERS, DEAD, RING_VALUES, RING_PARENT, RING_DEGREE, RING_STATS,
 # tables of one size; the card and the answer as they are handed over, facts of cards handed in with it
 NODES_READ, COUNTS, SCRATCH, ASKED, RAW, OUT, GIVEN_CARD, GIVEN_ANSWER, OVER, ORDER, GIVEN_CARDS, GIVEN_ANSWERS,
 # tables that follow from the declarations
 KEYS, STREAMS, SPANS, CHANNELS, SIZES, SLOT_SIZE, PARTS, DISTINCTS, WEIGHTS, SAID_WEIGHTS, FACTS, RING_COLUMNS, OPS,
 ARGUMENTS, CONSTANTS, SINGLE, PAGES) = range(41)  # fmt: skip

# fields of the table COUNTS; a head of free slots per key follows
(FIRST_CARD, NEXT_CARD, FIRST_ANSWER, NEXT_ANSWER, M_USED, SLOTS_USED, PAIRS_USED, DEAD_USED, FREE_SLOTS) = range(9)
# what the book says of a table, after its address
ROWS, WIDTH, FIELDS = range(1, 4)


def _going() -> Any:
    """Return a function for compiled code: the pointer so many numbers further on."""

    @intrinsic
    def beyond(context: Any, cells: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.gep(arguments[0], [arguments[1]])

        return cells(cells, types.int64), generate

    return beyond


opened: Final = pointer_to(types.int64)
"""``opened(address)``: the cells at an address; of a book, the book as compiled code knows it."""
_reals: Final = pointer_to(types.float64)
beyond: Final = _going()
"""``beyond(cells, count)``: the cells from the one numbered ``count`` on."""


@compiled
def cells(book: Cells, page: int) -> Cells:
    """Return a table of whole numbers."""
    found: Cells = opened(book[FIELDS * page])
    return found


@compiled
def reals(book: Cells, page: int) -> Reals:
    """Return a table of floats."""
    found: Reals = _reals(book[FIELDS * page])
    return found


@compiled
def size(book: Cells, page: int) -> int:
    """Return how many rows a table has."""
    return int(book[FIELDS * page + ROWS])


@compiled
def row_of(book: Cells, page: int, number: int) -> Cells:
    """Return the row of a number in a ring, whose rows are a power of two; any number has one."""
    place = (number & (book[FIELDS * page + ROWS] - 1)) * book[FIELDS * page + WIDTH]
    found: Cells = beyond(opened(book[FIELDS * page]), place)
    return found


@compiled
def table(book: Cells, page: int) -> I64:
    """Return a table of whole numbers as an array, shape (rows, width)."""
    return whole_table_at(book[FIELDS * page], book[FIELDS * page + ROWS], book[FIELDS * page + WIDTH])


@compiled
def vector(book: Cells, page: int) -> I64:
    """Return a table of one column as an array, shape (rows,)."""
    return whole_vector_at(book[FIELDS * page], book[FIELDS * page + ROWS])


def write(book: I64, page: int, values: Array) -> None:
    """Note where a table lies: 8-byte numbers, rows side by side."""
    assert values.flags.c_contiguous  # noqa: S101 - compiled code walks it so
    assert values.itemsize == 8  # noqa: S101
    book[page] = values.ctypes.data, values.shape[0], values.shape[-1] if values.ndim > 1 else 1


def empty() -> I64:
    """Return a book without tables."""
    return np.zeros((PAGES, FIELDS), np.int64)
