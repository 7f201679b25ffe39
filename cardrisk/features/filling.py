"""Filling live history from tables."""

from __future__ import annotations

from cardrisk._later import pd
from cardrisk.features.live.history import LiveHistory
from cardrisk.features.stores.tables import entries_of


def backfill(history: LiveHistory, submissions: pd.DataFrame, outcomes: pd.DataFrame | None) -> None:
    """Let past tables become history, in the order in which they became known.

    Parameters
    ----------
    history
        Live history over any store; what it knows already stays, and the past counts from no earlier than that.
    submissions, outcomes
        Tables as for :func:`~cardrisk.features.compute`.
    """
    history.extend(entries_of(submissions, outcomes))
