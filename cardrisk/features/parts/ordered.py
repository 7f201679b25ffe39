"""Window sums of any number of entities at once, over events in the order of time that lie on disk.

Correct when each sum is that of :mod:`cardrisk.features.windows`: an event counts at t in a window w where it became
known before t, not before t - w, and nothing replaced it before t. Here it is added when it becomes known and taken
back when it leaves: so the memory needed is one number per entity and window, whatever happens in a window.

Cursors only go forward; a caller hands over arrays mapped from files, asks block after block, and lets the system
have the pages back. An entity's *lives* are counted from 0; what belongs to an earlier one no longer counts. Where
every entity has one life alone, and nothing is known of it before its first event, arrays of lives are empty and
nobody looks at them.
"""

from __future__ import annotations

from typing import TypeAlias

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I32, I64, NEVER, NULL, Array

Asked: TypeAlias = tuple[Array, Array, Array, Array]
"""Moment, entity and life of every event, in order, and whether it asks: what is written has a place for each such."""
Events: TypeAlias = tuple[Array, Array, Array, Array, Array]
"""Time, until (replaced from then on; empty: none ever is), entity, life and weights (events, channels) of events."""


@compiled
def lives(time: I64, code: I32, counts: Array, silence: int, last: I64, begun: I32, life: I32) -> None:
    """Write the life of each event into ``life``; ``last`` and ``begun`` are kept per entity, from -1 on."""
    for i in range(time.size):
        c = code[i]
        if time[i] - last[c] > silence:
            begun[c] += 1
        life[i] = begun[c]
        if counts[i] == 1:
            last[c] = time[i]


@compiled
def gap_weights(
    time: I64, code: I32, counts: Array, life: I32, longest: int, last: I64, owner: I32, place: I64, out: I64
) -> None:
    """Write 1, the gap and its square (milliseconds) since the entity's previous card, 0 where none or too long.

    Each at its ``place`` among the columns of ``out``, if that is not -1; ``last`` and ``owner`` are kept per entity.
    """
    for i in range(time.size):
        counted, gap = 0, 0
        if counts[i] == 1:
            c = code[i]
            if owner[c] == life[i] and time[i] - last[c] <= longest:
                counted, gap = 1, (time[i] - last[c]) // 1_000
            last[c] = time[i]
            owner[c] = life[i]
        if place[0] >= 0:
            out[i, place[0]] = counted
        if place[1] >= 0:
            out[i, place[1]] = gap
        if place[2] >= 0:
            out[i, place[2]] = gap * gap


@compiled
def sums(
    asked: Asked,
    first: int,
    stop: int,
    events: Events,
    replaced: Events,
    spans: I64,
    cursor: I64,
    current: I32,
    held: I64,
    raw: I64,
    slot: int,
) -> None:
    """Write window sums for those of the events ``first`` to ``stop`` that ask.

    Parameters
    ----------
    asked
        Every event.
    events
        What is summed, in order of time.
    replaced
        The same of events that are replaced, in order of until.
    spans
        Windows, ascending; ``NEVER`` for a lifetime.
    cursor
        How far each window's events were added, replaced ones taken back, and events taken back; (windows, 3).
    current, held
        Life that each entity is in (-1 before its first), (windows, entities), and its sums, (windows, entities,
        channels).
    raw
        Written at ``slot + window * channels + channel``.
    """
    for w in range(spans.size):
        _window(asked, first, stop, events, replaced, spans[w], cursor[w], current[w], held[w], raw, slot)
        slot += held.shape[2]


@compiled
def _window(
    asked: Asked,
    first: int,
    stop: int,
    events: Events,
    replaced: Events,
    span: int,
    cursor: I64,
    current: I32,
    held: I64,
    raw: I64,
    slot: int,
) -> None:
    """Write the sums of one window; a row that does not ask matters only where it begins a life."""
    q_time, q_code, q_life, q_asks = asked
    time, until, code, life, weight = events
    r_time, r_until, r_code, r_life, r_weight = replaced
    aged, channels, place = q_life.size > 0, held.shape[1], 0
    entered, gone, left = cursor
    for i in range(first, stop):
        own = q_code[i]
        fresh = aged and current[own] != q_life[i]
        if q_asks[i] == 0 and not fresh:
            continue
        t = q_time[i]
        while entered < time.size and time[entered] < t:
            if not aged or life[entered] == current[code[entered]]:
                _add(code[entered], weight, entered, held)
            entered += 1
        while gone < r_time.size and r_until[gone] < t:
            if r_until[gone] < r_time[gone] + span and (not aged or r_life[gone] == current[r_code[gone]]):
                _take_back(r_code[gone], r_weight, gone, held)
            gone += 1
        while span != NEVER and left < entered and time[left] + span < t:
            there = until.size == 0 or until[left] >= time[left] + span
            if there and (not aged or life[left] == current[code[left]]):
                _take_back(code[left], weight, left, held)
            left += 1
        if fresh:
            current[own] = q_life[i]
            held[own] = 0
        if q_asks[i]:
            for k in range(channels):
                raw[slot + k, place] = held[own, k]
            place += 1
    cursor[0], cursor[1], cursor[2] = entered, gone, left


