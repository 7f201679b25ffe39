"""Labels: what was known of each card's fate at one moment.

Correctness: the label of a card as of T is its latest answer with ``answered_at`` < T (ties: failed > partial >
success > unknown); rows that became known at or after T change nothing, and a card without such an answer has
no label - it is never counted as a success.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.errors import InputError, TimeZoneError
from cardrisk.facts import CAUSES

NEVER: Final = np.iinfo(np.int64).max
"""Microseconds that stand for "not answered"."""

NO_CAUSE: Final = -1
NO_CODE: Final = -1

DAY: Final = 86_400_000_000
"""Microseconds."""

UNSAID, GATEWAY, DISPUTE, MANUAL = 0, 1, 2, 3
"""Who gave an answer; unsaid where there is none or its source is null."""

_SOURCES: Final = {"gateway": GATEWAY, "dispute": DISPUTE, "manual": MANUAL}
_PRIORITY: Final = {"unknown": 0, "success": 1, "partial": 2, "failed": 3}
_CAUSE_CODE: Final = {cause: code for code, cause in enumerate(CAUSES)}


@dataclass(frozen=True, slots=True)
class Labels:
    """One label per card, in the order of the cards.

    Attributes
    ----------
    failed
        float64: 1 failed or partial, 0 success, NaN no label (unanswered, or the answer was "unknown").
    cause
        int16: position in ``facts.CAUSES`` for failed cards whose cause was given, -1 otherwise.
    answered
        int64 microseconds UTC: when the answer in force became known, ``NEVER`` where there is none.
    source
        int8: who said so: ``UNSAID``, ``GATEWAY`` (the cause is what a message maps to), ``DISPUTE`` or ``MANUAL``
        (the cause was found by people).
    code
        int32: a number for what the gateway answered on failed cards, in no order; ``NO_CODE`` where it gave neither a
        code nor a message.
    """

    failed: npt.NDArray[np.float64]
    cause: npt.NDArray[np.int16]
    answered: npt.NDArray[np.int64]
    source: npt.NDArray[np.int8]
    code: npt.NDArray[np.int32]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """bool: the card has a label."""
        return ~np.isnan(self.failed)

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Labels":
        """Labels of ``rows`` (positions or a mask), in that order."""
        return Labels(self.failed[rows], self.cause[rows], self.answered[rows], self.source[rows], self.code[rows])


def microseconds(times: "pd.Series[pd.Timestamp]") -> npt.NDArray[np.int64]:
    """int64 microseconds since 1970 UTC of a datetime column; null becomes the smallest int64."""
    if not len(times):
        return np.empty(0, np.int64)
    return np.asarray(times.dt.as_unit("us").astype("int64"), np.int64)


def answers_in_force(outcomes: pd.DataFrame, as_of: int | None = None) -> pd.DataFrame:
    """The answer in force for every answered card as of a moment.

    Parameters
    ----------
    outcomes
        Valid outcomes; ``submission_id, answered_at, status`` are needed, ``cause``, ``label_source``,
        ``gateway_code`` and ``gateway_message`` optional.
    as_of
        Microseconds UTC; only rows with ``answered_at`` < ``as_of`` count. None: all.

    Returns
    -------
    pandas.DataFrame
        One row per card, indexed by ``submission_id``: ``answered_at`` (int64 microseconds), ``status``, ``cause``,
        ``label_source`` (the last two null where not given), ``code`` (int64: a number for the gateway's code, or for
        its message where it gave no code, ``NO_CODE`` where neither is given).
    """
    answered = microseconds(outcomes["answered_at"])
    rows = np.arange(len(outcomes)) if as_of is None else np.flatnonzero(answered < as_of)
    status = outcomes["status"].astype("object").map(_PRIORITY).fillna(0).to_numpy(np.int8)
    codes, cards = pd.factorize(outcomes["submission_id"].iloc[rows])
    order = np.lexsort((status[rows], answered[rows], codes))
    last = np.ones(len(order), bool)
    last[:-1] = codes[order][1:] != codes[order][:-1]
    chosen = rows[order[last]]
    frame = pd.DataFrame(index=pd.Index(cards[codes[order[last]]], name="submission_id"))
    frame["answered_at"] = answered[chosen]
    for name in ("status", "cause", "label_source"):
        given = outcomes[name].to_numpy(object)[chosen] if name in outcomes else None
        frame[name] = pd.Series(given, index=frame.index, dtype="str")
    frame["code"] = _codes(outcomes, chosen)
    return frame


def _codes(answers: pd.DataFrame, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    given = [answers[name].iloc[rows] for name in ("gateway_code", "gateway_message") if name in answers]
    if not given:
        return np.full(len(rows), NO_CODE, np.int64)
    said = given[0] if len(given) == 1 else given[0].fillna(given[1])
    return np.asarray(pd.factorize(said)[0], np.int64)


def labels_of(submission_ids: pd.Series, outcomes: pd.DataFrame, as_of: int | None = None) -> Labels:
    """Labels of cards as of a moment.

    Parameters
    ----------
    submission_ids
        Ids of the cards, any order; ids without an answer have no label.
    outcomes
        Valid outcomes, any number of rows per card.
    as_of
        Microseconds UTC; None: all answers given.

    Returns
    -------
    Labels
        Aligned with ``submission_ids``.
    """
    force = answers_in_force(outcomes, as_of)
    place = force.index.get_indexer(pd.Index(submission_ids))
    found = place >= 0
    at = np.where(found, place, 0)
    if not len(force):
        return _unlabelled(len(submission_ids))
    status = force["status"].astype("object").map(_PRIORITY).fillna(0).to_numpy(np.int8)[at]
    failed = np.where(status >= 2, 1.0, np.where(status == 1, 0.0, np.nan))
    failed[~found] = np.nan
    cause = force["cause"].astype("object").map(_CAUSE_CODE).fillna(NO_CAUSE).to_numpy(np.int16)[at]
    source = force["label_source"].astype("object").map(_SOURCES).fillna(UNSAID).to_numpy(np.int8)[at]
    return Labels(
        failed=failed,
        cause=np.where(failed == 1.0, cause, NO_CAUSE).astype(np.int16),
        answered=np.where(found, force["answered_at"].to_numpy()[at], NEVER),
        source=np.where(found, source, UNSAID).astype(np.int8),
        code=np.where(failed == 1.0, force["code"].to_numpy()[at], NO_CODE).astype(np.int32),
    )


def _unlabelled(count: int) -> Labels:
    return Labels(
        np.full(count, np.nan),
        np.full(count, NO_CAUSE, np.int16),
        np.full(count, NEVER, np.int64),
        np.full(count, UNSAID, np.int8),
        np.full(count, NO_CODE, np.int32),
    )


def micro(moment: Any) -> int:
    """Microseconds since 1970 UTC of a moment: an int is taken as such, anything else must carry a zone.

    Raises
    ------
    TimeZoneError
        If the moment carries no zone.
    InputError
        If it is not a moment.
    """
    if isinstance(moment, (int, np.integer)) and not isinstance(moment, bool):
        return int(moment)
    try:
        stamp = pd.Timestamp(moment)
    except (TypeError, ValueError):
        raise InputError(f"expected a moment such as 2026-02-01T00:00Z, got {str(moment)[:40]!r}") from None
    if stamp.tzinfo is None:
        raise TimeZoneError(f"expected a moment with a time zone, got {str(moment)[:40]!r}; write 2026-02-01T00:00Z")
    return int(stamp.as_unit("us").asm8.astype(np.int64))
