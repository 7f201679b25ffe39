"""Features of a whole table: every row reads exactly what was known strictly before its own moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from cardrisk._later import pd
from cardrisk.features.arrays import I64, LINES, NULL, Array, Rooms, claimed, columns_of
from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import Feature, FeatureSet
from cardrisk.features.derived import add_derived
from cardrisk.features.events import Answers, Cards, answers_of, cards_of
from cardrisk.features.finish import SCALED
from cardrisk.features.grouping import Groups, group_cards
from cardrisk.features.lines import FEW, Cents, Part, finish_lines, lay_out, room_for_lines
from cardrisk.features.plan import Finish, KeyPlan, Plan, name_of, plan_of
from cardrisk.features.statistics import Slot
from cardrisk.features.streams import BLOCK, WALKS, Sums, Walk, clock_walk
from cardrisk.features.turning import UNKNOWN


def compute_columns(cards: Cards, answers: Answers, features: FeatureSet, rows: int) -> dict[str, Array]:
    """Return every history feature and whole-number fact as a column of its own, shape (rows,) each."""
    plan = plan_of(features)
    add_derived(cards, answers, plan.facts)
    lent: dict[Slot, I64] = {}
    for shared in plan.shared:
        lent.update(_lend(cards, answers, shared, rows))
    out = _Output(features, rows, cards.rooms)
    for key in plan.keys:
        _finish_key(cards, answers, plan, key, lent, out)
    return out.done


class _Output:
    """Columns to be filled: numbers as one float32 block, money as one float64 block."""

    def __init__(self, features: FeatureSet, rows: int, rooms: Rooms) -> None:
        self.place: dict[str, int] = {}
        counts = {"float32": 0, "float64": 0}
        for feature in features:
            if feature.dtype in counts:
                self.place[feature.name] = counts[feature.dtype]
                counts[feature.dtype] += 1
        self.blocks = {dtype: claimed(columns_of(count, rows, dtype)) for dtype, count in counts.items()}
        self.rows, self.rooms = rows, rooms
        self.done: dict[str, Array] = {}

    def parts(self, end: Finish, cards: int, few: int, small: set[int]) -> tuple[Part, Part, Cents]:
        """Return what finishes the features of one key, so many cards at a time.

        Slots in ``small`` are whole numbers of four bytes.
        """
        cents: list[int] = []
        single: list[int] = []
        double: list[int] = []
        for i, feature in enumerate(end.features):
            divided = feature.dtype == "float64" and end.ops[i] == SCALED and int(end.arguments[i, 0]) in small
            (cents if divided else single if feature.dtype == "float32" else double).append(i)
        ones = self._part(end, single, cards, few, "float32", len(cents))
        twos = self._part(end, double, cards, few, "float64")
        whole: Array = ones.lines.view(np.uint32)
        whole[cards, len(single) :] = UNKNOWN
        slots, units = end.arguments[:, 0][cents], end.constants[cents]
        return ones, twos, Cents(slots, units, whole, *self._columns(end, cents, "float64"))

    def _part(self, end: Finish, members: list[int], cards: int, few: int, dtype: str, more: int = 0) -> Part:
        name = LINES if dtype == "float32" else f"lines {dtype}"
        lines = room_for_lines(self.rooms, name, cards, len(members) + more, dtype)
        room = np.zeros((lines.shape[1], few), dtype)
        how = end.ops[members], end.arguments[members], end.constants[members]
        return Part(*how, room, lines, *self._columns(end, members, dtype))

    def _columns(self, end: Finish, members: list[int], dtype: str) -> tuple[I64, Array]:
        """Return which columns of their block some features are; they are done once the block is written."""
        names, block = [end.features[i].name for i in members], self.blocks[dtype]
        self.done.update({name: block[self.place[name], : self.rows] for name in names})
        return np.array([self.place[name] for name in names], np.int64), block


def _walks(cards: Cards, answers: Answers, key: KeyPlan, groups: Groups) -> list[Walk]:
    walks = [WALKS[stream.source](cards, answers, groups, stream) for stream in key.streams]
    if key.first >= 0 or key.last >= 0:
        walks.append(clock_walk(groups, key.first, key.last))
    return walks


def _lend(cards: Cards, answers: Answers, key: KeyPlan, rows: int) -> dict[Slot, I64]:
    """Return slots that other keys' features read, by output row; ``NULL`` where the entity is unknown."""
    if key.key is None:
        return {slot: _fact(cards, slot, rows) for slot in key.column}
    lent = {slot: np.full(rows, NULL) for slot in key.column}
    groups = group_cards(cards, key.key)
    walks = _walks(cards, answers, key, groups)
    raw = np.empty((key.width, BLOCK), np.int64)
    for first in range(0, groups.q_row.size, BLOCK):
        at = groups.q_row[first : first + BLOCK]
        for walk in walks:
            walk(first, first + at.size, raw)
        for slot, place in key.column.items():
            lent[slot][at] = raw[place, : at.size]
    return lent


