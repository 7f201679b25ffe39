"""Measure a model on a DATA folder whose answers are known."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardrisk.jobs.data import read_data, read_history
from cardrisk.jobs.progress import Steps

if TYPE_CHECKING:
    import pandas as pd

    from cardrisk.risk import RiskModel


def run(*, model: str, data: str, history: str | None, tz: str | None, out: str | None) -> int:
    """Evaluate, print the figures that matter most, and write all of them to ``out``.

    Returns
    -------
    int
        0.
    """
    report = measure(model, data, history, tz)
    if out is not None:
        save(report, Path(out))
    for name, value in report.metrics.items():
        sys.stdout.write(f"{name:<40} {value:.4f}\n" if isinstance(value, float) else f"{name:<40} {value}\n")
    return 0


def measure(model: str, data: str, history: str | None, tz: str | None) -> Any:
    """The evaluation of a model on a DATA folder."""
    from cardrisk.evaluation import evaluate
    from cardrisk.risk import load_model
    from cardrisk.tables import check_submissions

    steps = Steps(2)
    with steps.step("read"):
        tables = read_data(data)
        past = read_history(history)
        loaded = load_model(model)
        checked = check_submissions(tables.submissions, tz=tz)
    _tell_of_seen(loaded, checked.valid)
    with steps.step(f"evaluate on {len(tables.submissions):,} cards"):
        return evaluate(
            loaded, tables.submissions, tables.outcomes, history=past, truth=tables.truth, tz=tz, checked=checked
        )


def _tell_of_seen(model: "RiskModel", cards: "pd.DataFrame") -> None:
    """Say it where cards are from before a model had learnt: those that it learnt from flatter it."""
    from cardrisk.registry.compare import trained_until
    from cardrisk.tables import known_at

    seen = int((known_at(cards) <= trained_until(model)).sum())
    if seen:
        sys.stderr.write(
            f"warning: {seen:,} of {len(cards):,} cards came in before this model had finished learning; if it "
            "learnt from them, the figures are better than what it will do: measure on later cards, or with "
            "`cardrisk rolling`\n"
        )


def save(report: Any, folder: Path) -> None:
    """Write metrics, frames and pictures as one folder, whole or not at all."""
    from cardrisk.pictures import evaluation_pictures
    from cardrisk.tables import atomic_write

    with atomic_write(folder) as scratch:
        scratch.mkdir()
        (scratch / "metrics.json").write_text(json.dumps(report.metrics, indent=1, sort_keys=True) + "\n")
        for name, frame in report.frames.items():
            frame.to_parquet(scratch / f"{name}.parquet")
        for name, picture in evaluation_pictures(report).items():
            picture.savefig(scratch / f"{name}.png")
