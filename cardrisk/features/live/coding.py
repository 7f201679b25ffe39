"""From values to codes and back: equal values have equal codes, and a value that no event carries has none.

The tables count who holds a code; what they report dead is forgotten here, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import numpy as np

from cardrisk.features.arrays import I64
from cardrisk.features.live import book as at_
from cardrisk.features.live.kernel import UNKNOWN, UNSEEN

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
        self.codes: dict[Any, int] = {None: UNKNOWN}
        self._values: list[Any] = []
        self._free: list[int] = []
        self.holders = self.dead = np.zeros(0, np.int64)
        self._room(SMALLEST)

    def _room(self, size: int) -> None:
        self.holders = np.concatenate([self.holders, np.zeros(size - self.holders.size, np.int64)])
        self.dead = np.zeros(size, np.int64)
        at_.write(self._book, at_.HOLDERS, self.holders)
        at_.write(self._book, at_.DEAD, self.dead)

    def seen(self, values: Sequence[Any]) -> list[int]:
        """Return codes for reading: ``UNSEEN`` where nobody carries the value, ``UNKNOWN`` for None."""
        get = self.codes.get
        return [get(value, UNSEEN) for value in values]

    def of(self, values: Sequence[Any]) -> Sequence[int]:
        """Return codes for writing; values not seen before get one."""
        codes = list(map(self.codes.get, values))
        return self._with_new(codes, values) if None in codes else cast("list[int]", codes)

    def _with_new(self, codes: list[int | None], values: Sequence[Any]) -> list[int]:
        """Return the codes of values of which some have none yet; one may come twice."""
        for _ in range(codes.count(None)):
            place = codes.index(None)
            again = self.codes.get(values[place])
            codes[place] = self._new(values[place]) if again is None else again
        return cast("list[int]", codes)

    def _new(self, value: Any) -> int:
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
