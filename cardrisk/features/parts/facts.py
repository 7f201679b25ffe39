"""Facts of a card that take other events to tell, over narrow frames: seen before, handed in together, rings.

Each function takes some of the events and says which of them must come together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from cardrisk.features.arrays import DAY, I64, NULL
from cardrisk.features.derived import resubmitted
from cardrisk.features.parts.narrow import NarrowCards, cards_in
from cardrisk.features.parts.plan import RESUBMITTED, PartPlan
from cardrisk.features.rings import COLUMNS, FACTS, SPAN, build, forget, look_each
from cardrisk.features.statistics import CARD
from cardrisk.features.together import add_together


def resubmitted_in(events: pd.DataFrame) -> pd.DataFrame:
    """Return ``seq`` and ``flag resubmitted`` of events; those of one ``is card_token`` must come together."""
    cards = cards_in(events)
    return pd.DataFrame({"seq": cards.columns["seq"], RESUBMITTED: resubmitted(cards)})


def requests_in(plan: PartPlan, events: pd.DataFrame) -> pd.DataFrame:
    """Return ``seq`` and the ``request ...`` facts of events.

    Events of one ``is batch_id`` and ``time`` must come together; without a batch each stands alone.
    """
    cards = cards_in(events)
    add_together(cards, plan.requests)
    return pd.DataFrame({"seq": cards.columns["seq"], **{name: cards.found[name] for name in sorted(plan.requests)}})


def request_columns(plan: PartPlan) -> list[str]:
    """Columns of the events that :func:`requests_in` reads."""
    names = {"seq", "time", "asks", "counts", "is batch_id"}
    for name in plan.requests:
        _, what, *rest = name.split(" ", 2)
        if what in ("distinct", "known"):
            names.add(f"is {rest[0]}")
        elif rest:
            names.add(rest[0])
    return sorted(names)


def ring_columns() -> list[str]:
    """Columns of the events that :func:`rings_on` reads."""
    return ["seq", "time", "asks", "counts", *(f"is {column}" for column in COLUMNS)]


def day_of(moments: I64) -> I64:
    """Return the UTC day of each moment, days since 1970; unknown moments belong to the first day there is."""
    return np.asarray(moments, np.int64) // DAY


def rings_on(days: range, events: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Return ``seq`` and the ring facts of the cards of some UTC days.

    Parameters
    ----------
    days
        Days since 1970, in a row.
    events
        Every event of these days and of the seven before.
    answers
        Answers about those; of each day's cards only what was known before it began is read.
    """
    cards = cards_in(events)
    values, size = _values(cards.columns)
    counted = np.where(cards.push[:, None] == 1, values, -1)
    state = _standing(cards, answers)
    parent, degree = np.zeros(size, np.int64), np.zeros(size, np.int64)
    stats = np.zeros((size, 3), np.int64)
    begin, end = np.searchsorted(cards.time, (days.start * DAY, days.stop * DAY))
    asked = np.arange(begin, end)[cards.row[begin:end] >= 0]
    found = np.empty((asked.size, 3), np.int64)
    for day in days:
        start = day * DAY
        first, stop, after = np.searchsorted(cards.time, (max(start - SPAN, NULL), start, start + DAY))
        some = slice(*np.searchsorted(asked, (stop, after)))
        if some.start < some.stop:
            build(counted, first, stop, state(first, stop, start), parent, degree, stats)
            look_each(values, asked[some], parent, degree, stats, found[some])
            forget(counted, first, stop, degree)
    columns = {name: np.ascontiguousarray(found[:, j]) for j, name in enumerate(FACTS)}
    return pd.DataFrame({"seq": cards.columns["seq"][asked], **columns})


def _values(columns: dict[str, I64]) -> tuple[I64, int]:
    """Number the values of all linking columns; equal ones of different columns differ."""
    out = np.full((len(columns["seq"]), len(COLUMNS)), -1, np.int64)
    size = 0
    for j, column in enumerate(COLUMNS):
        identity = columns[f"is {column}"]
        known = identity != NULL
        codes, distinct = pd.factorize(identity[known])
        out[known, j] = codes + size
        size += len(distinct)
    return out, max(size, 1)


def _standing(cards: NarrowCards, answers: pd.DataFrame) -> Callable[[int, int, int], I64]:
    """Return what gives known and failed of the cards ``first`` to ``stop`` as of a moment; others are not read."""
    place, inside = cards.find(answers["seq"].to_numpy())
    order = np.argsort(place, kind="stable")
    place, rows = place[order], np.flatnonzero(inside)[order]
    time, until = (answers[name].to_numpy()[rows] for name in ("time", "until"))
    told = answers[["known", "failed"]].to_numpy()[rows]
    state = np.zeros((cards.time.size, 2), np.int64)

    def at(first: int, stop: int, moment: int) -> I64:
        low, high = np.searchsorted(place, (first, stop))
        stands = low + np.flatnonzero((time[low:high] < moment) & (until[low:high] >= moment))
        state[first:stop] = 0
        state[place[stands]] = told[stands]
        return state

    return at


TOKEN: str = CARD.columns[0]
"""Column whose equal values :func:`resubmitted_in` wants together."""
