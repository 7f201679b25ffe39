"""Events in narrow frames: identities and whole numbers, nothing else, so that they travel and sort cheaply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from cardrisk.features.arrays import HORIZON, I32, I64, NEVER, NULL, Array, Bool, Columns
from cardrisk.features.columns import times
from cardrisk.features.declare import FeatureSet, Key
from cardrisk.features.events import GRAVITY, Answers, Cards, column_of, known_at, number_of, settle
from cardrisk.features.parts.identity import identities, identity, numbered, together
from cardrisk.features.parts.plan import part_plan

Frame: TypeAlias = "pd.DataFrame | Mapping[str, Array]"
"""Narrow rows: a frame, or columns."""
_NO_TABLE: Final = pd.DataFrame()

EVERYBODY = 1
"""Entity of a key without columns."""
UNKNOWN = 2
"""Stands for "not known" where a key takes that as a value."""


def as_columns(frame: Frame) -> Columns:
    """Return narrow rows as columns."""
    return {str(name): np.asarray(column) for name, column in frame.items()}


@dataclass
class NarrowCards(Cards):
    """Cards whose columns are identities and whole numbers already."""

    columns: dict[str, I64] = field(default_factory=dict)
    came: I64 = field(default_factory=lambda: np.empty(0, np.int64))

    @cached_property
    def stands(self) -> I64:
        """Position of each event, in the order in which they came."""
        place = np.empty(self.came.size, np.int64)
        place[self.came] = np.arange(self.came.size)
        return place

    @cached_property
    def by_seq(self) -> I64:
        """Positions of the events in the order of ``seq``."""
        return np.argsort(self.columns["seq"], kind="stable")

    @cached_property
    def _seq(self) -> I64:
        return self.columns["seq"][self.by_seq]

    def find(self, seq: I64) -> tuple[I64, Bool]:
        """Return the positions of those events that are here, and which they are; quick where ``seq`` ascends."""
        place, here = find(self._seq, seq)
        return self.by_seq[place[here]], here

    def number(self, name: str) -> I64:
        """Return a whole-number fact, in time order."""
        if name == "moment":
            return self.time
        return self.found[name] if name in self.found else self.columns[name]

    def code(self, column: str) -> tuple[I32, int]:
        """Return a column's codes in time order and their number."""
        if column not in self.codes:
            self.codes[column] = _codes(self.columns[f"is {column}"])
        return self.codes[column]


@dataclass(frozen=True)
class NarrowAnswers(Answers):
    """Answers whose columns are identities already, in the order of the answers."""

    columns: Columns = field(default_factory=dict)

    def code(self, column: str) -> tuple[I32, int]:
        """Return a column's codes, one per answer, and their number."""
        if f"is {column}" not in self.columns:
            return np.full(self.card.size, -1, np.int32), 0
        return _codes(self.columns[f"is {column}"])

    def equals(self, column: str, value: str) -> Bool:
        """Return where a text column has one value."""
        if f"is {column}" not in self.columns:
            return np.zeros(self.card.size, bool)
        same: Bool = self.columns[f"is {column}"] == identity(value)
        return same


def _codes(identity: I64) -> tuple[I32, int]:
    codes, values = pd.factorize(identity)
    known = identity != NULL
    return np.where(known, codes, -1).astype(np.int32), len(values)


