"""Where windows begin and end among grouped events: both sorted lists are walked once, without a branch.

Long arrays are made outside compiled code, as in :mod:`~cardrisk.features.windows`.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, Rooms

FARTHEST: Final = 2**60
"""Moments are told apart up to nearly this many microseconds (36,000 years) after the first event."""

LANES: Final = 5
"""Merges done at a time at most: what is known at t and four windows."""

Edges: TypeAlias = NDArray[np.uint32]
"""Places among grouped events; see :func:`edges_of`."""

_WORD: Final = ir.IntType(64)
_SHORT: Final = ir.IntType(32)


def _merging(lanes: int) -> Any:
    """Return what merges events with questions, for so many widths at once; for compiled code alone.

    It writes how many events lie before each question less each width. Every step takes either the next event or the
    next question: exactly as many steps as there are of both, whatever the width, and no branch depends on which it is.
    Several merges fill each other's waits: five take hardly longer than one.

    The counts are kept negative and events lie backwards in memory, so that one number is the distance of the next
    event from the first and of the next question from the step: a merge's step is two reads, an addition, a comparison
    and a subtraction. Written for LLVM itself, since loops over NumPy arrays know no negative distance.
    """

    def merge(
        context: Any, asking: Any, known: Any, steps: Any, before: Any, rows: Any, widths: Any, edges: Any, apart: Any
    ) -> Any:
        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            asking, known, steps, before, rows, widths, edges, apart = arguments
            known, rows, widths = (b.inttoptr(each, _WORD.as_pointer()) for each in (known, rows, widths))
            width = [b.load(b.gep(widths, [_WORD(i)])) for i in range(lanes)]
            row = [b.mul(apart, b.load(b.gep(rows, [_WORD(i)]))) for i in range(lanes)]
            into = [b.inttoptr(b.add(edges, each), _SHORT.as_pointer()) for each in row]
            taken = [cgutils.alloca_once_value(b, _WORD(0)) for _ in range(lanes)]  # type: ignore[no-untyped-call]
            question = cgutils.alloca_once_value(b, b.inttoptr(asking, _WORD.as_pointer()))  # type: ignore[no-untyped-call]
            before = b.trunc(before, _SHORT)
            with cgutils.for_range(b, steps) as loop:
                here, counts = b.load(question), [b.load(each) for each in taken]
                for edge, count in zip(into, counts, strict=True):
                    at = b.gep(edge, [b.add(loop.index, count)])
                    b.store(b.sub(before, b.trunc(count, _SHORT)), at).align = 4
                for each, count, far in zip(taken, counts, width, strict=True):
                    earlier = b.add(b.load(b.gep(known, [count])), far)
                    is_next = b.icmp_unsigned("<", earlier, b.load(b.gep(here, [count])))
                    b.store(b.sub(count, b.zext(is_next, _WORD)), each)
                b.store(_opaque(b, b.gep(here, [_WORD(1)])), question)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8), generate

    return intrinsic(merge)


def _opaque(b: Any, value: Any) -> Any:
    """Return the same value, of which LLVM knows nothing: it would count all pointers from one and add twice a step."""
    return b.asm(ir.FunctionType(value.type, [value.type]), "", "=r,0", [value], False)


_MERGE_1, _MERGE_2, _MERGE_3, _MERGE_4, _MERGE_5 = (_merging(lanes) for lanes in range(1, LANES + 1))


def keys_of(time: I64, start: I64, base: int, reach: int, backwards: bool, keys: I64 | None = None) -> I64:
    """Return grouped moments as numbers that are in order over all entities, so that one walk compares them.

    Parameters
    ----------
    time, start
        Moments, grouped by entity and sorted inside, and where groups start.
    base, reach
        Earliest moment that is history, and how far from it the latest one asked for is; later ones count as that far.
    backwards
        Whether the last key stands first.
    keys
        Written where given; :func:`count_of_keys` says how long it is.

    Returns
    -------
    keys
        Each moment is shifted by its entity's number times more than any two moments and any window lie apart. As many
        entities as 64 bits allow stand together (:func:`_at_once`), with an end beyond them all after the last.
    """
    keys = np.empty(count_of_keys(start, reach), np.int64) if keys is None else keys
    _write_keys(time, start, base, reach, keys[::-1] if backwards else keys)
    return keys


def count_of_keys(start: I64, reach: int) -> int:
    """Return how many keys there are: a number for each event, and the ends between them."""
    return int(start[-1]) + -(-(start.size - 1) // _at_once(reach))


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


def edges_of(
    q_keys: I64, q_start: I64, p_keys: I64, p_start: I64, widths: I64, reach: int, alike: bool, rooms: Rooms, name: str
) -> Edges:
    """Return how many grouped events lie before each edge t - w, those of earlier entities included.

    Parameters
    ----------
    q_keys, q_start
        Moments asked for (:func:`keys_of`), grouped by entity.
    p_keys, p_start
        Moments at which events became known, grouped by the same entities; backwards.
    widths
        Widths of windows in microseconds; 0 gives where what is known at t ends.
    reach
        As for :func:`keys_of`.
    alike
        Whether those who ask are the events themselves.
    rooms, name
        Where the edges stand, until the next ones of that name are asked for.

    Returns
    -------
    edges
        Shape (widths, questions + 1); what goes beyond the questions means nothing.
    """
    edges = rooms.empty(name, (widths.size, q_start[-1] + 1), np.uint32)
    merged = []
    for lane, width in enumerate(widths):
        if width >= reach:
            _write_starts(q_start, p_start, edges[lane])
        elif width == 0 and alike:
            _write_earlier(q_keys, q_start, reach, edges[lane])
        else:
            merged.append(lane)
    for first in range(0, len(merged), LANES):
        lanes = np.array(merged[first : first + LANES], np.int64)
        _write_edges(q_keys, q_start, p_keys, p_start, widths[lanes], lanes, reach, edges)
    return edges


@compiled
def _write_starts(q_start: I64, p_start: I64, edge: Edges) -> None:
    """Nothing lies before the edge of a window that reaches beyond the first event."""
    for entity in range(q_start.size - 1):
        edge[q_start[entity] : q_start[entity + 1]] = p_start[entity]


@compiled
def _write_earlier(keys: I64, start: I64, reach: int, edge: Edges) -> None:
    """Those who ask are the events themselves: all before each one, but for those of its own moment."""
    at_once, entities = _at_once(reach), start.size - 1
    for number in range(-(-entities // at_once)):
        first, stop = start[number * at_once], start[min((number + 1) * at_once, entities)]
        earlier, last = first, -1
        for k in range(first, stop):
            key = keys[k + number]
            earlier, last = (earlier if key == last else k), key
            edge[k] = earlier


@compiled
def _write_edges(
    q_keys: I64, q_start: I64, p_keys: I64, p_start: I64, widths: I64, lanes: I64, reach: int, edges: Edges
) -> None:
    """Write the rows ``lanes`` of :func:`edges_of`."""
    at_once, entities, item = _at_once(reach), q_start.size - 1, q_keys.itemsize
    for number in range(-(-entities // at_once)):
        first, stop = number * at_once, min((number + 1) * at_once, entities)
        asking = q_keys.ctypes.data + item * (q_start[first] + number)
        known = p_keys.ctypes.data + item * (p_keys.size - 1 - p_start[first] - number)
        into = edges.ctypes.data + edges.itemsize * q_start[first]
        steps = q_start[stop] - q_start[first] + p_start[stop] - p_start[first]
        place = lanes.ctypes.data, widths.ctypes.data
        if lanes.size == 1:
            _MERGE_1(asking, known, steps, p_start[first], place[0], place[1], into, edges.strides[0])
        elif lanes.size == 2:
            _MERGE_2(asking, known, steps, p_start[first], place[0], place[1], into, edges.strides[0])
        elif lanes.size == 3:
            _MERGE_3(asking, known, steps, p_start[first], place[0], place[1], into, edges.strides[0])
        elif lanes.size == 4:
            _MERGE_4(asking, known, steps, p_start[first], place[0], place[1], into, edges.strides[0])
        else:
            _MERGE_5(asking, known, steps, p_start[first], place[0], place[1], into, edges.strides[0])
