"""One key's features of some of its entities: frame in, frame out.

Correct when cutting the entities into parts in any way gives the bits of the whole: a part holds every event of
its entities, so the same kernels see the same events in the same order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from cardrisk.features.arrays import I64, NULL, Columns
from cardrisk.features.declare import Key
from cardrisk.features.finish import finish_columns
from cardrisk.features.grouping import group_cards
from cardrisk.features.parts.narrow import (
    Frame,
    NarrowAnswers,
    NarrowCards,
    answers_in,
    as_columns,
    cards_in,
    entity_of,
    find,
    in_order,
)
from cardrisk.features.parts.plan import Part
from cardrisk.features.plan import Finish, KeyPlan
from cardrisk.features.streams import BLOCK, WALKS, Walk, clock_walk

EVENT: Final = ("seq", "time", "asks", "counts")
"""Columns of events that every part reads."""


def events_for(part: Part, events: pd.DataFrame) -> pd.DataFrame:
    """Return the events that belong to an entity of the part's key, with ``entity``, and only what the part reads.

    Parameters
    ----------
    part
        From :func:`~cardrisk.features.parts.part_plan`.
    events
        From :func:`~cardrisk.features.parts.events_of`, with ``flag resubmitted`` added where it is planned.
    """
    entity = entity_of(events, part.key)
    names = [*EVENT, *part.events]
    wanted = (entity != NULL) & ((events["asks"] == 1) | (events["counts"] == 1)).to_numpy()
    out = events[names].assign(entity=entity)
    return out if wanted.all() else out[wanted]


def answers_for(part: Part, answers: pd.DataFrame, events: pd.DataFrame, *, card_time: bool = False) -> pd.DataFrame:
    """Return the answers about cards in ``events`` (of :func:`events_for`), with the card's ``entity``.

    ``events`` must hold every card of ``answers`` that has an entity; only what the part reads is kept, with
    ``card_time`` also the card's own moment, which ``compute_large`` wants.
    """
    sorted_seq = events["seq"].is_monotonic_increasing
    known = events if sorted_seq else events.sort_values("seq")
    place, here = find(known["seq"].to_numpy(), answers["seq"].to_numpy())
    wanted = {"entity": "entity", **({"card_time": "time"} if card_time else {})}
    found = {name: known[of].to_numpy()[place[here]] for name, of in wanted.items()}
    return answers.loc[here, told_by(part)].assign(**found)


def told_by(part: Part) -> list[str]:
    """Columns of the answers that a part reads."""
    return ["seq", "rank", "time", "until", "known", "failed", *(f"is {column}" for column in part.told)]


class Hand:
    """Some events and the answers about them, dealt to one part after the other without a search for each.

    Correct when :meth:`deal` gives :func:`events_for` and :func:`answers_for` (with ``card_time``), as columns, in the
    order of time: it is sorted here once, and not by every part.

    Parameters
    ----------
    events
        Ascending in ``seq``.
    answers
        About any cards.

    Attributes
    ----------
    about
        Which row of the events, in the order of time, each answer's card is.
    """

    def __init__(self, events: Frame, answers: Frame) -> None:
        time, seq = np.asarray(events["time"]), np.asarray(events["seq"])
        order = in_order(time, seq)
        self._events = {name: column[order] for name, column in as_columns(events).items()}
        self._wanted = (self._events["asks"] == 1) | (self._events["counts"] == 1)
        told = in_order(np.asarray(answers["time"]), np.asarray(answers["rank"]))
        found, here = find(seq, np.asarray(answers["seq"])[told])
        place = np.empty(order.size, np.int64)
        place[order] = np.arange(order.size)
        self.about = place[found[here]]
        self._answers = {name: column[told[here]] for name, column in as_columns(answers).items()}
        self._answers["card_time"] = self._events["time"][self.about]

    def deal(self, part: Part) -> tuple[dict[str, I64], I64, dict[str, I64], I64]:
        """Return events and answers with what the part reads, and which rows of each are the part's."""
        entity = entity_of(self._events, part.key)
        mine = (entity != NULL) & self._wanted
        events = {name: self._events[name] for name in (*EVENT, *part.events)}
        events["entity"] = entity
        answers = {name: self._answers[name] for name in (*told_by(part), "card_time")}
        answers["entity"] = entity[self.about]
        return events, np.flatnonzero(mine), answers, np.flatnonzero(mine[self.about])


