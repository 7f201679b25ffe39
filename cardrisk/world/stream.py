"""A world on disk, day by day: constant memory, any number of workers, the same bytes.

Correct when the files hold what :func:`cardrisk.world.frames.generate` returns, appear whole or not at all, and do
not depend on workers or chunks.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from cardrisk.errors import ScenarioError
from cardrisk.world.day import DayTables, make
from cardrisk.world.frames import START, prepare
from cardrisk.world.ground import Ground
from cardrisk.world.manifest import TABLES, Tally, manifest, tally
from cardrisk.world.scenario import Scenario
from cardrisk.world.wanted import is_whole

REPEATING: Final[tuple[str, ...]] = (
    *("channel", "card_kind", "batch_id", "submitter_id", "supplier_id", "dealer_id", "store_id"),
    *("client_ip", "device_id", "entry_method", "medium", "face_value", "submitter_credit_score"),
    *("region_issued", "region_of_use", "cause", "incident", "status", "gateway_code", "gateway_message"),
    "label_source",
)
"""Columns whose values repeat, so that Parquet's dictionaries pay."""


def days_of(
    ground: Ground, days: Iterable[int], *, workers: int = 1, chunk: int = 1
) -> Iterator[tuple[DayTables, Tally]]:
    """Yield the tables and counts of each day, in the order asked.

    Parameters
    ----------
    ground
        The world's ground.
    days
        Days since its start.
    workers
        Processes that make days; 1 makes them here.
    chunk
        Days handed to a worker at once.
    """
    wanted = list(days)
    chunks = [wanted[at : at + chunk] for at in range(0, len(wanted), chunk)]
    if workers == 1:
        for part in chunks:
            yield from _make(ground, part)
        return
    from joblib import Parallel, delayed

    run = Parallel(n_jobs=workers, return_as="generator", pre_dispatch=2 * workers, batch_size=1)
    for part in run(delayed(_listed)(ground, part) for part in chunks):
        yield from part


def _make(ground: Ground, days: list[int]) -> Iterator[tuple[DayTables, Tally]]:
    for day in days:
        tables = make(ground, day)
        yield tables, tally(tables)


def _listed(ground: Ground, days: list[int]) -> list[tuple[DayTables, Tally]]:
    return list(_make(ground, days))


def write(
    folder: str | Path,
    days: int = 30,
    scale: float = 0.1,
    seed: int = 7,
    *,
    start: str = START,
    screening: Literal["activated", "raw"] = "activated",
    scenario: Scenario | None = None,
    workers: int = 1,
    chunk: int = 1,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write a world to ``folder`` and return its manifest.

    Writes ``submissions.parquet``, ``outcomes.parquet``, ``truth.parquet``, ``stopped.parquet`` and
    ``manifest.json``; one row group a day. Memory does not grow with ``days``.

    Parameters
    ----------
    folder
        Made where it is missing; files of these names are replaced when everything is written.
    days, scale, seed, start, screening, scenario
        As for :func:`cardrisk.world.generate`.
    workers, chunk
        Processes, and days handed to one at once: they change speed and memory, never a byte.
    progress
        Called with the number of days done.

    Returns
    -------
    dict
        The manifest: settings, rows, achieved rates beside the bands, digests.

    Raises
    ------
    ScenarioError
        As there, or ``workers`` or ``chunk`` is below 1; nothing is written.
    """
    scenario = Scenario() if scenario is None else scenario
    ground = prepare(days, scale, seed, start=start, screening=screening, scenario=scenario)
    for name, value in (("workers", workers), ("chunk", chunk)):
        if not is_whole(value) or value < 1:
            raise ScenarioError(f"{name}: expected 1 or more, got {value!r}")
    days, scale, seed = int(days), float(scale), int(seed)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counted = Tally()
    with tempfile.TemporaryDirectory(prefix=".world-", dir=folder) as unfinished:
        with _Writers(Path(unfinished)) as writers:
            made = days_of(ground, range(days), workers=workers, chunk=chunk)
            for done, (tables, counts) in enumerate(made, start=1):
                writers.write(tables)
                counted.add(counts)
                if progress is not None:
                    progress(done)
        digests = {f"{name}.parquet": _sha256(Path(unfinished) / f"{name}.parquet") for name in TABLES}
        said = manifest(
            counted, digests, days=days, scale=scale, seed=seed, start=start, screening=screening, scenario=scenario
        )
        text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
        (Path(unfinished) / "manifest.json").write_text(text, encoding="utf-8")
        for name in (*(f"{table}.parquet" for table in TABLES), "manifest.json"):
            os.replace(Path(unfinished) / name, folder / name)
    return said


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Writers:
    """One Parquet file per table, open together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> "_Writers":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._open.values():
            writer.close()

    def write(self, tables: DayTables) -> None:
        """Append a day to every file, as one row group each."""
        for name in TABLES:
            table: pa.Table = getattr(tables, name)
            if name not in self._open:
                self._open[name] = pq.ParquetWriter(
                    self._folder / f"{name}.parquet",
                    table.schema,
                    compression="snappy",
                    use_dictionary=[column for column in table.column_names if column in REPEATING],
                    dictionary_pagesize_limit=1 << 24,
                    write_statistics=["submitted_at", "received_at", "answered_at"],
                    store_schema=False,
                )
            self._open[name].write_table(table, row_group_size=max(1, table.num_rows))
