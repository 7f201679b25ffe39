"""Window sums of any number of entities at once, over events in the order of time that lie on disk.

Correct when each sum is that of :mod:`cardrisk.features.windows`: an event counts at t in a window w where it became
known before t, not before t - w, and nothing replaced it before t. Here it is added when it becomes known and taken
back when it leaves: so the memory needed is one number per entity and window, whatever happens in a window.

Cursors only go forward; a caller hands over arrays mapped from files, asks block after block, and lets the system
have the pages back. A *life* of an entity is named by the position of the event that begins it; what belongs to an
earlier life no longer counts.
"""

from __future__ import annotations

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, NEVER, NULL


@compiled
def lives(
    first: int, stop: int, time: I64, code: I64, counts: I64, silence: int, last: I64, begin: I64, life: I64
) -> None:
    """Write the life of each event ``first`` to ``stop`` into ``life``; ``last`` and ``begin`` are kept per entity."""
    for i in range(first, stop):
        c = code[i]
        if time[i] - last[c] > silence:
            begin[c] = i
        life[i - first] = begin[c]
        if counts[i] == 1:
            last[c] = time[i]


@compiled
def before(first: int, stop: int, time: I64, life: I64, pair: I64, seen: I64, seen_life: I64, out: I64) -> None:
    """Write when the same value was last seen in the same life, ``NULL`` where never; unknown values are -1."""
    for i in range(first, stop):
        q = pair[i]
        out[i - first] = NULL
        if q >= 0:
            if seen_life[q] == life[i]:
                out[i - first] = seen[q]
            seen[q] = time[i]
            seen_life[q] = life[i]


@compiled
def after(first: int, stop: int, time: I64, life: I64, pair: I64, seen: I64, seen_life: I64, out: I64) -> None:
    """Write when the same value is next seen in the same life, ``NEVER`` where it is not; blocks come backwards."""
    for i in range(stop - 1, first - 1, -1):
        q = pair[i]
        out[i - first] = NEVER
        if q >= 0:
            if seen_life[q] == life[i]:
                out[i - first] = seen[q]
            seen[q] = time[i]
            seen_life[q] = life[i]


@compiled
def gap_weights(
    first: int, stop: int, time: I64, code: I64, counts: I64, life: I64, longest: int, last: I64, owner: I64, out: I64
) -> None:
    """Write 1, the gap and its square (milliseconds) since the entity's previous card, 0 where none or too long."""
    for i in range(first, stop):
        out[i - first] = 0
        if counts[i] == 1:
            c = code[i]
            if owner[c] == life[i]:
                gap = time[i] - last[c]
                if gap <= longest:
                    gap //= 1_000
                    out[i - first, 0] = 1
                    out[i - first, 1] = gap
                    out[i - first, 2] = gap * gap
            last[c] = time[i]
            owner[c] = life[i]


@compiled
def sums(
    asked: tuple[I64, I64, I64],
    first: int,
    stop: int,
    events: tuple[I64, I64, I64, I64, I64],
    replaced: tuple[I64, I64, I64, I64, I64],
    spans: I64,
    cursor: I64,
    current: I64,
    held: I64,
    raw: I64,
    slot: int,
) -> None:
    """Write window sums for the questions ``first`` to ``stop``.

    Parameters
    ----------
    asked
        Moment, entity and life of every event, in order; each is a question.
    events
        Time, until (replaced from then on; empty: none ever is), entity, life and weights (events, channels), in
        order of time.
    replaced
        The same of events that are replaced, in order of until.
    spans
        Windows, ascending; ``NEVER`` for a lifetime.
    cursor
        How far events were added, replaced ones taken back, and each window's events taken back.
    current, held
        Life that each entity is in (-1 before its first), and its sums (windows, entities, channels).
    raw
        Written at ``slot + window * channels + channel``.
    """
    q_time, q_code, q_life = asked
    channels = held.shape[2]
    for i in range(first, stop):
        t, own = q_time[i], q_code[i]
        while cursor[0] < events[0].size and events[0][cursor[0]] < t:
            _enter(cursor[0], events, current, held)
            cursor[0] += 1
        while cursor[1] < replaced[1].size and replaced[1][cursor[1]] < t:
            _replace(cursor[1], replaced, spans, current, held)
            cursor[1] += 1
        for w in range(spans.size):
            _leave(w, t, events, spans, cursor, current, held)
        if current[own] != q_life[i]:
            current[own] = q_life[i]
            held[:, own, :] = 0
        for w in range(spans.size):
            for c in range(channels):
                raw[slot + w * channels + c, i - first] = held[w, own, c]


@compiled
def _enter(k: int, events: tuple[I64, I64, I64, I64, I64], current: I64, held: I64) -> None:
    """Add an event in every window."""
    _, _, code, life, weight = events
    if life[k] == current[code[k]]:
        for w in range(held.shape[0]):
            for c in range(held.shape[2]):
                held[w, code[k], c] += weight[k, c]


@compiled
def _replace(k: int, replaced: tuple[I64, I64, I64, I64, I64], spans: I64, current: I64, held: I64) -> None:
    """Take a replaced event back from every window that it has not left before."""
    time, until, code, life, weight = replaced
    if life[k] == current[code[k]]:
        for w in range(spans.size):
            if until[k] < time[k] + spans[w]:
                for c in range(held.shape[2]):
                    held[w, code[k], c] -= weight[k, c]


