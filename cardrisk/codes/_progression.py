"""Whether the codes of cards handed in together stand at one same step.

Correct when the answer depends on the set of codes alone, not on their order.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.codes.sealed import Codes

QUARTERS: Final = 4
STEPS_TAKE: Final = 3
"""Cards of a group below which there are no steps to compare."""
_DIGITS_KEPT: Final = 18
_LETTERS_KEPT: Final = 11


def progression(codes: Codes, group: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return, for each card, how alike the steps between its group's sorted codes are, in quarters.

    Parameters
    ----------
    codes
        n codes.
    group : int64 array of n
        Equal for cards handed in together; -1 for a card alone.

    Returns
    -------
    int8 array of n
        0 (all steps differ) to 4 (all equal), -128 below two steps between different codes.
    """
    out = np.full(len(codes), -128, np.int8)
    order = np.argsort(group, kind="stable")
    if order.size and group[order[-1]] >= 0:
        values = np.empty(len(codes), np.int64)
        _values(codes.data, codes.start, codes.stop, values)
        _progression(values, group, order, out)
    return out


@compiled
def _values(data: NDArray[np.uint8], start: NDArray[np.int64], stop: NDArray[np.int64], out: NDArray[np.int64]) -> None:
    """Read each code's tail as a number: base 10 if all digits, else base 36; -1 where it cannot be read."""
    for row in range(out.size):
        base, kept = 10, _DIGITS_KEPT
        readable = stop[row] > start[row]
        for at in range(start[row], stop[row]):
            if data[at] == 63:
                readable = False
            elif data[at] > 63:
                base, kept = 36, _LETTERS_KEPT
        value = -1
        if readable:
            value = 0
            for at in range(max(start[row], stop[row] - kept), stop[row]):
                value = value * base + (data[at] - 55 if data[at] > 63 else data[at] - 48)
        out[row] = value


@compiled
def _progression(
    values: NDArray[np.int64], group: NDArray[np.int64], order: NDArray[np.int64], out: NDArray[np.int8]
) -> None:
    first = 0
    while first < order.size:
        last = first
        while last < order.size and group[order[last]] == group[order[first]]:
            last += 1
        if group[order[first]] >= 0 and last - first >= 3:
            share = _same_step(values[order[first:last]])
            for at in range(first, last):
                if values[order[at]] >= 0:
                    out[order[at]] = share
        first = last


@compiled
def _same_step(values: NDArray[np.int64]) -> int:
    """Return (most frequent step - 1) / (steps - 1) in whole quarters; -128 below two steps."""
    ordered = np.sort(values[values >= 0])
    steps = np.diff(ordered)
    steps = np.sort(steps[steps > 0])
    if steps.size < 2:
        return -128
    run, most = 1, 1
    for i in range(1, steps.size):
        run = run + 1 if steps[i] == steps[i - 1] else 1
        most = max(most, run)
    return QUARTERS * (most - 1) // (steps.size - 1)
