"""From values to codes and back: equal values have equal codes, and a value that no event carries has none.

The tables count who holds a code; what they report dead is forgotten here, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """

    def __init__(self, book: I64) -> None:
        self._book = book
        self.codes: dict[Any, int] = _Codes(self._new)
        self._values: list[Any] = []
        self._free: list[int] = []
        self.holders = self.dead = np.zeros(0, np.int64)
        self._code = self.codes.__getitem__
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

    def of(self, values: Sequence[Any]) -> Iterator[int]:
        """Return codes for writing; values not seen before get one."""
        return map(self._code, values)

    def _new(self, value: Any) -> int:
        if type(value) is not str and plain(value) is None:
            return UNKNOWN
        if self._free:
            code = self._free.pop()
            self._values[code] = value
        else:
            code = len(self._values)
            if code == len(self.holders):
                self._room(2 * code)
            self._values.append(value)
        self.codes[value] = code
        return code

    def forget(self, dead: Iterable[int]) -> None:
        """Take back codes that nobody holds."""
        for code in dead:
            del self.codes[self._values[code]]
            self._values[code] = None
            self._free.append(code)


class _Codes(dict[Any, int]):
    """Codes by value; a value that has none is given one where it is asked for as ``codes[value]``."""

    def __init__(self, made: Callable[[Any], int]) -> None:
        super().__init__({None: UNKNOWN})
        self._made = made

    def __missing__(self, value: Any) -> int:
        return self._made(value)
