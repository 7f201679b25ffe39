"""Look at scores that were served: drift, calibration on final answers, the same bits again."""

import sys
from pathlib import Path

import pandas as pd

from cardrisk.errors import UnusableFileError
from cardrisk.facts import MATURITY
from cardrisk.jobs.data import read_data, read_history
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


def read_scores(path: str) -> pd.DataFrame:
    """Read what ``cardrisk score`` wrote, numbers to their last bit.

    Raises
    ------
    UnusableFileError
        Not there, or not such a file.
    """
    file = Path(path)
    if not file.is_file() or file.suffix not in (".parquet", ".csv"):
        raise UnusableFileError(f"{path}: expected scores in a .parquet or .csv file, got no such file")
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        text = pd.read_csv(file, encoding="utf-8-sig", dtype="str")
        # the parser may round the last bit of a number; its text does not
        names = [str(name) for name in text.columns]
        numbers = [name for name in names if name.startswith("p_") or name in ("expected_loss", "propensity")]
        return text.assign(**{name: [float(cell) for cell in text[name]] for name in numbers})
    except (ValueError, OSError) as error:
        raise UnusableFileError(
            f"{path}: expected scores as `cardrisk score` writes them, got {type(error).__name__}"
        ) from None


def _say(title: str, table: pd.DataFrame | None) -> None:
    if table is not None:
        sys.stdout.write(f"{title}\n{table.to_string(index=False, float_format='{:.4f}'.format, na_rep='-')}\n\n")
