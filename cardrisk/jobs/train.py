"""Train on a DATA folder, keep the bundle, log the run."""

import sys
from pathlib import Path

import pandas as pd

from cardrisk.errors import InputError
from cardrisk.jobs.data import read_data, read_propensity
from cardrisk.jobs.progress import Steps


def run(
    *,
    data: str,
    out: str | None,
    register: str | None,
    alias: str | None,
    as_of: str | None,
    tz: str | None,
    store: str | None,
    track: bool,
    seed: int,
    propensity: str | None = None,
) -> int:
    """Train, save and track.

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        The data cannot be trained on, or the result would go nowhere.
    """
    if not track and out is None:
        raise InputError("--no-track without --out: the model would be lost; give --out BUNDLE")
    from cardrisk.registry import track as log
    from cardrisk.risk import train

    steps = Steps(3)
    with steps.step("read"):
        tables, chances = read_data(data), read_propensity(propensity)
    with steps.step("train"):
        model = train(
            tables.submissions, tables.outcomes, as_of=moment(as_of), tz=tz, seed=seed, propensity=chances
        )  # fmt: skip
    with steps.step("save"):
        if out is not None:
            model.save(out)
        tracked = log(model, register=register, alias=alias, store=store) if track else None
    where = [str(Path(out))] if out else []
    if tracked is not None:
        where.append(tracked.model_uri if tracked.version is None else f"models:/{register}/{tracked.version}")
    sys.stdout.write(f"model {model.version}: {', '.join(where)}\n")
    return 0


def moment(text: str | None) -> pd.Timestamp | None:
    """A moment given on the command line.

    Raises
    ------
    InputError
        Not a time, or a time without a zone.
    """
    if text is None:
        return None
    try:
        at = pd.Timestamp(text)
    except ValueError:
        raise InputError(f"expected a time such as 2026-02-01T00:00:00Z, got {text!r}") from None
    if pd.isna(at) or at.tzinfo is None:
        raise InputError(f"expected a time with a zone, such as 2026-02-01T00:00:00Z, got {text!r}")
    return at