def events_of(frame: pd.DataFrame, seq: Array, features: FeatureSet, *, asks: bool) -> pd.DataFrame:
    """Narrow submissions to what the features' events hold.

    Parameters
    ----------
    frame
        Submissions after intake, any rows of the table.
    seq
        Place of each row in all tables, history first: what decides between equal moments. Shape (rows,).
    features
        The declarations.
    asks
        Whether the rows want features (the table scored), or only feed them (history).

    Returns
    -------
    pandas.DataFrame
        ``seq, time`` (microseconds), ``asks``, ``counts`` (1 until :func:`settled` says that an earlier row has the
        same ``submission_id``), ``is COLUMN`` (identities) and whole numbers under their channels' names, all int64.
    """
    plan = part_plan(features)
    moment = known_at(frame)
    columns: dict[str, Array] = {
        "seq": np.asarray(seq, np.int64),
        "time": moment,
        "asks": np.full(len(frame), int(asks), np.int64),
        "counts": (moment != NULL).astype(np.int64),
    }
    for column in plan.identities:
        columns[f"is {column}"] = _identities_in(frame, column)
    for name in plan.numbers:
        columns[name] = number_of(frame, name)
    if "flag region_mismatch" in plan.derived:
        columns["flag region_mismatch"] = mismatch(frame)
    return pd.DataFrame(columns, copy=False)


def _identities_in(frame: pd.DataFrame, column: str) -> I64:
    return identities(frame[column]) if column in frame else np.full(len(frame), NULL)


def mismatch(frame: pd.DataFrame) -> I64:
    """Return 1 where a card is used outside its region, 0 inside, ``NULL`` where either is unknown."""
    issued, used = (identities(column_of(frame, name)) for name in ("region_issued", "region_of_use"))
    return np.where((issued == NULL) | (used == NULL), NULL, (issued != used).astype(np.int64))


def outcomes_of(frame: pd.DataFrame, rank: Array, features: FeatureSet) -> pd.DataFrame:
    """Narrow answers: ``id, rank, said, heard`` (when it counts from), ``grade`` and ``is COLUMN`` identities.

    Parameters
    ----------
    frame
        Valid outcomes, any rows of the table.
    rank
        Place of each row in all outcome tables, history's first: decides between equal answers of one moment.
    features
        The declarations.
    """
    said = times(frame["answered_at"])
    heard = np.maximum(said, times(frame["received_at"])) if "received_at" in frame else said
    codes, statuses = pd.factorize(frame["status"])
    grade = np.array([*(GRAVITY.get(status, 0) for status in statuses), 0], np.int64)[codes]
    columns: dict[str, Array] = {"rank": np.asarray(rank, np.int64), "said": said, "heard": heard, "grade": grade}
    for column in part_plan(features).told:
        columns[f"is {column}"] = _identities_in(frame, column)
    return pd.DataFrame({"id": frame["submission_id"].array, **columns}, copy=False)


def settled(cards: pd.DataFrame, outcomes: pd.DataFrame) -> tuple[I64, pd.DataFrame]:
    """Say which rows repeat an earlier one's id, and which answer of a card stands from when until when.

    Parameters
    ----------
    cards
        ``id, seq, time`` of every row with one of some ids, all tables.
    outcomes
        Rows of :func:`outcomes_of` with the same ids.

    Returns
    -------
    repeated
        ``seq`` of rows that are not the first of their id: they ask, but count in nobody's history.
    answers
        ``seq`` of the card, ``rank, time`` from which the answer counts, ``until`` (replaced from then on, or
        ``NEVER``), ``known, failed`` and ``is COLUMN``; in order of time.
    """
    cards = cards.sort_values("seq", kind="stable")
    outcomes = outcomes.sort_values("rank", kind="stable")
    ids, about = numbered(cards["id"], outcomes["id"])
    again = pd.Series(ids).duplicated().to_numpy() & (ids >= 0)
    is_first = ~again & (cards["time"] != NULL).to_numpy() & (ids >= 0)
    first = cards[is_first]
    place = np.full(max(ids.max(initial=-1), about.max(initial=-1)) + 2, -1)  # the last one is that of unknown ids
    place[ids[is_first]] = np.arange(len(first))
    card = place[about]
    start = first["time"].to_numpy()[np.maximum(card, 0)] if len(first) else np.zeros(len(card), np.int64)
    said = outcomes["said"].to_numpy()
    heard = outcomes["heard"].to_numpy()
    moment = np.maximum(heard, start)
    counts = (card >= 0) & (said != NULL) & (moment <= start + HORIZON) & (heard >= start - HORIZON)
    told = outcomes.drop(columns=["id", "said", "heard", "grade"]).reset_index(drop=True)
    found = settle(card, moment, heard, outcomes["grade"].to_numpy(), np.flatnonzero(counts), told)
    frame = told.take(found.order).reset_index(drop=True)
    later = np.append(found.time, 0)[np.minimum(found.after, found.time.size)]
    until = np.where(found.after < found.time.size, later, found.after)
    fixed: dict[str, Array] = {"seq": first["seq"].to_numpy()[found.card], "time": found.time, "until": until}
    fixed |= {"known": found.known.astype(np.int64), "failed": found.failed.astype(np.int64)}
    fixed |= {str(name): column.to_numpy() for name, column in frame.items()}
    return cards["seq"].to_numpy()[again], pd.DataFrame(fixed)


