"""Exact sliding windows [t - w, t) over integer events: each sum equals the plain loop over what was known.

Events arrive grouped by entity and sorted by moment inside each group (:func:`group`). A window is what lies between
two places among them: where t - w begins, and where what is known strictly before t ends. An event may *replace* an
earlier one of its group (a revised answer, or the same value seen again when distinct values are counted): from its
own moment on, the replaced one counts in no window.

Long arrays are made outside compiled code: NumPy asks the system for large pages, where it gives them on request, which
compiled code does not; at ten million rows a quarter of the time went into looking up small ones.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I32, I64, NEVER, NULL, Array

FARTHEST: Final = 2**60
"""Moments are told apart up to nearly this many microseconds (36,000 years) after the first event."""

LANES: Final = 5
"""Merges done at a time: what is known at t and four windows."""

Edges: TypeAlias = NDArray[np.uint32]
"""Places among grouped events; see :func:`edges_of`."""

Order: TypeAlias = NDArray[np.uint32]
"""Positions of events in another order."""

Asked: TypeAlias = tuple[I64, I64]
"""Moments asked for, grouped by entity and sorted inside each group; and where groups start."""


def group(codes: I32, size: int) -> tuple[Order, I64]:
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
    order = np.empty(codes.size, np.uint32)
    start = _group(codes, size, order)
    return order[: start[-1]], start


@compiled
def _group(codes: I32, size: int, order: Order) -> I64:
    start = np.zeros(size + 1, np.int64)
    place = np.zeros(size, np.uint32)
    for code in codes:
        if code >= 0:
            place[np.uint32(code)] += 1
    for entity in range(size):
        start[entity + 1] = start[entity] + place[entity]
        place[entity] = start[entity]
    for position in range(codes.size):
        code = codes[position]
        if code >= 0:
            k = place[np.uint32(code)]
            order[k] = position
            place[np.uint32(code)] = k + 1
    return start


def pick(values: Array, order: Array) -> Array:
    """Return ``values[order]``: NumPy's own way takes half as long again."""
    picked = np.empty(order.size, values.dtype)
    _pick(values, order, picked)
    return picked


@compiled
def _pick(values: Array, order: Array, picked: Array) -> None:
    for k in range(order.size):
        picked[k] = values[order[k]]


def inverse(order: Order, size: int) -> Order:
    """Return where in ``order`` each of ``size`` positions stands; ``order.size`` where it is not in it."""
    place = np.full(size, order.size, np.uint32)
    _inverse(order, place)
    return place


@compiled
def _inverse(order: Order, place: Order) -> None:
    for k in range(order.size):
        place[order[k]] = k


@compiled
def run_up(weight: Array, order: Order, total: I64) -> None:
    """Write the running total of ``weight`` in the given order; ``total`` starts with 0 and has one number more."""
    running = 0
    total[0] = 0
    for k in range(order.size):
        running += weight[order[k]]
        total[k + 1] = running


