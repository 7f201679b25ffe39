"""A job from its files to its output: stage after stage, each task once."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeAlias

import pandas as pd

from cardrisk._version import __version__
from cardrisk.codes import Key, KeyRing
from cardrisk.errors import CardriskError, QuarantineWarning, UnusableFileError
from cardrisk.jobs.batch import judging, keying, settling, taking
from cardrisk.jobs.batch.context import MODEL, Context, Limits, Settings, held, unit_of
from cardrisk.jobs.batch.inputs import Inputs
from cardrisk.jobs.batch.journal import Journal
from cardrisk.jobs.batch.output import put_together
from cardrisk.jobs.batch.pool import Pool, Task
from cardrisk.jobs.progress import Steps
from cardrisk.risk import RiskModel
from cardrisk.tables import quarantine
from cardrisk.tables.text import tells_rounding

STAGES: Final = 7
Work: TypeAlias = tuple[str, tuple[Any, ...], object]
"""Name of a task, its arguments, and of the file that it writes last."""
ROOM: Final = 4 / 3
"""A group is meant for so much less than a part: one that turns out larger is walked through from disk, slower."""


@dataclass(frozen=True)
class Asked:
    """What a job was asked for.

    Attributes
    ----------
    inputs
        Files.
    target, rules
        Where scores and quarantine go.
    model
        The model.
    key
        Token key; None: without.
    tz, reasons, language
        As in :func:`cardrisk.score`.
    limits
        What is held in memory.
    workers
        Processes; the bytes do not depend on it.
    alone
        This process runs nothing but the job: workers may be forked from it.
    """

    inputs: Inputs
    target: Path
    rules: Path
    model: RiskModel
    key: KeyRing | None
    tz: str | None
    reasons: str
    language: str
    limits: Limits
    workers: int
    alone: bool = False


@dataclass(frozen=True)
class Told:
    """What came of it: counts, rules broken, headers kept out."""

    rows: int
    scored: int
    broken: dict[str, int]
    ignored: list[str]


def stream(asked: Asked, steps: Steps) -> Told:
    """Score the files of a job and write its output.

    Raises
    ------
    CardriskError
        What was asked cannot be done; nothing is left behind then, unless a worker died: then the same command goes
        on from where it was.
    """
    with held(asked.model):
        return _stream(asked, steps)


def _stream(asked: Asked, steps: Steps) -> Told:
    pool = Pool(asked.workers, alone=asked.alone)  # before the journal's lock, which no worker may hold
    over = False
    try:
        journal = Journal(asked.target)
    except BaseException:
        pool.close()
        raise
    try:
        told = _Job(asked, journal, pool, steps).run()
        over = True
    except CardriskError as error:
        over = not isinstance(error, RuntimeError)
        raise
    finally:
        pool.close()
        if over:
            journal.remove()
        else:
            journal.release()
    return told


class _Job:
    """One run over the job's folder."""

    def __init__(self, asked: Asked, journal: Journal, pool: Pool, steps: Steps) -> None:
        self.asked, self.journal, self.pool, self.steps = asked, journal, pool, steps
        units = asked.inputs.units(asked.limits.piece)
        told = sum(unit.rows for unit in units if unit.table == "outcomes")
        rows = max(sum(unit.rows for unit in units) - told, told)
        settings = Settings(
            units,
            asked.limits,
            max(1, math.ceil(rows * ROOM / asked.limits.part)),
            asked.tz,
            asked.reasons,
            asked.language,
            asked.model.version,
        )
        shared = KeyRing(Key(os.urandom(32))) if asked.key is None else None
        before = journal.begin(self._manifest(settings, shared))
        if before is not None:
            steps.note(f"an earlier run of this output was interrupted; {before}")
        if not (journal.folder / MODEL).exists():
            asked.model.save(journal.folder / MODEL)
        rounded = journal.get("rounded.json")
        settings = replace(settings, rounded=tuple(rounded["columns"]) if rounded else ())
        self.context = Context(journal.folder, settings, asked.key, shared)

    def _manifest(self, settings: Settings, shared: KeyRing | None) -> dict[str, Any]:
        """Everything that the bytes of the job's files depend on; keys by their public names.

        Without a token key the tokens of an interrupted run mean nothing any more: such a job starts anew.
        """
        keys = [ring and [ring.current.id, ring.next and ring.next.id] for ring in (self.asked.key, shared)]
        return {
            "inputs": self.asked.inputs.stamps(),
            "settings": settings.document(),
            "version": __version__,
            "pandas": pd.__version__,
            "key": keys,
        }

    def run(self) -> Told:
        """All stages."""
        try:
            self._take()
            settle, deal = self.context.settings.groups, self._chunks(asks_only=False)
            self._settle(settle)
            self._facts(settle)
            self._drop(taking.SHARED)
            self._deal([chunk for chunk, _, valid in deal if valid])
            self._drop(settling.SETTLED)
            self._compute(settle)
            self._judge()
        finally:
            self.pool.close()
        return self._assemble()

    def _take(self) -> None:
        self._take_once()
        rounded = self._rounded()
        if set(rounded) - set(self.context.settings.rounded):
            (self.journal.folder / f"{taking.STAGE}.done").unlink()  # first: a stage that stands done has its files
            self._drop(taking.STAGE)
            self.journal.put("rounded.json", {"columns": rounded})
            self.context.settings = replace(self.context.settings, rounded=tuple(rounded))
            self.steps.total += 1
            self._take_once()
        self._refuse_empty()
        self._tell_left_out()

    def _take_once(self) -> None:
        names = {"history": "take", "submissions": "take", "outcomes": "tell"}
        units = self.context.settings.units
        tasks: list[Work] = [(names[unit.table], (i,), i) for i, unit in enumerate(units)]
        rows = [unit.rows for unit in units]
        self._folder(taking.SHARED)
        self._stage(taking.STAGE, "take in", tasks, sum(rows), rows.__getitem__)

    def _notes(self) -> list[tuple[str, Any]]:
        units = self.context.settings.units
        return [(unit.table, self.context.note(taking.STAGE, i)) for i, unit in enumerate(units)]

    def _rounded(self) -> list[str]:
        """Code columns of which the whole tells that a spreadsheet rounded them."""
        counts: dict[str, list[int]] = {}
        for table, note in self._notes():
            for name, (found, digits) in note.get("rounding", {}).items():
                total = counts.setdefault(f"{table} {name}", [0, 0])
                counts[f"{table} {name}"] = [total[0] + found, total[1] + digits]
        return sorted(name for name, (found, digits) in counts.items() if tells_rounding(found, digits))

    def _refuse_empty(self) -> None:
        rows: dict[str, int] = {}
        for unit, (_, note) in zip(self.context.settings.units, self._notes(), strict=True):
            if unit.table != "outcomes":
                rows[unit.path] = rows.get(unit.path, 0) + sum(count for _, count, _ in note["chunks"])
        for path, count in rows.items():
            if not count:
                name = Path(path).name
                raise UnusableFileError(f"{name}: expected a header line and at least one row, got no row")

    def _tell_left_out(self) -> None:
        """Warn of history that broke a rule; repeats of cards are told apart later and count as seen before."""
        for table, name in {"history": "history submissions", "outcomes": "history outcomes"}.items():
            notes = [note for unit, note in self._notes() if unit == table]
            broken = sum((Counter(note["broken"]) for note in notes), Counter[str]())
            if broken:
                told = quarantine.summary(name, sum(note["rows"] for note in notes), broken)
                warnings.warn(QuarantineWarning(told, name), stacklevel=2)

    def _chunks(self, *, asks_only: bool) -> list[tuple[int, int, int]]:
        """Chunks in the order of rows: number, rows, valid rows."""
        wanted = ("submissions",) if asks_only else ("history", "submissions")
        return [tuple(chunk) for table, note in self._notes() if table in wanted for chunk in note["chunks"]]

    def _settle(self, groups: int) -> None:
        """Settle ids; all repeats are gathered before the stage is done, for its files are dropped later on."""
        tasks: list[Work] = [("settle", (g,), g) for g in range(groups)]
        self._stage(settling.SETTLED, "settle answers", tasks, last=lambda: settling.gather_settled(self.context))

    def _facts(self, groups: int) -> None:
        tasks: list[Work] = [("facts", (g,), f"group_{g}") for g in range(groups)]
        if self.context.plan.rings and not self._is_done(settling.FACTS):  # else the rows that tell the days are gone
            tasks += [("rings", span, f"ring_{span[0]}_{span[1]}") for span in settling.ring_spans(self.context)]
        self._stage(settling.FACTS, "tell who belongs together", tasks)
        if self.context.steps:
            broken = [g for g in range(groups) if self.context.note(settling.FACTS, f"group_{g}")["broken"]]
            self._tasks(settling.REPAIRED, [("repair", (g,), g) for g in broken], lambda i: None)

    def _deal(self, chunks: list[int]) -> None:
        last = len(self.context.bands) - 2
        ways = [list(way) for _, way in groupby(chunks, lambda chunk: unit_of(chunk)[0])]
        ways = [way[i : i + keying.TOGETHER] for way in ways for i in range(0, len(way), keying.TOGETHER)]
        tasks: list[Work] = [("deal", tuple(way), keying.dealt_to(way[0], last)) for way in ways]
        self._stage(keying.DEALT, "deal events", tasks, len(chunks), lambda i: len(ways[i]))

    def _compute(self, groups: int) -> None:
        """Compute features; what was dealt to a band goes as soon as it is done with."""
        shares = range(keying.shares(groups))
        tasks: list[Work] = [("compute", (g, share), f"{g}_{share}") for g in range(groups) for share in shares]
        bands = [keying.band_of(self.context, group) for group in range(groups) for _ in shares]
        left = Counter(bands)

        def drop(i: int) -> None:
            left[bands[i]] -= 1
            if not left[bands[i]]:
                self._drop(keying.DEALT, keying.dealt_to("*", bands[i]))

        self._stage(keying.KEYED, "compute features", tasks, each=drop)

    def _judge(self) -> None:
        tasks: list[Work]
        chunks = self._chunks(asks_only=True)
        tasks = [("judge", (chunk, count), chunk) for chunk, count, _ in chunks]
        rows = [count for _, count, _ in chunks]
        self._stage(judging.JUDGED, "score", tasks, sum(rows), rows.__getitem__)

    def _stage(
        self,
        stage: str,
        what: str,
        tasks: list[Work],
        total: int | None = None,
        size: Callable[[int], int] = lambda i: 1,
        each: Callable[[int], object] = lambda i: None,
        last: Callable[[], object] = lambda: None,
    ) -> None:
        """Run the tasks of a stage that are not done, then ``last``; a finished stage is never looked at again.

        ``each`` is called when a task is done, or was.
        """
        with self.steps.track(what, len(tasks) if total is None else total) as count:
            if not self._is_done(stage):
                self._tasks(stage, tasks, lambda i: (count(size(i)), each(i)))
                last()
                self.journal.put(f"{stage}.done", {"tasks": len(tasks)})

    def _is_done(self, stage: str) -> bool:
        return self.journal.get(f"{stage}.done") is not None

    def _tasks(self, stage: str, tasks: list[Work], done: Callable[[int], object]) -> None:
        self._folder(stage)
        ready: list[Task] = [(name, given, self.context.path(stage, file)) for name, given, file in tasks]
        for i in self.pool.run(self.context, ready):
            done(i)

    def _folder(self, stage: str) -> None:
        (self.journal.folder / stage).mkdir(mode=0o700, exist_ok=True)

    def _drop(self, stage: str, which: str = "*") -> None:
        """Remove files of a stage that nobody reads any more."""
        for path in self.context.files(stage, which):
            path.unlink()

    def _assemble(self) -> Told:
        """Put the output together, in the order of the input."""
        chunks = [chunk for chunk, _, _ in self._chunks(asks_only=True)]
        parts = [self.context.path(judging.JUDGED, chunk) for chunk in chunks]
        units = self.context.settings.units
        files = [units[unit_of(chunk)[0]].name for chunk in chunks] if self.asked.inputs.folder else None
        with self.steps.step("write"):
            done = put_together(parts, self.asked.target, self.asked.rules, files)
        ignored = next(note["ignored"] for table, note in self._notes() if table == "submissions")
        return Told(done.rows, done.scored, done.broken, ignored)
