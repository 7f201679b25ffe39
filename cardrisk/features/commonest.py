"""How often the commonest value stands in a window; counts of counts make the maximum follow every single step.

The highest count can only fall by one at a time, so that it is found again without a search.
"""

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I32, I64
from cardrisk.features.windows import Asked


class Counts:
    """Counts per window and value, how many values have each count, and the highest count."""

    def __init__(self, windows: int, values: int, p_start: I64) -> None:
        longest = int(np.diff(p_start).max(initial=0))
        self.count = np.zeros((windows, values), np.int64)
        self.having = np.zeros((windows, longest + 2), np.int64)
        self.top = np.zeros(windows, np.int64)


@compiled
def top_counts(
    asked: Asked,
    first: int,
    stop: int,
    cursor: I64,
    held: tuple[I64, I64, I64],
    p_time: I64,
    value: I32,
    before: I64,
    after: I64,
    p_start: I64,
    windows: I64,
    raw: I64,
    slot: int,
) -> None:
    """Write how often the most frequent value stands in each window (negative values count nothing).

    Parameters are those of :func:`~cardrisk.features.windows.linked_sums`, with a ``value`` per event in place of
    weights and ``held`` the arrays of :class:`Counts`.
    """
    q_time, q_start = asked
    top = held[2]
    entity, head, tail = cursor[0], cursor[1], cursor[2:]
    end = p_start[entity + 1]
    for q in range(first, stop):
        while q >= q_start[entity + 1]:
            if head > p_start[entity] and entity >= 0:
                _clear(held, value, after, tail, head)
            entity += 1
            head, end = p_start[entity], p_start[entity + 1]
            tail[:] = head
        t = q_time[q]
        while head < end and p_time[head] < t:
            _add(held, value, before, tail, head)
            head += 1
        for w in range(windows.size):
            edge = t - windows[w]
            k = tail[w]
            while k < head and p_time[k] < edge:
                if after[k] >= head and value[k] >= 0:
                    _lower(held, w, value[k])
                k += 1
            tail[w] = k
            raw[slot + w, q - first] = top[w]
    cursor[0], cursor[1] = entity, head


@compiled
def _add(held: tuple[I64, I64, I64], value: I32, before: I64, tail: I64, k: int) -> None:
    """Count one event in every window, in place of the one it replaces."""
    old = before[k]
    for w in range(tail.size):
        if value[k] >= 0:
            held[2][w] = max(held[2][w], _step(held[0][w], held[1][w], value[k], 1))
        if old >= tail[w] and value[old] >= 0:
            _lower(held, w, value[old])


@compiled
def _clear(held: tuple[I64, I64, I64], value: I32, after: I64, tail: I64, head: int) -> None:
    """Leave every count at zero for the next entity."""
    for w in range(tail.size):
        for k in range(tail[w], head):
            if after[k] >= head and value[k] >= 0:
                _step(held[0][w], held[1][w], value[k], -1)
        held[2][w] = 0


@compiled
def _step(count: I64, having: I64, value: int, by: int) -> int:
    """Move one value's count up or down; returns its new count."""
    having[count[value]] -= 1
    count[value] += by
    having[count[value]] += 1
    return int(count[value])


@compiled
def _lower(held: tuple[I64, I64, I64], w: int, value: int) -> None:
    """Take one occurrence out of a window; the highest count may fall by one."""
    if _step(held[0][w], held[1][w], value, -1) == held[2][w] - 1 and held[1][w][held[2][w]] == 0:
        held[2][w] -= 1