def compute_part(part: Part, events: Frame, answers: Frame) -> Columns:
    """Compute one key's features for some of its entities.

    Parameters
    ----------
    part
        The key's share of the features.
    events, answers
        Rows of :func:`events_for` and :func:`answers_for`, in any order: every event and every answer of each
        entity that occurs. Answers may name their card by its row among the events, ``card``, instead of by ``seq``.

    Returns
    -------
    dict
        One number per event that asks: ``seq`` and ``part.columns``: finished features (float32, float64) and whole
        numbers handed on (int64, ``NULL`` where unknown).
    """
    cards = cards_in(events)
    told = answers_in(answers, cards)
    key = Key(f"part of {part.key.name}", ("entity",), part.key.silence)
    cards.columns["is entity"] = cards.columns["entity"]
    groups = group_cards(cards, key)
    walks = walks_of(cards, told, part.plan, groups_key=key)
    out = Result(part, groups.q_row.size)
    raw = np.empty((part.plan.width, BLOCK), np.int64)
    for first in range(0, groups.q_row.size, BLOCK):
        stop = min(first + BLOCK, groups.q_row.size)
        for walk in walks:
            walk(first, stop, raw)
        out.take(first, stop, raw)
    return out.columns(cards.columns["seq"][groups.q_row])


def walks_of(cards: NarrowCards, answers: NarrowAnswers, plan: KeyPlan, *, groups_key: Key) -> list[Walk]:
    """Return what walks over each stream of a key's events."""
    groups = group_cards(cards, groups_key)
    walks = [WALKS[stream.source](cards, answers, groups, stream) for stream in plan.streams]
    if plan.first >= 0 or plan.last >= 0:
        walks.append(clock_walk(groups, plan.first, plan.last))
    return walks


class Result:
    """Columns of a part, filled a block at a time."""

    def __init__(self, part: Part, rows: int) -> None:
        self.part = part
        self.ends = [only(part.end, dtype) for dtype in ("float32", "float64")]
        self.ends = [end for end in self.ends if end.features]
        self.finished = [np.empty((len(end.features), rows), end.features[0].dtype) for end in self.ends]
        self.places = np.array([part.plan.column[slot] for slot in part.handed], np.int64)
        self.handed = np.empty((self.places.size, rows), np.int64)

    def take(self, first: int, stop: int, raw: I64) -> None:
        """Finish one block's features."""
        for end, finished in zip(self.ends, self.finished, strict=True):
            finish_columns(raw, end.ops, end.arguments, end.constants, finished, first, stop)
        self.handed[:, first:stop] = raw[self.places, : stop - first]

    def columns(self, seq: I64) -> Columns:
        """Return the part's result."""
        columns: Columns = {"seq": seq}
        for end, finished in zip(self.ends, self.finished, strict=True):
            columns |= {f.name: column for f, column in zip(end.features, finished, strict=True)}
        names = self.part.columns[len(self.part.end.features) :]
        columns |= dict(zip(names, self.handed, strict=True))
        return {name: columns[name] for name in ("seq", *self.part.columns)}


def only(end: Finish, dtype: str) -> Finish:
    """Return what ends in columns of one dtype."""
    chosen = np.array([i for i, f in enumerate(end.features) if f.dtype == dtype], np.int64)
    members = tuple(end.features[i] for i in chosen)
    return replace(
        end, features=members, ops=end.ops[chosen], arguments=end.arguments[chosen], constants=end.constants[chosen]
    )
