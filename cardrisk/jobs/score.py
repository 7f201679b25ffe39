"""Score a file: every row in goes out, scored or quarantined with the rule it broke, and outputs appear whole."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cardrisk.errors import InputError
from cardrisk.jobs.data import read_history
from cardrisk.jobs.progress import Steps
from cardrisk.tables import atomic_writes, quarantine, read_cards

if TYPE_CHECKING:
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
) -> int:
    """Score ``cards`` against ``history`` and write ``out`` and ``out.quarantine``.

    Returns
    -------
    int
        0 all rows scored, 1 some quarantined.

    Raises
    ------
    InputError
        The input, the history or the output path cannot be used; nothing has been written then.
    """
    from cardrisk.scoring import score_checked

    target = Path(out)
    if target.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out: expected a name ending in .parquet or .csv, got {target.name!r}")
    if engine == "spark":
        raise InputError("--engine spark: not there yet; use --engine local")
    steps = Steps(3)
    with steps.step("read"):
        past = read_history(history)
        given = read_cards(
            cards,
            encoding=encoding,
            kind=kind,
            face_value=face_value,
            submitter=submitter,
            submitted_at=submitted_at,
        )
    with steps.step(f"score {len(given):,} cards"):
        scores, refused = score_checked(given, model=model, history=past, tz=tz, reasons=reasons, language=language)
    with steps.step("write"):
        save(scores, refused, target)
    _say(scores, refused, target)
    return 1 if len(refused) else 0


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
    with atomic_writes(target, quarantine_of(target)) as (table, rules):
        if target.suffix == ".parquet":
            scores.to_parquet(table, index=False)
        else:
            flat = scores.assign(reasons=[" | ".join(texts) for texts in scores["reasons"]])
            quarantine.harmless(flat).to_csv(table, index=False, encoding="utf-8-sig", lineterminator="\n")
        quarantine.harmless(refused).to_csv(rules, index=False, encoding="utf-8-sig", lineterminator="\n")


def quarantine_of(target: Path) -> Path:
    """Where the refused rows of an output stand."""
    return target.with_name(f"{target.name}.quarantine")


def _say(scores: pd.DataFrame, refused: pd.DataFrame, target: Path) -> None:
    rows, out = len(scores), int(scores["p_fail"].notna().sum())
    lines = [f"{rows:,} rows in = {out:,} scored + {rows - out:,} quarantined; {target}"]
    lines += [f"  {rule}: {count:,}" for rule, count in refused["rule"].value_counts().items()]
    ignored: list[Any] = scores.attrs.get("ignored", [])
    if ignored:
        lines.append(f"  columns kept out: {', '.join(map(str, ignored))}")
    sys.stdout.write("\n".join(lines) + "\n")
