"""Score a file: every row in goes out, scored or quarantined with the rule it broke, and outputs appear whole.

A small input is scored in memory, a large one in pieces on all cores (:mod:`cardrisk.jobs.batch`); the bytes are
the same.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cardrisk.errors import InputError
from cardrisk.jobs.data import read_history
from cardrisk.jobs.progress import Steps
from cardrisk.tables import SUBMISSIONS, atomic_writes, read_cards
from cardrisk.tables.headers import match_headers
from cardrisk.tables.read import naming

if TYPE_CHECKING:
    from cardrisk.codes import KeyRing, KeySource
    from cardrisk.jobs.batch.context import Limits
    from cardrisk.jobs.batch.run import Told
    from cardrisk.risk.explain import Language
    from cardrisk.scoring.batch import Reasons


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
    engine: str = "local",
    workers: int | None = None,
    limits: "Limits | None" = None,
    key: "KeySource | None" = None,
    alone: bool = False,
) -> int:
    """Score ``cards`` against ``history`` and write ``out`` and ``out.quarantine``.

    The quarantine has a line for each refused row: ``row`` (position in ``out``), ``rule``, ``column``, masked
    ``value``; of a folder, before these, ``file`` and ``row_in_file``.

    Parameters
    ----------
    cards
        A Parquet, CSV or batch text file, or a folder of Parquet or CSV files.
    model, history, tz, reasons, language, key
        As in :func:`cardrisk.score`; ``history`` a DATA folder.
    out
        ``.parquet`` or ``.csv``.
    encoding
        Of text files.
    kind, face_value, submitter, submitted_at
        Of a whole batch text.
    engine
        ``local`` or ``spark``.
    workers
        Processes; None: one a core. The bytes do not depend on it.
    limits
        How much is held in memory; neither do they on this.
    alone
        The process runs nothing but this job, as the command line does: workers are forked from it, which saves
        them loading everything again.

    Returns
    -------
    int
        0 all rows scored, 1 some quarantined.

    Raises
    ------
    InputError
        The input, the history or the output path cannot be used; nothing has been written then.
    """
    from cardrisk.jobs.batch.context import Limits

    target = Path(out)
    if target.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out: expected a name ending in .parquet or .csv, got {target.name!r}")
    _stand_apart(target, cards, history)
    text: dict[str, Any] = {
        "kind": kind,
        "face_value": face_value,
        "submitter": submitter,
        "submitted_at": submitted_at,
    }
    if engine == "spark":
        from cardrisk.jobs.spark import run as run_on_spark

        return int(
            run_on_spark(
                cards=cards,
                model=model,
                history=history,
                out=out,
                tz=tz,
                encoding=encoding,
                reasons=reasons,
                language=language,
                engine=engine,
                key=key,
                **text,
            )
        )
    limits = limits or Limits()
    if any(value is not None for value in text.values()) or not _large(cards, history, encoding, limits):
        told = _in_memory(cards, model, history, target, tz, encoding, text, reasons, language, key)
    else:
        told = _streamed(cards, model, history, target, tz, encoding, reasons, language, limits, workers, key, alone)
    say(told, target)
    return 1 if told.rows > told.scored else 0


def quarantine_of(target: Path) -> Path:
    """Where the refused rows of an output stand."""
    return target.with_name(f"{target.name}.quarantine")


def _stand_apart(target: Path, cards: str, history: str | None) -> None:
    """Refuse an output that would replace what is read, be read as cards next time, or cannot be written.

    Raises
    ------
    InputError
        It is one of these.
    """
    # `Path.resolve` raises at a link that leads to itself; reading it tells of that.
    out, given = Path(os.path.realpath(target)), Path(os.path.realpath(cards))
    folders = [given] if given.is_dir() else []
    folders += [Path(os.path.realpath(history))] if history is not None else []
    if out == given or out.parent in folders:
        raise InputError(f"--out: expected a place outside the cards and their history, got {target}; name another one")
    above = next(folder for folder in out.parents if folder.exists())  # what is missing is made
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise InputError(f"--out: {above} is no folder that can be written to; name another place")


def _large(cards: str, history: str | None, encoding: str | None, limits: "Limits") -> bool:
    """Whether the input, with its history, is more than one process should hold."""
    from cardrisk.jobs.batch.inputs import inputs_of

    if not Path(cards).exists():
        return False
    text = Path(cards).suffix.lower() not in {".parquet", ".pq", ".csv", ".tsv", ".tab"}
    if Path(cards).is_file() and text and Path(cards).stat().st_size < _BATCH_TEXT:
        return False
    return inputs_of(cards, history, encoding).rows() > limits.small or Path(cards).is_dir()


_BATCH_TEXT = 1 << 20
"""Bytes; a larger text file is no batch text of at most 1,000 lines."""


def _in_memory(
    cards: str,
    model: str | None,
    history: str | None,
    target: Path,
    tz: str | None,
    encoding: str | None,
    text: dict[str, Any],
    reasons: "Reasons",
    language: "Language",
    key: "KeySource | None",
) -> "Told":
    from cardrisk.jobs.batch.run import Told
    from cardrisk.scoring import score_checked

    steps = Steps(3)
    with steps.step("read"):
        past = read_history(history)
        given = read_cards(cards, encoding=encoding, **text)
        with naming(Path(cards).name):
            match_headers(list(given.columns), SUBMISSIONS)
    with steps.step(f"score {len(given):,} cards"):
        scores, refused = score_checked(
            given, model=model, history=past, tz=tz, reasons=reasons, language=language, key=key
        )
    with steps.step("write"):
        save(scores, refused, target)
    rules = {str(rule): int(count) for rule, count in refused["rule"].value_counts().items()}
    return Told(len(scores), int(scores["p_fail"].notna().sum()), rules, list(scores.attrs.get("ignored", [])))


def save(scores: pd.DataFrame, refused: pd.DataFrame, target: Path) -> None:
    """Write scores and quarantine together: both appear, or neither.

    Parameters
    ----------
    scores
        What ``cardrisk.score`` gives.
    refused
        ``row``, ``rule``, ``column``, masked ``value``.
    target
        Parquet or CSV; the quarantine goes to the same name with ``.quarantine`` added.
    """
    from cardrisk.jobs.batch.output import Output, table_of

    with atomic_writes(target, quarantine_of(target)) as (table, rules):
        out = Output(table, rules, target.suffix)
        out.add(table_of(scores), refused)
        out.close()


def _streamed(
    cards: str,
    model: str | None,
    history: str | None,
    target: Path,
    tz: str | None,
    encoding: str | None,
    reasons: "Reasons",
    language: "Language",
    limits: "Limits",
    workers: int | None,
    key: "KeySource | None",
    alone: bool,
) -> "Told":
    from cardrisk.jobs.batch.inputs import inputs_of
    from cardrisk.jobs.batch.run import STAGES, Asked, stream
    from cardrisk.risk import load_model

    asked = Asked(
        inputs_of(cards, history, encoding),
        target,
        quarantine_of(target),
        load_model(model),
        _key(key),
        tz,
        reasons,
        language,
        limits,
        workers or len(os.sched_getaffinity(0)),
        alone,
    )
    return stream(asked, Steps(STAGES))


def _key(source: "KeySource | None") -> "KeyRing | None":
    from cardrisk.codes import NoKeyWarning
    from cardrisk.codes.keys import resolve

    ring = resolve(source)
    if ring is None:
        warnings.warn(
            "no token key (CARDRISK_KEY): duplicate features are null, and an interrupted job starts anew",
            NoKeyWarning,
            stacklevel=2,
        )
    return ring


def say(told: "Told", target: Path) -> None:
    """Print what came of a job: counts, rules broken, columns kept out."""
    refused = told.rows - told.scored
    lines = [f"{told.rows:,} rows in = {told.scored:,} scored + {refused:,} quarantined; {target}"]
    by_count = sorted(told.broken.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"  {rule}: {count:,}" for rule, count in by_count]
    if told.ignored:
        lines.append(f"  columns kept out: {', '.join(map(str, told.ignored))}")
    sys.stdout.write("\n".join(lines) + "\n")
