"""Train on a DATA folder, keep the bundle, log the run."""

import sys
from pathlib import Path
from typing import Final

import pandas as pd

from cardrisk.errors import InputError
from cardrisk.jobs.data import Data, read_data, read_propensity
from cardrisk.jobs.progress import Steps

FEW: Final = 100
"""Failures; chances and causes learnt from fewer are guesses."""


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
        _tell_of_doubts(tables, tz)
    with steps.step("train"):
        model = train(
            tables.submissions, tables.outcomes, as_of=moment(as_of), tz=tz, seed=seed, propensity=chances
        )  # fmt: skip
    failed = int(model.about["cards"]["failed"])
    if failed < FEW:
        _warn(f"only {failed:,} cards failed, expected {FEW} or more: measure this model before money depends on it")
    with steps.step("save"):
        if out is not None:
            model.save(out)
        tracked = log(model, register=register, alias=alias, store=store) if track else None
    where = [str(Path(out))] if out else []
    if tracked is not None:
        where.append(tracked.model_uri if tracked.version is None else f"models:/{register}/{tracked.version}")
    sys.stdout.write(f"model {model.version}: {', '.join(where)}\n")
    return 0


def _tell_of_doubts(tables: Data, tz: str | None) -> None:
    """Say what the tables hold that is used, but hardly meant so: repeated cards, answers far from their cards."""
    from cardrisk.features.arrays import DAY, HORIZON
    from cardrisk.tables import check_outcomes, check_submissions, known_at
    from cardrisk.tables.rules import REPEATED_ID

    checked = check_submissions(tables.submissions, tz=tz)
    again = int((checked.quarantined["rule"] == REPEATED_ID).sum())
    if again:
        _warn(f"{again:,} of {len(tables.submissions):,} submissions repeat a submission_id; the first of each counts")
    answers = check_outcomes(tables.outcomes, tz=tz).valid
    card = pd.Series(known_at(checked.valid), index=checked.valid["submission_id"].to_numpy())
    asked = card.reindex(answers["submission_id"].to_numpy()).to_numpy("float64", na_value=float("nan"))
    away = answers["answered_at"].to_numpy("datetime64[us]").astype("int64") - asked
    far = int((abs(away) > HORIZON).sum())
    if far:
        _warn(
            f"{far:,} of {len(answers):,} answers are dated more than {HORIZON // DAY} days from their card and count "
            "in nobody's history; check their dates"
        )


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {text}\n")


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