@compiled
def _leave(
    w: int, t: int, events: tuple[I64, I64, I64, I64, I64], spans: I64, cursor: I64, current: I64, held: I64
) -> None:
    """Take back what leaves one window before ``t``, unless it was replaced before."""
    time, until, code, life, weight = events
    k = cursor[2 + w]
    while spans[w] != NEVER and k < time.size and time[k] + spans[w] < t:
        if life[k] == current[code[k]] and (until.size == 0 or until[k] >= time[k] + spans[w]):
            for c in range(held.shape[2]):
                held[w, code[k], c] -= weight[k, c]
        k += 1
    cursor[2 + w] = k


@compiled
def _highest(count: I64, start: I64, entity: int) -> int:
    top = 0
    for q in range(start[entity], start[entity + 1]):
        top = max(top, count[q])
    return top


@compiled
def tops(
    asked: tuple[I64, I64, I64],
    first: int,
    stop: int,
    events: tuple[I64, I64, I64, I64, I64],
    replaced: tuple[I64, I64, I64, I64, I64],
    spans: I64,
    cursor: I64,
    current: I64,
    start: I64,
    count: I64,
    top: I64,
    raw: I64,
    slot: int,
) -> None:
    """Write how often the commonest value stands, as :func:`sums`; in place of weights, the value (-1: none).

    ``start`` says where each entity's values begin in ``count`` (windows, values); ``top`` is (windows, entities).
    """
    q_time, q_code, q_life = asked
    for i in range(first, stop):
        t, own = q_time[i], q_code[i]
        while cursor[0] < events[0].size and events[0][cursor[0]] < t:
            _count(cursor[0], events, current, count, top)
            cursor[0] += 1
        while cursor[1] < replaced[1].size and replaced[1][cursor[1]] < t:
            _uncount(cursor[1], replaced, spans, current, start, count, top)
            cursor[1] += 1
        for w in range(spans.size):
            _let_go(w, t, events, spans, cursor, current, start, count, top)
        if current[own] != q_life[i]:
            current[own] = q_life[i]
            top[:, own] = 0
            count[:, start[own] : start[own + 1]] = 0
        for w in range(spans.size):
            raw[slot + w, i - first] = top[w, own]


@compiled
def _count(k: int, events: tuple[I64, I64, I64, I64, I64], current: I64, count: I64, top: I64) -> None:
    """Count a value in every window."""
    _, _, code, life, value = events
    if value[k] >= 0 and life[k] == current[code[k]]:
        for w in range(count.shape[0]):
            count[w, value[k]] += 1
            top[w, code[k]] = max(top[w, code[k]], count[w, value[k]])


@compiled
def _lower(w: int, entity: int, value: int, start: I64, count: I64, top: I64) -> None:
    """Take one occurrence out of a window; find the highest count again if it was one of the highest."""
    count[w, value] -= 1
    if count[w, value] + 1 == top[w, entity]:
        top[w, entity] = _highest(count[w], start, entity)


@compiled
def _uncount(
    k: int, replaced: tuple[I64, I64, I64, I64, I64], spans: I64, current: I64, start: I64, count: I64, top: I64
) -> None:
    """Take a replaced value back from every window that it has not left before."""
    time, until, code, life, value = replaced
    if value[k] >= 0 and life[k] == current[code[k]]:
        for w in range(spans.size):
            if until[k] < time[k] + spans[w]:
                _lower(w, code[k], value[k], start, count, top)


@compiled
def _let_go(
    w: int,
    t: int,
    events: tuple[I64, I64, I64, I64, I64],
    spans: I64,
    cursor: I64,
    current: I64,
    start: I64,
    count: I64,
    top: I64,
) -> None:
    """Take back values that leave one window before ``t``, unless they were replaced before."""
    time, until, code, life, value = events
    k = cursor[2 + w]
    while spans[w] != NEVER and k < time.size and time[k] + spans[w] < t:
        if value[k] >= 0 and life[k] == current[code[k]] and until[k] >= time[k] + spans[w]:
            _lower(w, code[k], value[k], start, count, top)
        k += 1
    cursor[2 + w] = k


@compiled
def clocks(
    asked: tuple[I64, I64, I64],
    first: int,
    stop: int,
    counts: I64,
    cursor: I64,
    current: I64,
    seen: I64,
    raw: I64,
    since_first: int,
    since_last: int,
) -> None:
    """Write how long ago each entity was first and last seen in its life; ``seen`` is (entities, 2)."""
    time, code, life = asked
    for i in range(first, stop):
        t, own = time[i], code[i]
        while cursor[0] < time.size and time[cursor[0]] < t:
            k = cursor[0]
            if counts[k] == 1 and life[k] == current[code[k]]:
                if seen[code[k], 0] == NULL:
                    seen[code[k], 0] = time[k]
                seen[code[k], 1] = time[k]
            cursor[0] += 1
        if current[own] != life[i]:
            current[own] = life[i]
            seen[own] = NULL
        if since_first >= 0:
            raw[since_first, i - first] = t - seen[own, 0] if seen[own, 0] != NULL else NULL
        if since_last >= 0:
            raw[since_last, i - first] = t - seen[own, 1] if seen[own, 1] != NULL else NULL


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
