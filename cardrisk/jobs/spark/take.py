"""The first task: rows of a table in, through the contract and the boundary; what comes out holds no code.

Correct when every row of a chunk is in exactly one of ``cards`` and ``rest``, and values equal those of a chunk
that is the whole table - but for what takes other chunks to tell, which later tasks tell.

Raw columns exist in this task alone: it reads them from Spark's pipe and lets them go.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.codes import RAW
from cardrisk.codes.steps import seal
from cardrisk.features.arrays import NULL
from cardrisk.features.parts import PartPlan, day_of, entity_of, events_of, identities, outcomes_of, part_plan
from cardrisk.jobs.spark.parcels import LEFT_OUT, Parcel, cut, packed, to_arrow
from cardrisk.jobs.spark.rounded import counts_of
from cardrisk.jobs.spark.work import HISTORY_FIRST, Work
from cardrisk.tables import Checked, check, check_outcomes, quarantine
from cardrisk.tables.masks import masked
from cardrisk.tables.pieces import contract_of
from cardrisk.tables.reader import objects

ROW: Final = "__cardrisk_row"
"""Column that numbers the rows of a table on its way in."""
BUCKETS: Final = 256
"""Entities of a key are counted, and dealt to tasks, in so many buckets."""
DAYS: Final = -1
ASKING: Final = -2
"""In the place of a key: events are counted by day, those that ask apart."""
IDS: Final = "ids"
OUTCOMES: Final = "outcomes"


def taking(
    work: Work, *, asks: bool, groups: int, rounded: frozenset[str]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the task that takes in submissions; see :func:`take`."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for place, table in _chunks(batches, work.chunk):
            frame, rows = _frame(table)
            yield from to_arrow(take(work, frame, rows, place, asks=asks, groups=groups, rounded=rounded)).to_batches()

    return run


def hearing(work: Work, *, later: int, groups: int) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the task that takes in outcomes; see :func:`hear`."""
    name = "outcomes" if later else "history outcomes"

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for place, table in _chunks(batches, work.chunk):
            frame, rows = _frame(table)
            yield from to_arrow(hear(work, frame, rows + later, place, groups=groups, table=name)).to_batches()

    return run


