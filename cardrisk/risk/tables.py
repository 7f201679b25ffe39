"""What training and evaluation read: checked tables behind the intake boundary.

Correctness: no column of a card's number or secret is left, and nothing that became known at or after ``as_of``.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError
from cardrisk.risk.labels import microseconds


@dataclass(frozen=True)
class Tables:
    """Checked tables without secrets.

    Attributes
    ----------
    submissions
        Intake frame of the cards.
    outcomes
        Valid outcomes of these cards and of earlier ones.
    history
        Earlier (submissions, outcomes), or None.
    moments
        int64 microseconds: when each card became known.
    end
        Microseconds: the moment after everything given became known, or ``as_of``.
    repeated
        Rows of submissions left out because their id came before.
    """

    submissions: pd.DataFrame
    outcomes: pd.DataFrame
    history: tuple[pd.DataFrame, pd.DataFrame] | None
    moments: npt.NDArray[np.int64]
    end: int
    repeated: int = 0

    def until(self, moment: int) -> "Tables":
        """The same cards with the answers known before a moment (microseconds), which becomes the end."""
        seen = self.outcomes[microseconds(self.outcomes["answered_at"]) < moment]
        return replace(self, outcomes=seen, end=moment)

    def take(self, rows: npt.NDArray[np.intp]) -> "Tables":
        """The cards at ``rows`` (positions), with all answers."""
        return replace(self, submissions=self.submissions.iloc[rows], moments=self.moments[rows])


def prepare(
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    as_of: int | None = None,
    key: Any = None,
    tz: str | None = None,
) -> Tables:
    """Check tables, take codes in, and cut off what was not known yet.

    Parameters
    ----------
    submissions, outcomes, history, key, tz
        As in `train`.
    as_of
        Microseconds UTC; None: keep everything.

    Returns
    -------
    Tables

    Raises
    ------
    InputError
        If a table breaks its contract or no card is left.
    """
    from cardrisk.codes import intake
    from cardrisk.tables import check_outcomes, check_submissions, known_at, pair, quarantine
    from cardrisk.tables.rules import REPEATED_ID

    def cards(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, int]:
        if taken_in(frame):
            return frame, 0
        checked = check_submissions(frame, tz=tz)
        return intake(quarantine.kept(checked, name), key=key), int((checked.quarantined["rule"] == REPEATED_ID).sum())

    def answers(frame: pd.DataFrame, name: str) -> pd.DataFrame:
        plain = isinstance(frame, pd.DataFrame) and frame.empty and as_of is None
        checked = frame if plain else quarantine.kept(check_outcomes(frame, tz=tz), name)
        return checked if as_of is None else checked[microseconds(checked["answered_at"]) < as_of]

    earlier = None if history is None else pair(history)
    (taken, repeated), valid = cards(submissions, "submissions"), answers(outcomes, "outcomes")
    moments = np.asarray(known_at(taken), np.int64)
    if as_of is not None:
        taken, moments = taken[moments < as_of], moments[moments < as_of]
    if not len(taken):
        raise InputError("expected cards known before the moment of training, got none; give a later as_of")
    past = (
        None
        if earlier is None
        else (cards(earlier[0], "history submissions")[0], answers(earlier[1], "history outcomes"))
    )
    return Tables(taken, valid, past, moments, _end(moments, valid) if as_of is None else as_of, repeated)


def taken_in(frame: pd.DataFrame) -> bool:
    """Whether a frame went through the intake boundary already: tokens instead of codes."""
    return isinstance(frame, pd.DataFrame) and "number_token" in frame.columns and "card_no" not in frame.columns


def _end(moments: npt.NDArray[np.int64], outcomes: pd.DataFrame) -> int:
    answered = microseconds(outcomes["answered_at"]) if len(outcomes) else np.empty(0, np.int64)
    return int(max(moments.max(), answered.max() if len(answered) else 0)) + 1
