"""What a model is learnt from, though hardly meant so: said as warnings, once, wherever training is called from.

Correct means: nothing is left out or changed here, and every number said is that of the tables as they were used.
"""

import warnings
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from cardrisk.errors import TrainingWarning
from cardrisk.features.declare import FeatureSet
from cardrisk.risk.labels import microseconds
from cardrisk.risk.tables import Tables

FEW: Final = 100
"""Failures; chances and causes learnt from fewer are guesses."""


def tell_of_tables(tables: Tables, given: int) -> None:
    """Warn of repeated cards, and of answers far from their cards.

    Parameters
    ----------
    tables
        What is trained on.
    given
        Rows of submissions as handed in.
    """
    from cardrisk.features.arrays import DAY, HORIZON

    if tables.repeated:
        _warn(f"{tables.repeated:,} of {given:,} submissions repeat a submission_id; the first of each counts")
    answers = tables.outcomes
    if not len(answers):
        return  # it may have no columns either
    asked = pd.Series(tables.moments, index=tables.submissions["submission_id"].to_numpy())
    asked = asked[~asked.index.duplicated()]
    known = asked.reindex(answers["submission_id"].to_numpy()).to_numpy("float64", na_value=float("nan"))
    far = int((np.abs(microseconds(answers["answered_at"]) - known) > HORIZON).sum())
    if far:
        _warn(
            f"{far:,} of {len(answers):,} answers are dated more than {HORIZON // DAY} days from their card and count "
            "in nobody's history; check their dates"
        )


def tell_of_columns(features: FeatureSet, given: Sequence[object], left: Sequence[object]) -> None:
    """Warn of columns that features read and that were given, but are kept out because no contract names them."""
    read = {column for each in features for column in (*(each.key.columns if each.key else ()), each.of or each.name)}
    lost = sorted(read.intersection(map(str, given)) - set(left))
    if lost:
        _warn(
            f"features read {', '.join(lost[:10])}, which are kept out, and find nothing; add such columns to the "
            "table that `cardrisk.codes.intake` gives, and train on that"
        )


def tell_of_few(failed: int) -> None:
    """Warn where fewer than ``FEW`` cards failed."""
    if failed < FEW:
        _warn(f"only {failed:,} cards failed, expected {FEW} or more: measure this model before money depends on it")


def _warn(text: str) -> None:
    warnings.warn(TrainingWarning(text), stacklevel=4)  # points at whoever called `train`
