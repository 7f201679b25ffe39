"""A journal as tables, and tables as a journal: batch over what a store holds gives the live bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cardrisk._later import pd
from cardrisk.features.arrays import NULL
from cardrisk.features.columns import times
from cardrisk.features.events import known_at
from cardrisk.features.live.values import micros
from cardrisk.features.stores.base import ANSWER, CARD, Entry, Store


def export(store: Store) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a store's events as (submissions, outcomes).

    An event that was handed over after its moment has that later moment as ``received_at``; ``answered_at`` stays what
    the answer said.
    """
    cards: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for entry in store.since(0):
        moment = pd.Timestamp(entry.moment, unit="us", tz="UTC")
        if entry.kind == CARD:
            cards.append({**entry.row, "received_at": moment})
        elif entry.kind == ANSWER:
            said = micros(entry.row.get("answered_at"))
            known = moment if said == NULL else pd.Timestamp(said, unit="us", tz="UTC")
            answers.append({**entry.row, "answered_at": known, "received_at": moment})
    return _frame(cards, "submitted_at"), _frame(answers, "answered_at")


def _frame(rows: list[dict[str, Any]], moment: str) -> pd.DataFrame:
    """Return a table of rows; one without any has the columns that every row has."""
    if rows:
        return pd.DataFrame(rows)
    times = dict.fromkeys((moment, "received_at"), pd.Series(dtype="datetime64[us, UTC]"))
    return pd.DataFrame({"submission_id": pd.Series(dtype="str"), **times})


def entries_of(submissions: pd.DataFrame, outcomes: pd.DataFrame | None) -> Iterator[Entry]:
    """Yield the events of tables in the order in which they became known; answers before cards at one moment."""
    found = [
        (moment, 1, i, Entry.card(moment, row))
        for i, (moment, row) in enumerate(zip(known_at(submissions).tolist(), _rows(submissions), strict=True))
    ]
    if outcomes is not None and len(outcomes):
        told = times(outcomes["answered_at"])
        if "received_at" in outcomes:
            told = np.maximum(told, times(outcomes["received_at"]))
        moments = told.tolist()
        found += [
            (moment, 0, i, Entry.answer(moment, row))
            for i, (moment, row) in enumerate(zip(moments, _rows(outcomes), strict=True))
        ]
    found.sort(key=lambda item: item[:3])
    return (entry for *_, entry in found)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): value for name, value in zip(frame.columns, row, strict=True) if not _unknown(value)}
        for row in frame.itertuples(index=False, name=None)
    ]


def _unknown(value: Any) -> bool:
    return value is None or value is pd.NA or value != value
