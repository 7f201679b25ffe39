"""Look at scores that were served: drift, calibration on final answers, the same bits again."""

import sys

import pandas as pd

from cardrisk.facts import MATURITY
from cardrisk.jobs.data import read_data, read_history, read_scores
from cardrisk.jobs.progress import Steps


def run(
    *,
    scores: str,
    data: str,
    reference: str | None,
    tz: str | None,
    model: str | None = None,
    history: str | None = None,
    maturity: float = MATURITY.value,
) -> int:
    """Print what was found.

    Returns
    -------
    int
        0 all is well or too small to tell, 1 something needs a person.

    Raises
    ------
    UnusableFileError
        A file of scores cannot be read.
    InputError
        The scores or the tables lack what is needed.
    """
    from cardrisk.monitor import monitor

    steps = Steps(2)
    with steps.step("read"):
        served, earlier = read_scores(scores), None if reference is None else read_scores(reference)
        tables, past = read_data(data), read_history(history)
    with steps.step(f"look at {len(served):,} scores"):
        found = monitor(
            served, tables.submissions, tables.outcomes,
            reference=earlier, model=model, history=past, maturity=maturity, tz=tz,
        )  # fmt: skip
    _say("Stated against observed, on cards whose answer is final", found.calibration)
    _say("Drift against the reference", found.drift)
    _say("Served against recomputed", found.recomputed)
    for alarm in found.alarms or ("nothing needs a person",):
        sys.stdout.write(f"{'! ' if found.alarms else ''}{alarm}\n")
    return 1 if found.alarms else 0


def _say(title: str, table: pd.DataFrame | None) -> None:
    if table is not None:
        sys.stdout.write(f"{title}\n{table.to_string(index=False, float_format='{:.4f}'.format, na_rep='-')}\n\n")
