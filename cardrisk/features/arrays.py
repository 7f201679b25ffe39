"""Whole numbers are the ground of every feature: what is not a whole number is made one at the door.

Times are int64 microseconds since 1970 (UTC), money int64 cents, other numbers int64 at a declared scale,
texts int32 codes. Sums of whole numbers do not depend on their order, so every road adds up to the same bits.
"""

from __future__ import annotations

from mmap import PAGESIZE
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

I64: TypeAlias = NDArray[np.int64]
I32: TypeAlias = NDArray[np.int32]
F64: TypeAlias = NDArray[np.float64]
Bool: TypeAlias = NDArray[np.bool_]
Array: TypeAlias = NDArray[Any]
Columns: TypeAlias = dict[str, Array]
"""Numbers under names, one each of a row."""

NULL: Final = -(2**63)
"""Stands for "not known" in a column of whole numbers; no time, amount or sum reaches it."""

NEVER: Final = 2**62
"""A position or a width beyond every other: the width of a lifetime window."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR

HORIZON: Final = 90 * DAY
"""An answer later than this after its card is not linked to it any more, on any road; what is forgotten after
a silence (see :class:`~cardrisk.features.declare.Key`) is forgotten no earlier than this."""


LARGE: Final = 2**22
"""Bytes from which on NumPy asks the system for large pages."""

LINE: Final = 64
"""Bytes of a line of memory, the least that a processor reads or writes."""


def bytes_of(size: int) -> Array:
    """Return so many bytes that mean nothing and begin with a line of memory."""
    room = np.empty(size + LINE, np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + size]


def columns_of(count: int, rows: int, dtype: DTypeLike) -> Array:
    """Return columns whose numbers mean nothing, shape (count, at least rows); each begins with a line of memory."""
    kind = np.dtype(dtype)
    apart = -(-rows * kind.itemsize // LINE) * LINE
    return bytes_of(count * apart).view(kind).reshape(count, apart // kind.itemsize)


def claimed(block: Array) -> Array:
    """Return the same array once the system has handed out all of its memory.

    A virtual machine hands free memory back to its host, a part every few seconds, and what comes from the host again
    costs some twenty times as much as what was free a moment ago. So what is filled last is claimed first: at ten
    million rows that saves a quarter of the time.
    """
    block.reshape(-1).view(np.uint8)[::PAGESIZE] = 0
    return block


LINES: Final = "lines float32"
"""The room of finished features: it is free until a key's events are grouped, and lent to whoever groups them."""

PLACES: Final = "places"
"""The room of where each row's line is: free and lent likewise."""


class Rooms:
    """Room for long arrays that are needed one after another, key by key, under names.

    The system clears what it hands out, page by page: a fifth of a table's time went there while every key asked anew.
    """

    def __init__(self) -> None:
        self._held: dict[str, Array] = {}

    def empty(self, name: str, shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return an array whose numbers mean nothing, in place of the last one of that name.

        It begins with a line of memory.
        """
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        if name not in self._held or self._held[name].size < size:
            self._held.pop(name, None)
            self._held[name] = bytes_of(size if size < LARGE // 4 else max(size, LARGE))
        return self._held[name][:size].view(kind).reshape(shape)
