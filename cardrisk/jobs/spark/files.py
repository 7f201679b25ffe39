"""``cardrisk score --engine spark``: files in, files out, as the local engine writes them.

Correct when the two files have the bytes that the local engine writes, and appear whole or not at all.

Workers read their share of the files themselves and write scores to a folder beside the output, so both must lie
where every worker finds them; codes never pass through Spark's own memory.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.errors import InputError
from cardrisk.jobs.batch.journal import Journal
from cardrisk.jobs.batch.output import put_together
from cardrisk.jobs.progress import Steps
from cardrisk.jobs.spark import ends, road
from cardrisk.jobs.spark.deal import LARGEST
from cardrisk.jobs.spark.parcels import SCHEMA, to_arrow
from cardrisk.jobs.spark.session import one_line, session
from cardrisk.jobs.spark.take import hear, take
from cardrisk.jobs.spark.work import Bundle, Work, key_place
from cardrisk.risk import load_model
from cardrisk.tables import SUBMISSIONS, read_cards
from cardrisk.tables.headers import match_headers
from cardrisk.tables.read import naming

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from cardrisk.codes import KeySource
    from cardrisk.jobs.batch.inputs import Inputs
    from cardrisk.jobs.batch.source import Unit
    from cardrisk.risk.explain import Language
    from cardrisk.scoring.batch import Reasons

UNIT_BITS: Final = 36
"""A row's number: which unit of the input, then which row of it."""
PLACE_BITS: Final = 24
"""A chunk's number: which unit of the input, then which chunk of it."""
_TABLES: Final = (".parquet", ".pq", ".csv", ".tsv", ".tab")


