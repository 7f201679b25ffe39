"""Exact sliding windows [t - w, t) over integer events: each sum equals the plain loop over what was known.

Events arrive grouped by entity and sorted by moment inside each group (:func:`group`). One pass per entity
moves a head (what is known strictly before t) and a tail per window. An event may *replace* an earlier one of
its group (a revised answer, or the same value seen again when distinct values are counted): from its own
moment on, the replaced one counts in no window.
"""

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I32, I64, NEVER


@compiled
def group(codes: I32, size: int) -> tuple[I64, I64]:
    """Sort positions by code, keeping their order inside a code (counting sort).

    Parameters
    ----------
    codes
        Entity of each event, 0 to ``size - 1``; negative: belongs to nobody and is left out.
    size
        Number of entities.

    Returns
    -------
    order, start
        Positions grouped by entity, and where each entity's group starts (``size + 1`` numbers).
    """
    start = np.zeros(size + 1, np.int64)
    for code in codes:
        if code >= 0:
            start[code + 1] += 1
    for entity in range(size):
        start[entity + 1] += start[entity]
    place = start[:-1].copy()
    order = np.empty(start[size], np.int64)
    for position in range(codes.size):
        code = codes[position]
        if code >= 0:
            order[place[code]] = position
            place[code] += 1
    return order, start


@compiled
def plain_sums(
    q_time: I64,
    q_row: I64,
    q_start: I64,
    p_time: I64,
    total: I64,
    p_start: I64,
    windows: I64,
    raw: I64,
    column: int,
) -> None:
    """Write window sums of events that nothing replaces, as differences of running totals.

    Parameters
    ----------
    q_time, q_row, q_start
        Moments asked for (grouped, sorted), the row of ``raw`` each writes, and where groups start.
    p_time, p_start
        Moments at which events became known, grouped by the same entities.
    total
        Running totals, shape (events + 1, channels); differences are exact whatever wraps around.
    windows
        Widths in microseconds.
    raw
        Written at ``column + window * channels + channel``.
    """
    channels = total.shape[1]
    tail = np.empty(windows.size, np.int64)
    for entity in range(q_start.size - 1):
        end = p_start[entity + 1]
        head = p_start[entity]
        tail[:] = head
        for q in range(q_start[entity], q_start[entity + 1]):
            t = q_time[q]
            while head < end and p_time[head] < t:
                head += 1
            row = q_row[q]
            for w in range(windows.size):
                edge = t - windows[w]
                k = tail[w]
                while k < head and p_time[k] < edge:
                    k += 1
                tail[w] = k
                for c in range(channels):
                    raw[row, column + w * channels + c] = total[head, c] - total[k, c]


@compiled
def linked_sums(
    q_time: I64,
    q_row: I64,
    q_start: I64,
    p_time: I64,
    weight: I64,
    before: I64,
    after: I64,
    p_start: I64,
    windows: I64,
    raw: I64,
    column: int,
) -> None:
    """Write window sums of events where a later one may replace an earlier one.

    Parameters are those of :func:`plain_sums`, with ``weight`` (events, channels) in place of totals, and
    ``before`` and ``after``: the event that each replaces (-1: none) and is replaced by (``NEVER``: none).
    """
    channels = weight.shape[1]
    tail = np.empty(windows.size, np.int64)
    held = np.zeros((windows.size, channels), np.int64)
    for entity in range(q_start.size - 1):
        end = p_start[entity + 1]
        head = p_start[entity]
        tail[:] = head
        held[:] = 0
        for q in range(q_start[entity], q_start[entity + 1]):
            t = q_time[q]
            while head < end and p_time[head] < t:
                old = before[head]
                for w in range(windows.size):
                    for c in range(channels):
                        held[w, c] += weight[head, c]
                        if old >= tail[w]:
                            held[w, c] -= weight[old, c]
                head += 1
            row = q_row[q]
            for w in range(windows.size):
                edge = t - windows[w]
                k = tail[w]
                while k < head and p_time[k] < edge:
                    if after[k] >= head:
                        for c in range(channels):
                            held[w, c] -= weight[k, c]
                    k += 1
                tail[w] = k
                for c in range(channels):
                    raw[row, column + w * channels + c] = held[w, c]


@compiled
def same_value_links(value: I32, start: I64, size: int) -> tuple[I64, I64]:
    """Link each event to the previous and next one of its group with the same value.

    Parameters
    ----------
    value
        Value of each event, grouped by entity; negative: unknown, linked to nothing.
    start
        Where groups start.
    size
        Number of values.

    Returns
    -------
    before, after
        As :func:`linked_sums` takes them.
    """
    before = np.full(value.size, -1, np.int64)
    after = np.full(value.size, NEVER, np.int64)
    last = np.full(size, -1, np.int64)
    for entity in range(start.size - 1):
        begin = start[entity]
        for k in range(begin, start[entity + 1]):
            v = value[k]
            if v < 0:
                continue
            if last[v] >= begin:  # an older position belongs to another entity
                before[k] = last[v]
                after[last[v]] = k
            last[v] = k
    return before, after