def keys_of(time: I64, start: I64, base: int, reach: int) -> I64:
    """Return grouped moments as numbers that are in order over all entities, so that one walk compares them.

    Parameters
    ----------
    time, start
        Moments, grouped by entity and sorted inside, and where groups start.
    base, reach
        Earliest moment that is history, and how far from it the latest one asked for is; later ones count as that far.

    Returns
    -------
    keys
        Each moment is shifted by its entity's number times more than any two moments and any window lie apart. As many
        entities as 64 bits allow stand together (:func:`_at_once`), with an end beyond them all after the last.
    """
    at_once = _at_once(reach)
    keys = np.empty(time.size + -(-(start.size - 1) // at_once), np.int64)
    _write_keys(time, start, base, reach, keys)
    return keys


@compiled
def _write_keys(time: I64, start: I64, base: int, reach: int, keys: I64) -> None:
    entities, at_once, end = start.size - 1, _at_once(reach), 0
    for entity in range(entities):
        shift = entity % at_once * (2 * reach + 1)
        for k in range(start[entity], start[entity + 1]):
            keys[k + end] = shift + (min(time[k] - base, reach) if time[k] > base else 0)
        if (entity + 1) % at_once == 0 or entity + 1 == entities:
            keys[start[entity + 1] + end] = 4 * FARTHEST
            end += 1


@compiled
def _at_once(reach: int) -> int:
    return 2 * FARTHEST // (2 * reach + 1)


def edges_of(q_keys: I64, q_start: I64, p_keys: I64, p_start: I64, widths: I64, reach: int) -> Edges:
    """Return how many grouped events lie before each edge t - w, those of earlier entities included.

    Parameters
    ----------
    q_keys, q_start
        Moments asked for (:func:`keys_of`), grouped by entity.
    p_keys, p_start
        Moments at which events became known, grouped by the same entities.
    widths
        Widths of windows in microseconds; 0 gives where what is known at t ends.
    reach
        As for :func:`keys_of`.

    Returns
    -------
    edges
        Shape (at least as many as widths, questions + 1); what goes beyond widths and questions means nothing.
    """
    lanes = -(-widths.size // LANES) * LANES
    clipped = np.zeros(lanes, np.int64)
    clipped[: widths.size] = np.minimum(widths, reach)
    edges = np.empty((lanes, q_start[-1] + 1), np.uint32)
    _write_edges(q_keys, q_start, p_keys, p_start, clipped, reach, edges)
    return edges


@compiled
def _write_edges(q_keys: I64, q_start: I64, p_keys: I64, p_start: I64, widths: I64, reach: int, edges: Edges) -> None:
    at_once, entities = _at_once(reach), q_start.size - 1
    for number in range(-(-entities // at_once)):
        first, stop = number * at_once, min((number + 1) * at_once, entities)
        asking = q_keys[q_start[first] + number : q_start[stop] + number + 1]
        known = p_keys[p_start[first] + number : p_start[stop] + number + 1]
        for lane in range(0, widths.size, LANES):
            into = edges[lane : lane + LANES, q_start[first] : q_start[stop] + 1]
            _merge(asking, known, widths[lane : lane + LANES], p_start[first], into)


@compiled
def _merge(asking: I64, known: I64, widths: I64, offset: int, edges: Edges) -> None:
    """Write how many events lie before each question less each width; ``offset`` events come before all of these.

    Every step takes either the next event or the next question: exactly as many steps as there are of both, whatever
    the width, and no branch depends on which it is. Five merges, written out, fill each other's waits: five take
    hardly longer than one.
    """
    w0, w1, w2, w3, w4 = widths[0], widths[1], widths[2], widths[3], widths[4]
    e0, e1, e2, e3, e4 = edges[0], edges[1], edges[2], edges[3], edges[4]
    k0 = k1 = k2 = k3 = k4 = np.uint64(0)
    before = np.uint64(offset)
    for step in range(asking.size + known.size - 2):
        q0, q1, q2 = np.uint64(step) - k0, np.uint64(step) - k1, np.uint64(step) - k2
        q3, q4 = np.uint64(step) - k3, np.uint64(step) - k4
        e0[q0], e1[q1], e2[q2], e3[q3], e4[q4] = before + k0, before + k1, before + k2, before + k3, before + k4
        k0 += np.uint64(known[k0] + w0 < asking[q0])
        k1 += np.uint64(known[k1] + w1 < asking[q1])
        k2 += np.uint64(known[k2] + w2 < asking[q2])
        k3 += np.uint64(known[k3] + w3 < asking[q3])
        k4 += np.uint64(known[k4] + w4 < asking[q4])


@compiled
def plain_sums(edges: Edges, first: int, stop: int, total: I64, channel: I64, raw: I64, slot: int) -> None:
    """Write window sums of events that nothing replaces, as differences of running totals.

    Parameters
    ----------
    edges
        Of :func:`edges_of`, with width 0 first.
    first, stop
        Questions to answer now; ``raw`` has one column for each.
    total
        Running totals, shape (any number, events + 1); differences are exact whatever wraps around.
    channel
        Which of the totals each channel is; negative: each event counts 1.
    raw
        Written at ``slot + window * channels + channel``.
    """
    ends = edges[0, first:stop]
    for w in range(edges.shape[0] - 1):
        begins = edges[1 + w, first:stop]
        for c in range(channel.size):
            out = raw[slot + w * channel.size + c]
            if channel[c] < 0:
                for i in range(ends.size):
                    out[i] = ends[i] - begins[i]
            else:
                running = total[channel[c]]
                for i in range(ends.size):
                    out[i] = running[ends[i]] - running[begins[i]]


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
        As for :func:`edges_of`.
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