@compiled
def _add(entity: int, weight: Array, at: int, held: I64) -> None:
    # here and below numbers and arrays are handed over: a tuple of arrays has each counted as held, at every call
    for k in range(held.shape[1]):
        held[entity, k] += weight[at, k]


@compiled
def _take_back(entity: int, weight: Array, at: int, held: I64) -> None:
    for k in range(held.shape[1]):
        held[entity, k] -= weight[at, k]


@compiled
def values(
    asked: Asked,
    first: int,
    stop: int,
    events: Events,
    replaced: Events,
    spans: I64,
    cursor: I64,
    current: I32,
    start: I64,
    count: I64,
    held: I64,
    raw: I64,
    slot: int,
    distinct: bool,
) -> None:
    """Write how often the commonest value stands, or how many stand, as :func:`sums`.

    In place of weights, events have the number of their value (-1: none). ``start`` says where each entity's values
    begin in ``count`` (windows, values); ``held`` is (windows, entities).
    """
    for w in range(spans.size):
        _values(
            asked, first, stop, events, replaced, spans[w], cursor[w], current[w], start, count[w], held[w],
            raw[slot + w], distinct,
        )  # fmt: skip


@compiled
def _values(
    asked: Asked,
    first: int,
    stop: int,
    events: Events,
    replaced: Events,
    span: int,
    cursor: I64,
    current: I32,
    start: I64,
    count: I64,
    held: I64,
    out: I64,
    distinct: bool,
) -> None:
    q_time, q_code, q_life, q_asks = asked
    time, until, code, life, value = events
    r_time, r_until, r_code, r_life, r_value = replaced
    aged, place = q_life.size > 0, 0
    entered, gone, left = cursor
    for i in range(first, stop):
        own = q_code[i]
        fresh = aged and current[own] != q_life[i]
        if q_asks[i] == 0 and not fresh:
            continue
        t = q_time[i]
        while entered < time.size and time[entered] < t:
            if value[entered] >= 0 and (not aged or life[entered] == current[code[entered]]):
                _count(code[entered], value[entered], count, held, distinct)
            entered += 1
        while gone < r_time.size and r_until[gone] < t:
            there = r_value[gone] >= 0 and r_until[gone] < r_time[gone] + span
            if there and (not aged or r_life[gone] == current[r_code[gone]]):
                _lower(r_code[gone], r_value[gone], start, count, held, distinct)
            gone += 1
        while span != NEVER and left < entered and time[left] + span < t:
            there = value[left] >= 0 and (until.size == 0 or until[left] >= time[left] + span)
            if there and (not aged or life[left] == current[code[left]]):
                _lower(code[left], value[left], start, count, held, distinct)
            left += 1
        if fresh:
            current[own] = q_life[i]
            held[own] = 0
            count[start[own] : start[own + 1]] = 0
        if q_asks[i]:
            out[place] = held[own]
            place += 1
    cursor[0], cursor[1], cursor[2] = entered, gone, left


@compiled
def _count(entity: int, value: int, count: I64, held: I64, distinct: bool) -> None:
    count[value] += 1
    held[entity] = held[entity] + (count[value] == 1) if distinct else max(held[entity], count[value])


@compiled
def _lower(entity: int, value: int, start: I64, count: I64, held: I64, distinct: bool) -> None:
    """Take one occurrence back; find the highest count again if its value was one of the commonest."""
    count[value] -= 1
    if distinct:
        held[entity] -= count[value] == 0
    elif count[value] + 1 == held[entity]:
        held[entity] = 0
        for each in range(start[entity], start[entity + 1]):
            held[entity] = max(held[entity], count[each])


@compiled
def clocks(
    asked: Asked,
    first: int,
    stop: int,
    counts: Array,
    cursor: I64,
    current: I32,
    seen: I64,
    raw: I64,
    since_first: int,
    since_last: int,
) -> None:
    """Write how long ago each entity was first and last seen in its life; ``seen`` is (entities, 2)."""
    time, code, life, asks = asked
    aged, place = life.size > 0, 0
    entered = cursor[0]
    for i in range(first, stop):
        own = code[i]
        fresh = aged and current[own] != life[i]
        if asks[i] == 0 and not fresh:
            continue
        t = time[i]
        while entered < time.size and time[entered] < t:
            c = code[entered]
            if counts[entered] == 1 and (not aged or life[entered] == current[c]):
                if seen[c, 0] == NULL:
                    seen[c, 0] = time[entered]
                seen[c, 1] = time[entered]
            entered += 1
        if fresh:
            current[own] = life[i]
            seen[own] = NULL
        if asks[i]:
            known = seen[own, 0] != NULL
            if since_first >= 0:
                raw[since_first, place] = t - seen[own, 0] if known else NULL
            if since_last >= 0:
                raw[since_last, place] = t - seen[own, 1] if known else NULL
            place += 1
    cursor[0] = entered


@compiled
def places(time: I64, seq: I64, at: I64, number: I64, out: I64) -> None:
    """Write where each (moment, seq) stands among events in that order."""
    for i in range(at.size):
        low, high = 0, time.size
        while low < high:
            middle = (low + high) // 2
            if time[middle] < at[i] or (time[middle] == at[i] and seq[middle] < number[i]):
                low = middle + 1
            else:
                high = middle
        out[i] = low
