"""Asking memory for what a step is about to need, so that it comes side by side and not one after another.

Nothing here changes a value. An entity's slot and the events it names lie anywhere in tables far larger than the
processor's caches; a step that waited for each of them in turn would do little else.
"""

from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from cardrisk._compiled import compiled
from cardrisk.features.live import book as at_
from cardrisk.features.live.book import FIELDS, ROWS, WIDTH, Cells, beyond, cells
from cardrisk.features.live.layout import (
    ANSWER_HEAD,
    ANSWER_LAST,
    ANSWER_SLOTS,
    CARD_HEAD,
    CARD_LAST,
    CARD_SLOTS,
    COMING_CARD,
    KEY_FIELDS,
    N_KEYS,
)

LINE: Final = 8
"""Whole numbers that memory hands over at a time."""


def _fetching() -> Any:
    """Return a function for compiled code: ask for the line at an address."""

    @intrinsic
    def fetch(context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [place, word, word, word])
            function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
                builder.module, kind, "llvm.prefetch.p0"
            )
            how = [ir.Constant(word, number) for number in (0, 3, 1)]  # to read, to keep, data
            builder.call(function, [builder.inttoptr(arguments[0], place), *how])
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return fetch


_fetch = _fetching()


@compiled
def fetch(book: Cells, page: int, first: int, count: int) -> None:
    """Ask for ``count`` whole numbers of a flat table, from the one at ``first`` on."""
    for i in range(first, first + count, LINE):
        _fetch(book[FIELDS * page] + 8 * i)


@compiled
def fetch_row(book: Cells, page: int, number: int, to: int) -> None:
    """Ask for the head of an event's row and for its field ``to``; -1 is no event."""
    if number >= 0:
        first = (number & (book[FIELDS * page + ROWS] - 1)) * book[FIELDS * page + WIDTH]
        _fetch(book[FIELDS * page] + 8 * first)
        _fetch(book[FIELDS * page] + 8 * (first + to))


@compiled
def fetch_events(book: Cells, slots: Cells, keys: Cells) -> None:
    """Ask for the events that entities' slots are to count next, and for those that the next ones are chained to."""
    m, sizes = cells(book, at_.M), cells(book, at_.SIZES)
    for key in range(sizes[N_KEYS]):
        if slots[key] >= 0:
            slot = beyond(m, slots[key])
            if keys[key * KEY_FIELDS + COMING_CARD] != 0:
                fetch_row(book, at_.CARDS, slot[CARD_HEAD], sizes[CARD_SLOTS] - 1)
                fetch_row(book, at_.CARDS, slot[CARD_LAST], sizes[CARD_SLOTS] - 1)
            fetch_row(book, at_.ANSWERS, slot[ANSWER_HEAD], sizes[ANSWER_SLOTS] - 1)
            fetch_row(book, at_.ANSWERS, slot[ANSWER_LAST], sizes[ANSWER_SLOTS] - 1)