def _chunks(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[tuple[int, pa.Table]]:
    """Put Spark's batches together to chunks, each with a number of its own among all tasks of this table."""
    from pyspark import TaskContext

    context = TaskContext.get()
    place = 0 if context is None else int(context.partitionId()) << 24
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= size:
            yield place, pa.Table.from_batches(held)
            held, rows, place = [], 0, place + 1
    if rows:
        yield place, pa.Table.from_batches(held)


def _frame(table: pa.Table) -> tuple[pd.DataFrame, Any]:
    """Cells as they stand in Spark's table, and the rows' numbers."""
    rows = table[ROW].to_numpy()
    frame = table.drop_columns([ROW]).to_pandas(types_mapper=_dtype, ignore_metadata=True)
    return frame, rows


def _dtype(kind: Any) -> Any:
    # Text becomes pandas' own text; the rest stays Arrow's, so that an integer column with nulls is not made float.
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return pd.StringDtype(na_value=float("nan")) if text else pd.ArrowDtype(kind)


def take(
    work: Work,
    frame: pd.DataFrame,
    rows: Any,
    place: int,
    *,
    asks: bool,
    groups: int,
    rounded: frozenset[str] = frozenset(),
) -> Iterator[Parcel]:
    """Take a chunk of submissions in.

    Parameters
    ----------
    work
        Settings.
    frame
        Cells as given, n rows.
    rows
        int64 number of each row in its table.
    place
        The chunk.
    asks
        Whether the rows want an answer, or only feed history.
    groups
        Over how many tasks ids are spread.
    rounded
        Code columns of the whole table that a spreadsheet rounded.

    Yields
    ------
    Parcel
        To a task of ids, ``ids``: who may repeat whom. To the chunk: ``events``, narrow; ``sealed``, what codes
        handed in together need; where rows ask, ``cards``, the table after the boundary, and ``rest``, what it
        needs to be put in order again; where they do not, how many were left out. To no place, ``counted``: how
        many events stand where, and ``rounding``: how many codes look rounded.
    """
    contract, readers = contract_of(rounded)
    checked = check(frame, contract, tz=work.tz)
    numbers = np.asarray(rows, np.int64)
    seq = (numbers if asks else numbers - HISTORY_FIRST)[checked.rows]
    place = place if asks else -1 - place
    intake = work.intake(checked.valid)
    taken = intake.frame(checked.valid)
    events = events_of(taken, seq, work.features, asks=asks)
    ids = pd.DataFrame({"id": taken["submission_id"].array, "seq": seq, "time": events["time"].to_numpy()})
    for task, part in cut(_spread(ids["id"], groups), ids):
        yield packed(task, IDS, place, part)
    yield packed(place, "events", place, events)
    coded = any(column in checked.valid for column in RAW)
    if coded and "batch_id" in taken:
        nonce, sealed = seal(intake, checked.valid)
        yield packed(place, "sealed", place, _sealed(seq, nonce, sealed, taken, events))
    if not asks or work.bundle is None:
        yield _left_out(checked, "submissions" if asks else "history submissions", place)
    if asks:
        cards = taken.reset_index(drop=True).assign(__row=numbers[checked.rows], __position=checked.rows)
        yield packed(place, "cards", place, cards)
        yield packed(place, "rest", place, _rest(frame, checked, numbers))
    yield packed(place, "rounding", place, counts_of(readers))
    key = intake._hashers[""].key_id if coded else ""
    yield packed(place, "counted", place, _counted(part_plan(work.features), events, key))


def _spread(values: pd.Series, groups: int) -> Any:
    return (identities(values) % groups).astype(np.int64)


def _sealed(seq: Any, nonce: Any, sealed: Any, taken: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    halves = np.ascontiguousarray(nonce).view(np.int64).reshape(-1, 2)
    columns = {"nonce 0": halves[:, 0], "nonce 1": halves[:, 1], "number": sealed[:, 0], "secret": sealed[:, 1]}
    batch = identities(taken["batch_id"])
    out = pd.DataFrame({"seq": seq, "time": events["time"].to_numpy(), "batch": batch, **columns})
    known: pd.DataFrame = out.loc[batch != NULL]
    return known


def _rest(frame: pd.DataFrame, checked: Checked, numbers: Any) -> pd.DataFrame:
    """Rows that were refused, with the rule; and the ids of others where they stand differently in the table.

    A row found out as a repetition later is shown as it was given, masked.
    """
    header = next((h for h, name in checked.aliases.items() if name == "submission_id"), "submission_id")
    given = objects(frame[header])
    shown = np.full(len(frame), None, object)
    if len(checked.rows):
        shown[checked.rows] = checked.valid["submission_id"].to_numpy(object)
    differs = np.array(
        [a is not b and not (type(a) is type(b) and a == b) for a, b in zip(given, shown, strict=True)], bool
    )
    at = np.flatnonzero(differs)
    report = checked.quarantined.set_index("row")
    cells = [given[i] for i in at]
    return pd.DataFrame(
        {
            "position": at,
            "row": numbers[at],
            "given": pd.Series([c if isinstance(c, str) and len(c) <= 64 else None for c in cells], dtype="str"),
            "masked": pd.Series([masked(c) for c in cells], dtype="str"),
            **{name: report[name].reindex(at).to_numpy(object) for name in ("rule", "column", "value")},
        }
    ).astype({"rule": "str", "column": "str", "value": "str"})


def _counted(plan: PartPlan, events: pd.DataFrame, key_id: str) -> pd.DataFrame:
    """Events per key and bucket of entities, and per day: what tasks are cut by."""
    found = []
    for at, part in enumerate(plan.parts):
        entity = entity_of(events, part.key)
        bucket, count = np.unique(entity[entity != NULL] % BUCKETS, return_counts=True)
        found.append(pd.DataFrame({"part": at, "bucket": bucket, "events": count}))
    for which, some in ((DAYS, events), (ASKING, events[events["asks"] == 1])):
        day, count = np.unique(day_of(some["time"].to_numpy()), return_counts=True)
        found.append(pd.DataFrame({"part": which, "bucket": day, "events": count}))
    return pd.concat(found, ignore_index=True).assign(key=key_id)


def _left_out(checked: Checked, table: str, place: int) -> Parcel:
    """Say how many rows there were (no rule), and how many broke which rule."""
    broken = quarantine.rules_of(checked.quarantined)
    rows = {"": len(checked.valid) + len(checked.quarantined), **broken}
    told = pd.DataFrame({"rule": list(rows), "rows": list(rows.values())}).astype({"rule": "str", "rows": "int64"})
    return packed(place, LEFT_OUT, place, told.assign(table=table))


def hear(
    work: Work, frame: pd.DataFrame, rank: Any, place: int, *, groups: int, table: str = "history outcomes"
) -> Iterator[Parcel]:
    """Take a chunk of outcomes in, to the tasks of ids.

    Parameters
    ----------
    work
        Settings.
    frame
        Cells as given, n rows.
    rank
        int64 place of each row among all outcomes.
    place
        The chunk.
    groups
        Over how many tasks ids are spread.
    table
        What to call it.

    Yields
    ------
    Parcel
        To tasks of ids: answers; to one of them, how many rows were left out.
    """
    checked = check_outcomes(frame, tz=work.tz)
    told = outcomes_of(checked.valid, np.asarray(rank, np.int64)[checked.rows], work.features)
    for task, part in cut(_spread(told["id"], groups), told):
        yield packed(task, OUTCOMES, place, part)
    yield _left_out(checked, table, place % groups)
