"""From values to codes and back: equal values have equal codes, and a value that no event carries has none.

The tables count who holds a code; what they report dead is forgotten here, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from cardrisk.features.arrays import I64
from cardrisk.features.live import book as at_
from cardrisk.features.live.kernel import UNKNOWN, UNSEEN
from cardrisk.features.live.values import plain

SMALLEST: Final = 1_024


class Coding:
    """Codes of every value that an event in the tables carries.

    Parameters
    ----------
    book
        Where the tables lie; the counts of holders are entered there.

    Attributes
    ----------
    of
        Gives codes for writing; values not seen before get one.
    """

    def __init__(self, book: I64) -> None:
        self._book = book
        self.holders = self.dead = np.zeros(0, np.int64)
        self.codes = _Codes(self._room)
        self.of: Callable[[Sequence[Any]], Iterator[int]] = partial(map, self.codes.__getitem__)
        self._room(SMALLEST)

    def _room(self, size: int) -> None:
        self.holders = np.concatenate([self.holders, np.zeros(size - self.holders.size, np.int64)])
        self.dead = np.zeros(size, np.int64)
        at_.write(self._book, at_.HOLDERS, self.holders)
        at_.write(self._book, at_.DEAD, self.dead)

    def seen(self, values: Sequence[Any]) -> list[int]:
        """Return codes for reading: ``UNSEEN`` where nobody carries the value, ``UNKNOWN`` for None."""
        codes: list[Any] = list(map(self.codes.get, values))
        if None in codes:
            for place, code in enumerate(codes):
                if code is None:
                    codes[place] = UNKNOWN if plain(values[place]) is None else UNSEEN
        return codes

    def forget(self, dead: Iterable[int]) -> None:
        """Take back codes that nobody holds."""
        for code in dead:
            self.codes.take_back(code)


class _Codes(dict[Any, int]):
    """Codes by value; a value that has none is given one where it is asked for as ``codes[value]``."""

    def __init__(self, room: Callable[[int], None]) -> None:
        super().__init__({None: UNKNOWN})
        self._room, self._size = room, SMALLEST
        self._values: list[Any] = []
        self._free: list[int] = []

    def __missing__(self, value: Any) -> int:
        if type(value) is not str and plain(value) is None:
            return UNKNOWN
        if self._free:
            code = self._free.pop()
            self._values[code] = value
        else:
            code = len(self._values)
            if code == self._size:
                self._size *= 2
                self._room(self._size)
            self._values.append(value)
        self[value] = code
        return code

    def take_back(self, code: int) -> None:
        """Forget the value of a code, which the next new value may get."""
        del self[self._values[code]]
        self._values[code] = None
        self._free.append(code)