def _fact(cards: Cards, slot: Slot, rows: int) -> I64:
    """Return a fact of the asked cards by output row."""
    number = cards.number(slot.channel.name)
    if cards.plain and cards.in_order:
        return number
    fact = np.empty(rows, np.int64)
    asked = cards.row >= 0
    fact[cards.row[asked]] = number[asked]
    return fact


def _finish_key(cards: Cards, answers: Answers, plan: Plan, key: KeyPlan, lent: dict[Slot, I64], out: _Output) -> None:
    """Walk over one key's events and finish its features, a block of cards at a time."""
    rows = out.rows
    walks: list[Walk] = []
    extra: dict[int, I64] = {}
    if key.key is None:
        q_row = card = np.arange(rows, dtype=np.uint32)
        extra.update({place: _fact(cards, slot, rows) for slot, place in key.column.items()})
    else:
        groups = group_cards(cards, key.key)
        walks = _walks(cards, answers, key, groups)
        q_row, card = groups.q_row, groups.places(rows)
    borrowed = plan.borrowed[name_of(key.key)]
    extra.update({key.width + i: lent[slot] for i, slot in enumerate(borrowed)})
    sums = [walk for walk in walks if isinstance(walk, Sums)]
    others = [walk for walk in walks if not isinstance(walk, Sums)]
    block, few = (BLOCK, BLOCK) if others or extra else (max(q_row.size, 1), FEW)
    small = {slot for each in sums for slot in each.small()}
    single, double, cents = out.parts(plan.ends[name_of(key.key)], q_row.size, few, small)
    streams = np.array([each.addresses() for each in sums], np.int64).reshape(len(sums), 9)
    raw = np.empty((key.width + len(borrowed), few), np.int64)
    for first in range(0, q_row.size, block):
        at = q_row[first : first + block]
        stop = first + at.size
        for walk in others:
            walk(first, stop, raw)
        for place, numbers in extra.items():
            raw[place, : at.size] = numbers[at]
        finish_lines(first, stop, streams, raw, single, double, cents)
    lay_out(card, single, double, cents)


def compute(
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame | None,
    *,
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    features: FeatureSet = FEATURES,
) -> pd.DataFrame:
    """Compute features for every submission from what was known strictly before its moment.

    Parameters
    ----------
    submissions
        Frame of submissions as the intake boundary hands them on (tokens, no codes); only read.
    outcomes
        Their answers, revisions included; None where nothing is known.
    history
        Earlier submissions and outcomes that feed the features and get no row of their own.
    features
        The declarations.

    Returns
    -------
    pandas.DataFrame
        Index and order of ``submissions``; one column per declaration in declared order: float32, float64
        (money, yuan) or ``str``; null as each declaration says. A column that ``submissions`` lacks is
        unknown, never an error.

    Raises
    ------
    MissingColumnError
        Without ``submitted_at``.
    """
    cards = cards_of(submissions, history and history[0])
    answers = answers_of(cards, outcomes, history and history[1])
    found: dict[str, Any] = dict(compute_columns(cards, answers, features, len(submissions)))
    for feature in plan_of(features).handed:
        found[feature.name] = handed_through(submissions, feature)
    columns = {name: found[name] for name in features.names}
    return pd.DataFrame(columns, index=submissions.index, copy=False)


def handed_through(frame: pd.DataFrame, feature: Feature) -> Array | pd.Series:
    """Return a column as it came: numbers as float32, categories as text."""
    column = feature.of or feature.name
    if feature.dtype == "str":
        if column not in frame:
            return pd.Series(np.full(len(frame), np.nan), index=frame.index, dtype="str")
        return frame[column].astype("str")
    if column not in frame:
        return np.full(len(frame), np.nan, np.float32)
    return frame[column].to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
