"""Rows brought to their places: compiled, for every row of a job goes through here some forty times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled

I64 = NDArray[np.int64]


@compiled
def order_of(codes: NDArray[Any], cut: I64, order: I64) -> None:
    """Write the rows of each place one after the other, in their order, and where each place's rows begin.

    Parameters
    ----------
    codes
        Place of each row, counted from 0.
    cut, order
        Written; shapes (places + 1,) and (rows,).
    """
    cut[:] = 0
    for code in codes:
        cut[code + 1] += 1
    for i in range(1, cut.size):
        cut[i] += cut[i - 1]
    at = cut[:-1].copy()
    for i in range(codes.size):
        order[at[codes[i]]] = i
        at[codes[i]] += 1


@compiled
def lay(values: NDArray[Any], order: I64, base: int, cut: I64, start: I64, out: NDArray[Any]) -> None:
    """Write ``values[order[i]] - base`` of each place's rows, those of place p from ``out[start[p]]`` on."""
    for p in range(start.size):
        k = start[p] - cut[p]
        for i in range(cut[p], cut[p + 1]):
            out[k + i] = values[order[i]] - base
