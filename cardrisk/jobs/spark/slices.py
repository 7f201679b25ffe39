"""A hot entity's work cut by time: each task answers for some days and sees what it needs of the time before.

Correct when a slice gives each row it answers for the bits of a task that has the whole entity: an event left out
of a slice stands in no window of it, and decides no gap, no silence and no answer in it.

A slice of a key whose windows all end (up to 30 days) sees the windows before it, the cards of answers in them, and
of older days the first and last event of each entity, which keep every silence as long as it was. A slice of a key
with lifetime statistics sees everything before it.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from cardrisk.features.arrays import DAY, I64, NEVER, Bool
from cardrisk.features.parts import Part
from cardrisk.features.streams import LONGEST_GAP

BEGINNING: Final = -NEVER


class Slice(NamedTuple):
    """One task's share of a bucket's time.

    Attributes
    ----------
    first, stop
        Moments, in microseconds: it answers for rows in [first, stop).
    task
        The task.
    """

    first: int
    stop: int
    task: int


def reach_of(part: Part) -> int | None:
    """How far back a part's windows reach, in microseconds; None where a lifetime is told."""
    spans = [width for stream in part.plan.streams for width in stream.windows]
    if part.plan.first >= 0 or part.plan.last >= 0 or max(spans, default=0) >= NEVER:
        return None
    return max(spans, default=0)


def cut_by_time(
    part: Part, events: pd.DataFrame, answers: pd.DataFrame, slices: list[Slice]
) -> Iterator[tuple[int, pd.DataFrame, pd.DataFrame]]:
    """Cut some events and answers of a part by time.

    Parameters
    ----------
    part
        The key's share of the features.
    events, answers
        Of :func:`~cardrisk.features.parts.events_for` and ``answers_for``: a chunk's share of some entities.
    slices
        In the order of time.

    Yields
    ------
    tuple
        Task, events (those that it does not answer for only feed), answers.
    """
    reach = reach_of(part)
    time, told = events["time"].to_numpy(), answers["time"].to_numpy()
    asks, counts = events["asks"].to_numpy(), events["counts"].to_numpy() == 1
    edges = _edges(events)
    for one in slices:
        asked = (asks == 1) & (time >= one.first) & (time < one.stop)
        keep, known = (time < one.stop) & (counts | asked), told < one.stop
        if reach is not None and one.first > BEGINNING:
            known &= told >= one.first - reach
            about = events["seq"].isin(answers.loc[known, "seq"]).to_numpy()
            keep &= (time >= one.first - reach - LONGEST_GAP) | edges | about
        if keep.any():
            yield one.task, events.assign(asks=asked.astype(np.int64))[keep], answers[known]


def _edges(events: pd.DataFrame) -> Bool:
    """Tell the first and last counting event of each entity and day."""
    days = events["time"].to_numpy() // DAY
    order = np.lexsort((events["seq"], events["time"], days, events["entity"], -events["counts"]))
    entity, day = events["entity"].to_numpy()[order], days[order]
    counts = events["counts"].to_numpy()[order]
    edge = np.ones(len(events) + 1, bool)
    edge[1:-1] = (entity[1:] != entity[:-1]) | (day[1:] != day[:-1]) | (counts[1:] != counts[:-1])
    out = np.zeros(len(events), bool)
    out[order] = edge[:-1] | edge[1:]
    return out


def slices_of(
    days: I64,
    asking: I64,
    count: int,
    task: int,
) -> list[Slice]:
    """Cut time into at most ``count`` slices that answer for about as many rows each; tasks from ``task`` on.

    Parameters
    ----------
    days
        UTC days on which rows ask, ascending.
    asking
        How many ask on each.
    """
    done = np.cumsum(asking)
    share = (done - asking) * count // max(int(done[-1]), 1) if done.size else done
    starts = np.flatnonzero(np.diff(share, prepend=-1))
    edges = [BEGINNING, *(int(days[at]) * DAY for at in starts[1:]), NEVER]
    return [Slice(lo, hi, task + i) for i, (lo, hi) in enumerate(pairwise(edges))]
