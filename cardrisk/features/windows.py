"""Exact sliding windows [t - w, t) over integer events: each sum equals the plain loop over what was known.

Events arrive grouped by entity and sorted by moment inside each group
(:func:`~cardrisk.features.sorting.group`). A window is what lies between
two places among them: where t - w begins, and where what is known strictly before t ends. An event may *replace* an
earlier one of its group (a revised answer, or the same value seen again when distinct values are counted): from its
own moment on, the replaced one counts in no window.

Long arrays are made outside compiled code: NumPy asks the system for large pages, where it gives them on request, which
compiled code does not; at ten million rows a quarter of the time went into looking up small ones.
"""

from typing import TypeAlias

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I32, I64, NEVER, NULL, Array
from cardrisk.features.merging import Edges
from cardrisk.features.sorting import Order

Asked: TypeAlias = tuple[I64, I64]
"""Moments asked for, grouped by entity and sorted inside each group; and where groups start."""


@compiled
def run_up(weight: Array, order: Order, total: I64) -> None:
    """Write the running total of ``weight`` in the given order; ``total`` starts with 0 and has one number more."""
    running = 0
    total[0] = 0
    for k in range(order.size):
        running += weight[order[k]]
        total[k + 1] = running


@compiled
def plain_sums(edges: Edges, first: int, stop: int, total: I64, channel: I64, raw: I64, slot: int) -> None:
    """Write window sums of events that nothing replaces, as differences of running totals.

    Parameters
    ----------
    edges
        Of :func:`~cardrisk.features.merging.edges_of`, with width 0 first.
    first, stop
        Questions to answer now; ``raw`` has one column for each.
    total
        Running totals, shape (any number, events + 1); differences are exact whatever wraps around.
    channel
        Which of the totals each channel is; negative: each event counts 1.
    raw
        Written at ``slot + window * channels + channel``.
    """
    ends, last, channels = edges[0, first:stop], edges.shape[0] - 2, channel.size
    for c in range(channels):
        if channel[c] < 0:
            for w in range(last + 1):
                begins, out = edges[1 + w, first:stop], raw[slot + w * channels + c]
                for i in range(ends.size):
                    out[i] = ends[i] - begins[i]
            continue
        running, up = total[channel[c]], raw[slot + last * channels + c]
        for i in range(ends.size):
            up[i] = running[ends[i]]  # read once, where the last window's sums will stand
        for w in range(last):
            begins, out = edges[1 + w, first:stop], raw[slot + w * channels + c]
            for i in range(ends.size):
                out[i] = up[i] - running[begins[i]]
        begins = edges[1 + last, first:stop]
        for i in range(ends.size):
            up[i] -= running[begins[i]]


@compiled
def linked_sums(
    asked: Asked,
    first: int,
    stop: int,
    cursor: I64,
    held: I64,
    p_time: I64,
    weight: I64,
    before: I64,
    after: I64,
    p_start: I64,
    windows: I64,
    raw: I64,
    slot: int,
) -> None:
    """Write window sums of events where a later one may replace an earlier one.

    Parameters
    ----------
    asked, p_time, p_start
        As for :func:`~cardrisk.features.merging.edges_of`.
    first, stop
        Questions to answer now; ``raw`` has one column for each.
    cursor
        Where the walk stands (:func:`cursor_for`); carried from call to call.
    held
        Sums so far, shape (windows, channels); carried from call to call.
    weight
        What each event adds, shape (events, channels).
    before, after
        The event that each replaces (-1: none) and is replaced by (``NEVER``: none).
    windows
        Widths in microseconds.
    raw
        Written at ``slot + window * channels + channel``.
    """
    q_time, q_start = asked
    channels = weight.shape[1]
    entity, head, tail = cursor[0], cursor[1], cursor[2:]
    end = p_start[entity + 1]
    for q in range(first, stop):
        while q >= q_start[entity + 1]:
            entity += 1
            head, end = p_start[entity], p_start[entity + 1]
            tail[:] = head
            held[:] = 0
        t = q_time[q]
        while head < end and p_time[head] < t:
            old = before[head]
            for w in range(windows.size):
                for c in range(channels):
                    held[w, c] += weight[head, c] - (weight[old, c] if old >= tail[w] else 0)
            head += 1
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
                raw[slot + w * channels + c, q - first] = held[w, c]
    cursor[0], cursor[1] = entity, head


def cursor_for(windows: I64) -> I64:
    """Return a cursor before the first entity: entity, head, and a tail per window."""
    cursor = np.zeros(2 + windows.size, np.int64)
    cursor[0] = -1
    return cursor


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
def clocks(
    asked: Asked,
    first: int,
    stop: int,
    cursor: I64,
    p_time: I64,
    p_start: I64,
    raw: I64,
    since_first: int,
    since_last: int,
) -> None:
    """Write how long ago the entity was first and last seen, in microseconds; ``NULL`` where never.

    ``since_first`` and ``since_last`` are slots of ``raw``; a negative one is not written.
    """
    q_time, q_start = asked
    entity, head = cursor[0], cursor[1]
    for q in range(first, stop):
        while q >= q_start[entity + 1]:
            entity += 1
            head = p_start[entity]
        begin, end = p_start[entity], p_start[entity + 1]
        t = q_time[q]
        while head < end and p_time[head] < t:
            head += 1
        if since_first >= 0:
            raw[since_first, q - first] = t - p_time[begin] if head > begin else NULL
        if since_last >= 0:
            raw[since_last, q - first] = t - p_time[head - 1] if head > begin else NULL
    cursor[0], cursor[1] = entity, head


@compiled
def split_lives(time: I64, push: I32, order: Order, start: I64, silence: int, codes: I32) -> int:
    """Give an entity a new code whenever it returns after a silence; returns the number of codes.

    Parameters
    ----------
    time, push
        Moment of each event, and 1 where it is itself history (0: only asks).
    order, start
        Groups as :func:`~cardrisk.features.sorting.group` makes them, over all events.
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
