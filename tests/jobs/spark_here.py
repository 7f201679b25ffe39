"""The tasks of the Spark road in this process, without Spark: parcels are put together by place and handed on."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.features.parts import RESUBMITTED, part_plan
from cardrisk.jobs.spark import ends, tasks
from cardrisk.jobs.spark.deal import deal
from cardrisk.jobs.spark.parcels import LOAD, Parcel, on_arrow, to_arrow, unpacked
from cardrisk.jobs.spark.rounded import rounded_in
from cardrisk.jobs.spark.take import IDS, hear, take
from cardrisk.jobs.spark.work import HISTORY_FIRST, Work


def pieces(frame: pd.DataFrame, rng: np.random.Generator, most: int) -> Iterable[tuple[int, pd.DataFrame, Any]]:
    """Cut a table into chunks of random sizes."""
    edges = np.unique(np.concatenate([[0, len(frame)], rng.integers(0, len(frame) + 1, max(len(frame) // most, 1))]))
    for place, (first, stop) in enumerate(pairwise(edges)):
        yield place, frame.iloc[first:stop].reset_index(drop=True), np.arange(first, stop)


def of(table: pa.Table, *names: str) -> pa.Table:
    return table.filter(pa.array([name in names for name in table["name"].to_pylist()], pa.bool_()))


def chunked(table: pa.Table) -> pa.Table:
    return table.filter(pa.array([not name.startswith(LOAD) for name in table["name"].to_pylist()], pa.bool_()))


def meet(tables: list[pa.Table], work: Callable[..., Any], *settings: Any) -> pa.Table:
    return each_place(tables, on_arrow(work, *settings))


def each_place(tables: list[pa.Table], run: Callable[[pa.Table], pa.Table]) -> pa.Table:
    whole = pa.concat_tables(tables)
    place = whole["place"].to_numpy()
    found = [run(whole.filter(pa.array(place == at))) for at in np.unique(place)]
    return pa.concat_tables(found) if found else to_arrow([])


def travel(
    work: Work,
    cards: pd.DataFrame,
    history: pd.DataFrame | None,
    outcomes: list[pd.DataFrame],
    *,
    groups: int = 3,
    most: int = 300,
    seed: int = 0,
) -> tuple[pd.DataFrame, pa.Table]:
    """Return the result and the last task's input, as ``cardrisk.jobs.spark.road.travel`` would."""
    rng = np.random.default_rng(seed)
    parcels: list[Parcel] = []
    for table, asks in ((cards, True), (history, False)):
        if table is not None:
            chunks = list(pieces(table, rng, most))
            found = [p for place, f, rows in chunks for p in take(work, f, rows, place, asks=asks, groups=groups)]
            rounded = rounded_in(pd.concat([unpacked(p.data) for p in found if p.name == "rounding"]))
            if rounded:
                again = {"asks": asks, "groups": groups, "rounded": rounded}
                found = [p for place, f, rows in chunks for p in take(work, f, rows, place, **again)]
            parcels += found
    heard: list[Parcel] = []
    for later, table in enumerate(outcomes):
        for place, frame, rows in pieces(table, rng, most):
            heard += hear(work, frame, rows + later * HISTORY_FIRST, place, groups=groups)
    taken = to_arrow(parcels)
    counted = pd.concat([unpacked(p.data) for p in parcels if p.name == "counted"])
    dealt = deal(part_plan(work.features), counted.groupby(["part", "bucket"])["events"].sum().reset_index(), groups)
    settled = meet([of(taken, IDS), to_arrow(heard)], tasks.settle, work)
    asked = meet([of(taken, "events", "sealed"), chunked(settled)], tasks.ask_facts, work, dealt)
    facts = meet([asked], tasks.tell_facts, work, dealt)
    sent = [of(taken, "events"), chunked(settled), of(facts, RESUBMITTED, "steps")]
    features = meet([meet(sent, tasks.ask_parts, work, dealt)], tasks.tell_parts, work, dealt)
    final = [of(taken, "cards", "rest"), of(settled, "dropped"), chunked(facts), chunked(features)]
    end = ends.scoring if work.bundle else ends.featuring
    return each_place(final, end(work)).to_pandas(), pa.concat_tables([taken, settled, facts, features])
