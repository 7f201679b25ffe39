"""The road of a table over the cluster: which task follows which.

Correct when the scores and features of a table equal, bit for bit, those of one process over the same rows.

Raw columns are read by the first task and never shuffled, cached or written; what is kept between tasks (on disk,
until the result stands) is tokens, coarse facts, identities and whole numbers.
"""

import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pandas as pd

from cardrisk.errors import InputError, KeyMaterialError, QuarantineWarning
from cardrisk.features.parts import RESUBMITTED, part_plan
from cardrisk.jobs.spark import ends, tasks
from cardrisk.jobs.spark.deal import Deal, deal
from cardrisk.jobs.spark.parcels import LEFT_OUT, LOAD, SCHEMA, on_arrow, unpacked
from cardrisk.jobs.spark.rounded import rounded_in
from cardrisk.jobs.spark.session import one_line
from cardrisk.jobs.spark.take import IDS, ROW, hearing, taking
from cardrisk.jobs.spark.work import Work
from cardrisk.tables import quarantine
from cardrisk.tables.check import Checked, check_outcomes, check_submissions
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Contract

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

SPREAD: Final = 4
"""Places are hashed to so many partitions a task that works beside others: few would leave some with most places."""

Frames: TypeAlias = "list[DataFrame]"
End: TypeAlias = "tuple[str, Callable[[Any], Any]]"
"""Columns of what the last task gives, and the task."""
Taking: TypeAlias = "Callable[[frozenset[str]], DataFrame]"


@dataclass(frozen=True)
class Tables:
    """What goes in.

    Attributes
    ----------
    cards
        The first task over the rows that want an answer.
    history
        The first task over the rows that feed history alone; may be none.
    outcomes
        Outcomes, as parcels.
    """

    cards: Taking
    history: "Taking | None"
    outcomes: Frames


@dataclass(frozen=True)
class Result:
    """What comes out.

    Attributes
    ----------
    table
        The result, computed and persisted; ``unpersist()`` gives its disk back.
    load
        ``stage, task, pid, rows``: how the work spread.
    """

    table: "DataFrame"
    load: pd.DataFrame


def submissions_in(df: "DataFrame", work: Work, groups: int, *, asks: bool, order: str | None = None) -> Taking:
    """Return what starts the first task over a table of submissions, once it is known which columns were rounded.

    Raises
    ------
    InputError
        The headers or ``order`` cannot be used.
    """
    _headers(df, SUBMISSIONS)
    rows = _numbered(df, SUBMISSIONS, order)
    return lambda rounded: rows.mapInArrow(taking(work, asks=asks, groups=groups, rounded=rounded), SCHEMA)


def outcomes_in(df: "DataFrame", work: Work, groups: int, *, later: int, order: str | None = None) -> "DataFrame":
    """Start the first task over a table of outcomes; ``later`` is added to their places.

    Raises
    ------
    InputError
        The headers or ``order`` cannot be used.
    """
    _headers(df, OUTCOMES)
    return _numbered(df, OUTCOMES, order).mapInArrow(hearing(work, later=later, groups=groups), SCHEMA)


def _headers(df: "DataFrame", contract: Contract) -> Checked:
    """Let the contract see the headers, so that a missing column is refused before any work."""
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in df.columns})
    return (check_submissions if contract is SUBMISSIONS else check_outcomes)(empty)


def _numbered(df: "DataFrame", contract: Contract, order: str | None) -> "DataFrame":
    """Number the rows, and leave behind what neither is a column of the contract nor can say what a line is."""
    from pyspark.sql import functions as F  # noqa: N812
    from pyspark.sql.types import StringType

    from cardrisk.tables.headers import known_header

    if order is not None and order not in df.columns:
        raise InputError(f"order: expected one of the table's columns, got {order!r}")
    kinds = {field.name: field.dataType for field in df.schema.fields}
    unread = [n for n, kind in kinds.items() if known_header(n, contract) is None and not isinstance(kind, StringType)]
    number = F.monotonically_increasing_id() if order is None else F.col(f"`{order}`").cast("long")
    return df.withColumn(ROW, number).drop(*unread)


def travel(tables: Tables, work: Work, groups: int, end: "End | None" = None) -> Result:
    """Take tables down the whole road.

    Parameters
    ----------
    tables
        What goes in.
    work
        Settings; with a model scores come out, without one features.
    groups
        How many tasks work beside each other.
    end
        What the last task gives; None: scores or features.

    Raises
    ------
    CardriskError
        As on one process, and where the workers have no token key or several.
    """
    if end is None and work.bundle:
        end = ends.score_schema()[0], ends.scoring(work)
    elif end is None:
        end = ends.feature_schema(work.features)[0], ends.featuring(work)
    schema, last = end
    return one_line(lambda: _travel(tables, work, groups, schema, last))