def run(
    *,
    cards: str,
    model: str | None,
    history: str | None,
    out: str,
    tz: str | None = None,
    encoding: str | None = None,
    kind: str | None = None,
    face_value: float | None = None,
    submitter: str | None = None,
    submitted_at: str | None = None,
    reasons: "Reasons" = "stopped",
    language: "Language" = "en",
    engine: str = "spark",
    key: "KeySource | None" = None,
    tasks: int | None = None,
    watch: Callable[[pd.DataFrame], None] | None = None,
) -> int:
    """Score ``cards`` against ``history`` on Spark and write ``out`` and ``out.quarantine``.

    Parameters
    ----------
    cards, model, history, out, tz, encoding, kind, face_value, submitter, submitted_at, reasons, language, engine
        As in :func:`cardrisk.jobs.score.run`.
    key, tasks
        As in :func:`cardrisk.jobs.spark.score`.
    watch
        Told how the work spread: ``stage, task, pid, rows``.

    Returns
    -------
    int
        0 all rows scored, 1 some quarantined.

    Raises
    ------
    MissingExtraError
        PySpark or Java is not there.
    InputError
        The input, the history or the output path cannot be used; nothing has been written then.
    """
    from cardrisk.jobs.batch.inputs import inputs_of
    from cardrisk.jobs.batch.run import Told
    from cardrisk.jobs.batch.source import CONTRACTS
    from cardrisk.jobs.score import quarantine_of, say

    target = Path(out)
    if target.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out: expected a name ending in .parquet or .csv, got {target.name!r}")
    steps = Steps(3)
    with steps.step("read"):
        bundle = Bundle.of(load_model(model))
        work = Work(bundle.declared, key_place(key), tz, bundle, None, reasons, language)
        text = {"kind": kind, "face_value": face_value, "submitter": submitter, "submitted_at": submitted_at}
        whole = _whole(cards, encoding, text)
        inputs = inputs_of(cards, history, encoding)
        units = _units(inputs, work, ("history", "outcomes") if whole is not None else tuple(CONTRACTS))
        spark = session()
        groups = tasks or max(4, spark.sparkContext.defaultParallelism, -(-inputs.rows() // LARGEST))
        tables, ignored = _tables(spark, work, groups, units, whole)
    with _parts_of(target) as folder:
        with steps.step("score"):
            result = road.travel(tables, work, groups, (ends.WRITTEN[0], ends.writing(work, folder)))
            places = one_line(lambda: sorted(int(row["part"]) for row in result.table.collect()))
            result.table.unpersist()
        if watch is not None:
            watch(result.load)
        with steps.step("write"):
            parts = [ends.part_of(folder, place) for place in places]
            files = [units["submissions"][place >> PLACE_BITS].name for place in places] if inputs.folder else None
            done = put_together(parts, target, quarantine_of(target), files)
    told = Told(done.rows, done.scored, done.broken, ignored)
    say(told, target)
    return 1 if told.rows > told.scored else 0


@contextmanager
def _parts_of(target: Path) -> Iterator[Path]:
    """A folder beside the output for what tasks write, the output's owner's alone; held as a local job holds it."""
    journal = Journal(target)
    try:
        journal.empty()
        folder = journal.folder.resolve() / "parts"
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        journal.remove()


def _whole(cards: str, encoding: str | None, text: dict[str, Any]) -> pd.DataFrame | None:
    """Batch text is small, and taken in by the driver."""
    path = Path(cards)
    if any(value is not None for value in text.values()) or (path.is_file() and path.suffix.lower() not in _TABLES):
        return read_cards(cards, encoding=encoding, **text)
    return None


def _tables(
    spark: "SparkSession",
    work: Work,
    groups: int,
    units: dict[str, list["Unit"]],
    whole: pd.DataFrame | None,
) -> tuple[road.Tables, list[str]]:
    """Return what goes in, and headers that are kept out."""
    from cardrisk.jobs.batch.source import unit_header

    if whole is not None:
        header = list(whole.columns)
        start = _here(spark, work, groups, whole)
    else:
        header = unit_header(units["submissions"][0])
        start = _starting(spark, units["submissions"], work, asks=True, groups=groups)
    ignored = match_headers(header, SUBMISSIONS).ignored
    past = _starting(spark, units["history"], work, asks=False, groups=groups) if units.get("history") else None
    told = [_over(spark, units["outcomes"], _hearing(units["outcomes"], work, groups))] if "outcomes" in units else []
    return road.Tables(start, past, told), ignored


def _units(inputs: "Inputs", work: Work, tables: tuple[str, ...]) -> dict[str, list["Unit"]]:
    """Cut files where workers can read them apart."""
    from cardrisk.jobs.batch.inputs import Inputs

    wanted = tuple((table, path.resolve()) for table, path in inputs.files if table in tables)
    found: dict[str, list[Unit]] = {}
    for unit in Inputs(wanted, inputs.encoding).units(work.chunk // 4):
        found.setdefault(unit.table, []).append(unit)
    return found


def _here(spark: "SparkSession", work: Work, groups: int, frame: pd.DataFrame) -> road.Taking:
    def start(rounded: frozenset[str]) -> "DataFrame":
        rows = np.arange(len(frame))
        parcels = to_arrow(take(work, frame, rows, 0, asks=True, groups=groups, rounded=rounded))
        return spark.createDataFrame(parcels, SCHEMA)

    return start


def _starting(spark: "SparkSession", units: list["Unit"], work: Work, *, asks: bool, groups: int) -> road.Taking:
    def start(rounded: frozenset[str]) -> "DataFrame":
        def parcels(at: int) -> Iterator[pa.Table]:
            for sub, frame, rows in _pieces(units[at], at, work.chunk):
                place = at << PLACE_BITS | sub
                with naming(units[at].name):
                    table = to_arrow(take(work, frame, rows, place, asks=asks, groups=groups, rounded=rounded))
                yield table

        return _over(spark, units, parcels)

    return start


def _hearing(units: list["Unit"], work: Work, groups: int) -> Callable[[int], Iterator[pa.Table]]:
    def parcels(at: int) -> Iterator[pa.Table]:
        for sub, frame, rows in _pieces(units[at], at, work.chunk):
            with naming(units[at].name):
                table = to_arrow(hear(work, frame, rows, at << PLACE_BITS | sub, groups=groups))
            yield table

    return parcels


def _pieces(unit: "Unit", at: int, size: int) -> Iterator[tuple[int, pd.DataFrame, Any]]:
    from cardrisk.jobs.batch.source import pieces

    row = at << UNIT_BITS
    for sub, frame in enumerate(pieces(unit, size, together=False)):
        yield sub, frame.reset_index(drop=True), np.arange(row, row + len(frame))
        row += len(frame)


def _over(spark: "SparkSession", units: list["Unit"], parcels: Callable[[int], Iterator[pa.Table]]) -> "DataFrame":
    """Read every unit in a task of its own."""

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for at in batch["id"].to_pylist():
                for table in parcels(at):
                    yield from table.to_batches()

    return spark.range(0, len(units), numPartitions=len(units)).mapInArrow(run, SCHEMA)
