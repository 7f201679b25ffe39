"""How the work is dealt to tasks: cut by what the tables hold, so that no task has much more to do than another.

Correct when every bucket of every key, and every day, belongs to a task.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cardrisk.features.parts import PartPlan
from cardrisk.jobs.spark.slices import Slice, slices_of
from cardrisk.jobs.spark.take import ASKING, BUCKETS, DAYS

SMALLEST: Final = 20_000
"""Events below which a task is not worth its start."""
LARGEST: Final = 400_000
"""Events above which a task holds more than a worker should; one bucket or day may have more, if it must."""


@dataclass(frozen=True)
class Deal:
    """Which task does what.

    Attributes
    ----------
    groups
        Tasks over which ids, cards and requests are spread.
    first
        First task of each kind of fact.
    days
        First day, and first day after, of each task of rings.
    task_of
        Per part, the task of each bucket, shape (BUCKETS,); -1 where a bucket holds too much for one.
    slices
        Per part and such a bucket, how its time is cut.
    part_of
        The part of each task.
    """

    groups: int
    first: dict[str, int]
    days: tuple[tuple[int, int], ...]
    task_of: tuple[Any, ...]
    part_of: dict[int, int]
    slices: dict[tuple[int, int], list[Slice]]


def deal(plan: PartPlan, counted: pd.DataFrame, groups: int) -> Deal:
    """Cut the work.

    Parameters
    ----------
    plan
        The features, cut by key.
    counted
        ``part, bucket, events`` over all chunks; part ``DAYS`` counts days, ``ASKING`` days of rows that ask.
    groups
        How many tasks should run beside each other.
    """
    days, asking = (counted[counted["part"] == which].sort_values("bucket") for which in (DAYS, ASKING))
    total = int(days["events"].sum())
    most = min(max(SMALLEST, -(-total // groups)), LARGEST)
    spans = _spans(days["bucket"].to_numpy(), days["events"].to_numpy(), most)
    first = {"cards": 0, "requests": groups, "days": 2 * groups}
    task_of: list[Any] = []
    part_of: dict[int, int] = {}
    slices: dict[tuple[int, int], list[Slice]] = {}
    free = 0
    for at in range(len(plan.parts)):
        mine = counted[counted["part"] == at]
        events = np.zeros(BUCKETS, np.int64)
        events[mine["bucket"].to_numpy()] = mine["events"].to_numpy()
        hot = np.flatnonzero(events > 2 * most)
        for bucket in hot.tolist():
            count = int(-(-events[bucket] // most))
            cut = slices_of(asking["bucket"].to_numpy(), asking["events"].to_numpy(), count, free)
            slices[at, bucket] = cut
            free += len(cut)
        part_of.update(dict.fromkeys(range(len(part_of), free), at))
        events[hot] = 0
        bins = _bins(events, most) + free
        free += len(np.unique(bins))
        part_of.update(dict.fromkeys(range(len(part_of), free), at))
        bins[hot] = -1
        task_of.append(bins)
    return Deal(groups, first, spans, tuple(task_of), part_of, slices)


def _spans(day: Any, events: Any, most: int) -> tuple[tuple[int, int], ...]:
    """Consecutive days with about ``most`` events each."""
    spans: list[tuple[int, int]] = []
    start, held = None, 0
    for at, count in zip(day.tolist(), events.tolist(), strict=True):
        start = at if start is None else start
        held += count
        if held >= most:
            spans.append((start, at + 1))
            start, held = None, 0
    if start is not None:
        spans.append((start, int(day[-1]) + 1))
    return tuple(spans)


def _bins(events: Any, most: int) -> Any:
    """Give each bucket a bin: the largest first, each to the emptiest bin (longest processing time first)."""
    count = max(1, int(-(-events.sum() // most)))
    held = np.zeros(count, np.int64)
    bins = np.zeros(events.size, np.int64)
    for bucket in np.argsort(-events, kind="stable").tolist():
        bins[bucket] = int(held.argmin())
        held[bins[bucket]] += events[bucket]
    return pd.factorize(bins)[0].astype(np.int64)