def _travel(tables: Tables, work: Work, groups: int, schema: str, last: Callable[[Any], Any]) -> Result:
    from pyspark import StorageLevel

    with ExitStack() as stack:

        def keep(df: "DataFrame") -> "DataFrame":
            held = df.persist(StorageLevel.DISK_ONLY)
            stack.callback(held.unpersist)
            return held

        found = [_taken(start, keep) for start in (tables.cards, tables.history) if start is not None]
        taken = _union(table for table, _ in found)
        dealt = _deal(pd.concat([counted for _, counted in found]), work, groups)
        settled = keep(_meet([_of(taken, IDS), *tables.outcomes], groups, tasks.settle, work))
        asked = _meet([_of(taken, "events", "sealed"), _chunked(settled)], groups, tasks.ask_facts, work, dealt)
        facts = keep(_meet([asked], groups, tasks.tell_facts, work, dealt))
        facts.count()  # once: two stages after this one read it, and would each begin it
        sent = [_of(taken, "events"), _chunked(settled), _of(facts, RESUBMITTED, "steps")]
        parts = _meet(sent, groups, tasks.ask_parts, work, dealt)
        features = keep(_meet([parts], groups, tasks.tell_parts, work, dealt))
        final = _union([_of(taken, "cards", "rest"), _of(settled, "dropped"), _chunked(facts), _chunked(features)])
        grouped = final.repartition(groups * SPREAD, "place").groupBy("place")
        table = grouped.applyInArrow(last, schema).persist(StorageLevel.DISK_ONLY)
        table.count()
        told = _told(_union([taken, settled, facts, features]))
        _tell_left_out(told)
        return Result(table, _load(told))


def _taken(start: Taking, keep: "Callable[[DataFrame], DataFrame]") -> "tuple[DataFrame, pd.DataFrame]":
    """Take a table in; once more where codes turn out to have been rounded, which only the whole column tells."""
    found = keep(start(frozenset()))
    rounding, counted = _notes(found)
    rounded = rounded_in(rounding)
    if not rounded:
        return found, counted
    found.unpersist()
    again = keep(start(rounded))
    return again, _notes(again)[1]


def _notes(taken: "DataFrame") -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the chunks say of rounded codes, and of how many events stand where."""
    told: dict[str, list[pd.DataFrame]] = {
        "rounding": [pd.DataFrame({"column": pd.Series(dtype="str"), "ending": [], "long": []})],
        "counted": [pd.DataFrame({"part": [], "bucket": [], "events": []}, dtype="int64").assign(key="")],
    }
    for row in _of(taken, *told).select("name", "data").collect():
        told[row["name"]].append(unpacked(bytes(row["data"])))
    rounding, counted = (pd.concat(frames[1:] or frames, ignore_index=True) for frames in told.values())
    return rounding, counted


def _told(parcels: "DataFrame") -> "list[Row]":
    """What the tasks tell of themselves and of rows left out, in one reading of everything that travelled."""
    from pyspark.sql import functions as F  # noqa: N812

    rows = parcels.where(parcels["name"].startswith(LOAD) | parcels["name"].isin("events", LEFT_OUT))
    data = F.when(rows["name"] == LEFT_OUT, rows["data"]).alias("data")
    return rows.select("name", "place", "pid", "rows", data).collect()


def _tell_left_out(found: "list[Row]") -> None:
    """Warn of rows of tables that only feed something else, where they broke a rule."""
    frames = [unpacked(bytes(row["data"])) for row in found if row["name"] == LEFT_OUT]
    for name, told in pd.concat(frames).groupby("table") if frames else ():
        counts = told.groupby("rule")["rows"].sum()
        broken = {str(rule): int(rows) for rule, rows in counts.items() if rule}
        if broken:
            said = quarantine.summary(str(name), int(counts[""]), broken)
            warnings.warn(QuarantineWarning(said, str(name)), stacklevel=2)


def _union(frames: "Iterable[DataFrame]") -> "DataFrame":
    return reduce(lambda one, other: one.unionByName(other), frames)


def _of(df: "DataFrame", *names: str) -> "DataFrame":
    return df.where(df["name"].isin(*names))


def _chunked(df: "DataFrame") -> "DataFrame":
    """Parcels for chunks: all but those that tell of the work itself, and of rows that were left out."""
    return df.where(~df["name"].startswith(LOAD) & (df["name"] != LEFT_OUT))


def _meet(frames: "Iterable[DataFrame]", groups: int, work: Callable[..., Any], *settings: Any) -> "DataFrame":
    """Bring parcels of one place together and let a task work on them."""
    together = _union(frames).repartition(groups * SPREAD, "place").groupBy("place")
    return together.applyInArrow(on_arrow(work, *settings), SCHEMA)


def _deal(counted: pd.DataFrame, work: Work, groups: int) -> Deal:
    """Cut the work by what the chunks hold."""
    keys = sorted(set(counted["key"]) - {""})
    if len(keys) > 1:
        raise KeyMaterialError(
            f"Spark workers: expected one token key, got {len(keys)} (ids {', '.join(keys)}); give all the same"
        )
    summed: pd.DataFrame = counted.groupby(["part", "bucket"])["events"].sum().reset_index()
    return deal(part_plan(work.features), summed, groups)


def _load(found: "list[Row]") -> pd.DataFrame:
    """How many rows each task worked on, and in which process."""
    rows = [tuple(row)[:4] for row in found if row["name"] != LEFT_OUT]
    table = pd.DataFrame(rows, columns=["stage", "task", "pid", "rows"])
    table["stage"] = table["stage"].str.removeprefix(f"{LOAD} ").replace("events", "intake")
    return table
