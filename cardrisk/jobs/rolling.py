"""Rehearse a DATA folder: learn at several moments from what was known then, measure on what came next."""

import sys
from pathlib import Path

from cardrisk.jobs.data import read_data, read_history, read_propensity
from cardrisk.jobs.evaluate import save
from cardrisk.jobs.progress import Steps


def run(
    *,
    data: str,
    history: str | None,
    folds: int,
    first_share: float,
    gap_days: float | None,
    propensity: str | None,
    tz: str | None,
    seed: int,
    out: str | None,
) -> int:
    """Print one line per moment of learning, and write all figures to ``out``.

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        The data cannot be split so, or not be trained on.
    """
    from cardrisk.risk import prequential

    steps = Steps(2)
    with steps.step("read"):
        tables, past, chances = read_data(data), read_history(history), read_propensity(propensity)
    with steps.step(f"learn up to {folds} times from {len(tables.submissions):,} cards"):
        report = prequential(
            tables.submissions, tables.outcomes, history=past, truth=tables.truth, folds=folds,
            first_share=first_share, gap_days=gap_days, propensity=chances, tz=tz, seed=seed,
        )  # fmt: skip
    if out is not None:
        save(report, Path(out))
    shown = ["fold", "start", "trained", "tested", "rate", "average_precision", "recall_at_review_15", "bias", "ece"]
    table = report.frames["folds"][shown].assign(start=report.frames["folds"]["start"].dt.strftime("%Y-%m-%d %H:%M"))
    sys.stdout.write(table.to_string(index=False, float_format="{:.4f}".format, na_rep="-") + "\n")
    return 0
