"""One look at scores that were served.

Correctness: an alarm is raised for what the frames show and nothing else; a table too small to tell says so and
raises none.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cardrisk.errors import InputError, MissingColumnError
from cardrisk.facts import MATURITY
from cardrisk.monitor.calibration import calibration
from cardrisk.monitor.drift import drift
from cardrisk.monitor.served import recompute
from cardrisk.risk.labels import micro, microseconds

if TYPE_CHECKING:
    from cardrisk.policy import Costs
    from cardrisk.risk import RiskModel


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What was found.

    Attributes
    ----------
    calibration
        Stated against observed, see `cardrisk.monitor.calibration.calibration`.
    drift
        Mixes against a reference, see `cardrisk.monitor.drift.drift`; None without one.
    recomputed, differences
        Columns compared bit for bit and what differed, see `cardrisk.monitor.served.recompute`; None without a model.
    alarms
        One sentence per finding that needs a person; empty when all is well or too small to tell.
    """

    calibration: pd.DataFrame = field(repr=False)
    drift: pd.DataFrame | None = field(repr=False)
    recomputed: pd.DataFrame | None = field(repr=False)
    differences: pd.DataFrame | None = field(repr=False)
    alarms: tuple[str, ...]


def monitor(
    scores: pd.DataFrame,
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    reference: pd.DataFrame | None = None,
    model: "RiskModel | str | None" = None,
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    costs: "Costs | None" = None,
    as_of: Any = None,
    maturity: float = MATURITY.value,
    key: Any = None,
    tz: str | None = None,
    sample: int = 200,
    seed: int = 0,
) -> Monitoring:
    """Look at scores that were served.

    Parameters
    ----------
    scores
        What ``cardrisk.score`` gave: ``submission_id``, ``p_fail``, ``decision`` and, where kept, every other column.
    submissions, outcomes
        The same cards with the answers that have arrived.
    reference
        Earlier scores to compare the mixes with; None: no drift is looked for.
    model
        The model that served, or its name; a sample is then scored again and compared bit for bit. None: not done.
    history, costs, key
        What the scores were made from, as in ``cardrisk.score``; only needed with ``model``.
    as_of
        Moment at which answers are read and ages counted; None: when the last of the tables became known.
    maturity
        Days after which an answer is final.
    tz
        Zone of times that carry none.
    sample, seed
        Cards to score again, and the seed of the draw.

    Returns
    -------
    Monitoring

    Raises
    ------
    MissingColumnError
        The scores lack ``submission_id``, ``p_fail`` or ``decision``.
    InputError, TimeZoneError
        The tables break their contract, or a number is out of range.
    BundleError
        The model failed verification.
    """
    from cardrisk.risk import load_model
    from cardrisk.tables import check_outcomes, check_submissions, known_at, quarantine

    _look(scores, "scores")
    if not maturity >= 0 or sample < 1:
        raise InputError(f"expected maturity >= 0 days and a sample >= 1, got {maturity} and {sample}")
    checked = check_submissions(submissions, tz=tz)
    quarantine.kept(checked, "submissions")
    answers = quarantine.kept(check_outcomes(outcomes, tz=tz), "outcomes")
    moments = np.asarray(known_at(checked.valid), np.int64)
    end = _end(moments, answers) if as_of is None else micro(as_of)
    table = calibration(scores, checked.valid, moments, answers, end=end, maturity=maturity)
    moved = None if reference is None else drift(scores, _look(reference, "reference"))
    recomputed, differences = None, None
    if model is not None:
        recomputed, differences = recompute(
            scores, submissions, checked, moments, outcomes, model=load_model(model), history=history,
            costs=costs, key=key, tz=tz, sample=sample, seed=seed,
        )  # fmt: skip
    return Monitoring(table, moved, recomputed, differences, tuple(_alarms(table, moved, recomputed)))


def _look(scores: pd.DataFrame, what: str) -> pd.DataFrame:
    missing = [name for name in ("submission_id", "p_fail", "decision") if name not in scores]
    if missing:
        raise MissingColumnError(
            f"{what}: expected the columns cardrisk.score gives, missing {', '.join(missing)}; "
            f"got {[str(name)[:40] for name in scores.columns[:8]]}"
        )
    return scores


def _end(moments: "np.ndarray[Any, np.dtype[np.int64]]", answers: pd.DataFrame) -> int:
    answered = microseconds(answers["answered_at"])
    return int(max(moments.max(initial=0), answered.max(initial=0))) + 1


def _alarms(table: pd.DataFrame, moved: pd.DataFrame | None, recomputed: pd.DataFrame | None) -> list[str]:
    said = [
        f"calibration of {row['group']}: stated {row['stated']:.3f}, observed {row['observed']:.3f} "
        f"(gap {row['gap']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}], {row['cards']:,} cards)"
        for row in table.to_dict("records")
        if row["verdict"] == "off"
    ]
    if moved is not None:
        said += [
            f"{row['mix']} {row['verdict']}: PSI {row['psi']:.3f}, by chance at most {row['by_chance']:.3f}"
            for row in moved.to_dict("records")
            if row["verdict"] in ("moved", "shifted")
        ]
    if recomputed is not None:
        said += [
            f"{row['column']}: {row['differing']:,} of {row['cards']:,} served values are not what the tables give"
            for row in recomputed.to_dict("records")
            if row["differing"]
        ]
        if not len(recomputed) or not recomputed["cards"].max():
            said.append("no served card could be scored again: other model version, or other cards")
    return said