def entity_of(events: Frame, key: Key) -> I64:
    """Return the identity of the entity that ``key`` names in each event, ``NULL`` where it names none."""
    if not key.columns:
        return np.full(np.asarray(events["time"]).size, EVERYBODY, np.int64)
    columns = []
    for column in key.columns:
        found = np.asarray(events[f"is {column}"])
        columns.append(np.where(found == NULL, UNKNOWN, found) if column in key.lenient else found)
    return together(columns)


def find(ordered: I64, numbers: I64) -> tuple[I64, Bool]:
    """Return where numbers stand among ordered ones (anywhere, if they do not), and which of them do."""
    place = np.minimum(np.searchsorted(ordered, numbers), max(ordered.size - 1, 0))
    return place, ordered[place] == numbers if ordered.size else np.zeros(numbers.size, bool)


def in_order(moment: I64, number: I64) -> I64:
    """Return the order of time, then of ``number``; quick where rows come nearly so, in a few stretches."""
    order = np.argsort(moment, kind="stable")
    at, tie = moment[order], number[order]
    out_of_order = ((at[1:] == at[:-1]) & (tie[1:] < tie[:-1])).any()
    return np.lexsort((number, moment)) if out_of_order else order


def cards_in(events: Frame) -> NarrowCards:
    """Bring events of some entities into time order; quick where they come in it."""
    came = in_order(np.asarray(events["time"]), np.asarray(events["seq"]))
    columns = {name: column[came] for name, column in as_columns(events).items()}
    rows = np.where(columns["asks"] == 1, np.arange(came.size), -1)
    time, counts = columns["time"], columns["counts"].astype(np.int32)
    return NarrowCards([], time, np.arange(came.size), rows, counts, columns=columns, came=came)


def answers_in(answers: Frame, cards: NarrowCards) -> NarrowAnswers:
    """Bring answers about cards of a part into time order, revisions linked."""
    order = in_order(np.asarray(answers["time"]), np.asarray(answers["rank"]))
    time, known, failed = (np.asarray(answers[name])[order] for name in ("time", "known", "failed"))
    if "card" in answers:
        place = cards.stands[np.asarray(answers["card"])[order]]
    else:
        place = cards.find(np.asarray(answers["seq"])[order])[0]
    before, after = _chains(place)
    links = (before, after) if (before >= 0).any() else None
    columns = {name: column[order] for name, column in as_columns(answers).items() if name.startswith("is ")}
    return NarrowAnswers(place, time, known, failed, _NO_TABLE, np.arange(order.size), links, columns=columns)


def _chains(card: I64) -> tuple[I64, I64]:
    """Link answers of the same card, given in time order: the one before (-1) and after (``NEVER``)."""
    before, after = np.full(card.size, -1, np.int64), np.full(card.size, NEVER, np.int64)
    some = np.flatnonzero(np.bincount(card)[card] > 1)  # a card with one answer has nothing to link
    order = some[np.argsort(card[some], kind="stable")]
    same = card[order][1:] == card[order][:-1]
    before[order[1:][same]] = order[:-1][same]
    after[order[:-1][same]] = order[1:][same]
    return before, after