@compiled
def clocks(q_time: I64, q_row: I64, q_start: I64, p_time: I64, p_start: I64, raw: I64, first: int, last: int) -> None:
    """Write how long ago the entity was first and last seen, in microseconds; untouched where never.

    ``first`` and ``last`` are columns of ``raw``; a negative one is not written.
    """
    for entity in range(q_start.size - 1):
        begin, end = p_start[entity], p_start[entity + 1]
        head = begin
        for q in range(q_start[entity], q_start[entity + 1]):
            t = q_time[q]
            while head < end and p_time[head] < t:
                head += 1
            if head > begin:
                if first >= 0:
                    raw[q_row[q], first] = t - p_time[begin]
                if last >= 0:
                    raw[q_row[q], last] = t - p_time[head - 1]


@compiled
def split_lives(time: I64, push: I32, order: I64, start: I64, silence: int, codes: I32) -> int:
    """Give an entity a new code whenever it returns after a silence; returns the number of codes.

    Parameters
    ----------
    time, push
        Moment of each event, and 1 where it is itself history (0: only asks).
    order, start
        Groups as :func:`group` makes them, over all events.
    silence
        Longest gap, in microseconds, that still continues a life.
    codes
        Rewritten in place.
    """
    life = -1
    for entity in range(start.size - 1):
        last = -NEVER
        for k in range(start[entity], start[entity + 1]):
            event = order[k]
            if time[event] - last > silence:
                life += 1
            codes[event] = life
            if push[event]:
                last = time[event]
    return life + 1


@compiled
def gaps(p_time: I64, start: I64, longest: int, weight: I64, column: int) -> None:
    """Write 1, the gap and its square (milliseconds) since the entity's previous event, where not too long."""
    for entity in range(start.size - 1):
        for k in range(start[entity] + 1, start[entity + 1]):
            gap = p_time[k] - p_time[k - 1]
            if gap <= longest:
                gap //= 1_000
                weight[k, column] = 1
                weight[k, column + 1] = gap
                weight[k, column + 2] = gap * gap


@compiled
def top_counts(
    q_time: I64,
    q_row: I64,
    q_start: I64,
    p_time: I64,
    value: I32,
    size: int,
    before: I64,
    after: I64,
    p_start: I64,
    windows: I64,
    raw: I64,
    column: int,
) -> None:
    """Write how often the most frequent value stands in each window (negative values count nothing).

    Counts of counts make the maximum follow every single step: it can only fall by one at a time.
    """
    longest = 0
    for entity in range(p_start.size - 1):
        longest = max(longest, p_start[entity + 1] - p_start[entity])
    tail = np.empty(windows.size, np.int64)
    top = np.zeros(windows.size, np.int64)
    count = np.zeros((windows.size, size), np.int64)
    having = np.zeros((windows.size, longest + 2), np.int64)
    for entity in range(q_start.size - 1):
        begin, end = p_start[entity], p_start[entity + 1]
        head = begin
        tail[:] = head
        for q in range(q_start[entity], q_start[entity + 1]):
            t = q_time[q]
            while head < end and p_time[head] < t:
                old = before[head]
                for w in range(windows.size):
                    if value[head] >= 0:
                        top[w] = max(top[w], _step(count[w], having[w], value[head], 1))
                    if old >= tail[w] and value[old] >= 0:
                        top[w] = _lower(count[w], having[w], value[old], top[w])
                head += 1
            for w in range(windows.size):
                edge = t - windows[w]
                k = tail[w]
                while k < head and p_time[k] < edge:
                    if after[k] >= head and value[k] >= 0:
                        top[w] = _lower(count[w], having[w], value[k], top[w])
                    k += 1
                tail[w] = k
                raw[q_row[q], column + w] = top[w]
        for w in range(windows.size):  # leave every count at zero for the next entity
            for k in range(tail[w], head):
                if after[k] >= head and value[k] >= 0:
                    _step(count[w], having[w], value[k], -1)
            top[w] = 0


@compiled
def _step(count: I64, having: I64, value: int, by: int) -> int:
    """Move one value's count up or down; returns its new count."""
    having[count[value]] -= 1
    count[value] += by
    having[count[value]] += 1
    return int(count[value])


@compiled
def _lower(count: I64, having: I64, value: int, top: int) -> int:
    """Take one occurrence out; returns the new highest count."""
    if _step(count, having, value, -1) == top - 1 and having[top] == 0:
        return top - 1
    return top
