"""Tables as events: who, when it became known, and what replaces what.

A submission becomes known at ``received_at`` where given, else ``submitted_at``; an answer at ``answered_at``
(or ``received_at``, where it was handed over later), but never before its card. Of equal ``submission_id`` the
first row counts. Of one card's answers the later replaces the earlier; of those at one moment the gravest
stands, of equally grave ones the first row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import MissingColumnError
from cardrisk.features.arrays import HORIZON, I32, I64, NEVER, NULL, Array, Bool, Rooms
from cardrisk.features.columns import coded, flags, scaled, times
from cardrisk.features.sorting import time_order

GRAVITY = {"unknown": 0, "success": 1, "partial": 2, "failed": 3}
"""Which of several answers at one moment stands: the gravest."""


def known_at(frame: pd.DataFrame) -> I64:
    """Return when each submission became known, in microseconds.

    Raises
    ------
    MissingColumnError
        Without a ``submitted_at`` column.
    """
    if "submitted_at" not in frame:
        raise MissingColumnError(
            f"expected a column 'submitted_at', got {list(frame.columns)[:8]}; name the moment of submission so"
        )
    moment = times(frame["submitted_at"])
    if "received_at" in frame:
        received = times(frame["received_at"])
        moment = np.where(received == NULL, moment, received)
    return moment


@dataclass
class Cards:
    """Submissions of history and present in one time order.

    Attributes
    ----------
    parts
        The frames, history first.
    time
        Sorted moments, shape (events,).
    order
        Row of the concatenated parts behind each event.
    row
        Output row of each event, -1 for pure history.
    push
        1 where the event counts as history itself (first of its ``submission_id``), else 0.
    found, codes
        Whole-number facts and codes, once they have been asked for.
    rooms
        Where one key after another is worked on.
    """

    parts: list[pd.DataFrame]
    time: I64
    order: I64
    row: I64
    push: I32
    found: dict[str, I64] = field(default_factory=dict)
    codes: dict[str, tuple[I32, int]] = field(default_factory=dict)
    rooms: Rooms = field(default_factory=Rooms)

    @cached_property
    def plain(self) -> bool:
        """Whether every event both asks and counts: no history apart, no duplicates."""
        return bool(self.push.all() and (self.row >= 0).all())

    @cached_property
    def in_order(self) -> bool:
        """Whether the rows came in time order."""
        return bool((self.order[:-1] < self.order[1:]).all())

    def arrange(self, values: Array) -> Array:
        """Bring a column of the concatenated parts into time order."""
        return values if self.in_order else values[self.order]

    def number(self, name: str) -> I64:
        """Return a whole-number fact in time order: ``moment`` or ``cents|time|micro|flag COLUMN``."""
        if name == "moment":
            return self.time
        if name not in self.found:
            self.found[name] = self.arrange(np.concatenate([number_of(part, name) for part in self.parts]))
        return self.found[name]

    def code(self, column: str) -> tuple[I32, int]:
        """Return a column's codes in time order and their number."""
        if column not in self.codes:
            if not any(column in part for part in self.parts):
                self.codes[column] = np.full(self.time.size, -1, np.int32), 0
            else:
                found, size = coded([column_of(part, column) for part in self.parts])
                self.codes[column] = found if self.in_order else found[self.order], size
        return self.codes[column]


def column_of(part: pd.DataFrame, column: str) -> pd.Series:
    """Return a column, unknown throughout where the frame lacks it."""
    if column in part:
        return part[column]
    return pd.Series(np.full(len(part), np.nan), dtype=object)


def number_of(part: pd.DataFrame, name: str) -> I64:
    """Return a whole-number fact of each row: ``cents|time|micro|flag COLUMN``; ``NULL`` where unknown."""
    how, column = name.split(" ", 1)
    if column not in part:
        return np.full(len(part), NULL)
    if how == "time":
        return times(part[column])
    if how == "flag":
        return flags(part[column])
    return scaled(part[column], 100 if how == "cents" else 1_000_000)


def cards_of(submissions: pd.DataFrame, past: pd.DataFrame | None = None) -> Cards:
    """Bring submissions, and history before them, into one time order; inputs are only read."""
    parts = [submissions] if past is None else [past, submissions]
    moment = np.concatenate([known_at(part) for part in parts])
    offset = moment.size - len(submissions)
    sorted_already = bool((moment[1:] >= moment[:-1]).all())
    order = np.arange(moment.size) if sorted_already else time_order(moment)
    counts = ~_repeated(parts)
    return Cards(
        parts,
        moment[order],
        order,
        np.where(order < offset, -1, order - offset),
        (counts & (moment != NULL))[order].astype(np.int32),
    )


def _repeated(parts: list[pd.DataFrame]) -> Bool:
    if not all("submission_id" in part for part in parts):
        return np.zeros(sum(map(len, parts)), bool)
    ids = _ids(parts)
    if isinstance(ids.dtype, np.dtype) and ids.dtype.kind == "i" and ids.is_monotonic_increasing:
        numbers = ids.to_numpy()  # counted up, as many systems do: the same stand side by side
        return np.append(np.zeros(1, bool), numbers[1:] == numbers[:-1])[: len(ids)]
    return (ids.duplicated() & ids.notna()).to_numpy()


def _ids(parts: list[pd.DataFrame]) -> pd.Series:
    ids = [part["submission_id"] for part in parts]
    return ids[0] if len(ids) == 1 else pd.concat(ids, ignore_index=True)


@dataclass(frozen=True)
class Answers:
    """Answers that count, sorted by the moment from which they count.

    Attributes
    ----------
    card
        Position of the answered card in :class:`Cards`, shape (answers,).
    time
        Moment from which it counts.
    known, failed
        1 where the answer decides, and where it is a failure (failed or partial).
    before, after
        The answer it replaces (-1: none) and is replaced by (``NEVER``: none).
    frame, order
        The table the answers stand in and each one's row: causes and messages are read from it when needed.
    """

    card: I64
    time: I64
    known: I64
    failed: I64
    before: I64
    after: I64
    frame: pd.DataFrame
    order: I64

    @cached_property
    def revised(self) -> bool:
        """Whether any answer replaces another."""
        return bool((self.before >= 0).any())

    def code(self, column: str) -> tuple[I32, int]:
        """Return a column's codes, one per answer, and their number."""
        if column not in self.frame:
            return np.full(self.card.size, -1, np.int32), 0
        codes, size = coded([self.frame[column]])
        return codes[self.order], size

    def equals(self, column: str, value: str) -> Bool:
        """Return where a text column has one value."""
        if column not in self.frame:
            return np.zeros(self.card.size, bool)
        return (self.frame[column] == value).fillna(value=False).to_numpy(bool)[self.order]


def answers_of(cards: Cards, outcomes: pd.DataFrame | None, past: pd.DataFrame | None = None) -> Answers:
    """Link outcome rows to cards and settle which stands from when; rows of unknown cards are left out."""
    frames = [frame for frame in (past, outcomes) if frame is not None and len(frame)]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else (frames or [_no_outcomes()])[0]
    card = _card_positions(cards, frame)
    said = times(frame["answered_at"])
    moment = said
    if "received_at" in frame:
        moment = np.maximum(moment, times(frame["received_at"]))
    handed = moment
    grade = np.asarray(frame["status"].map(GRAVITY).fillna(0), dtype=np.int64)
    start = cards.time[np.maximum(card, 0)] if cards.time.size else np.zeros(card.size, np.int64)
    moment = np.maximum(moment, start)
    counts = (card >= 0) & (said != NULL) & (moment <= start + HORIZON) & (handed >= start - HORIZON)
    return settle(card, moment, handed, grade, np.flatnonzero(counts), frame)


def settle(card: I64, moment: I64, handed: I64, grade: I64, rows: I64, frame: pd.DataFrame) -> Answers:
    """Order answers, keep the one that stands at each moment of a card, and link revisions."""
    rows = rows[time_order(moment[rows])]
    before = np.full(rows.size, -1, np.int64)
    after = np.full(rows.size, NEVER, np.int64)
    whose = card[rows]
    count = np.bincount(whose, minlength=1)
    if count.max() > 1:
        many = count[whose] > 1
        several = np.flatnonzero(many)
        at = rows[several]
        several = several[np.lexsort((-at, grade[at], handed[at], moment[at], card[at]))]
        at = rows[several]
        last = np.ones(several.size, bool)
        last[:-1] = (card[at][1:] != card[at][:-1]) | (moment[at][1:] != moment[at][:-1])
        keep = ~many
        keep[several[last]] = True
        place = np.cumsum(keep) - 1
        chain = place[several[last]]
        rows, whose, before, after = rows[keep], whose[keep], before[keep], after[keep]
        same = whose[chain][1:] == whose[chain][:-1]
        before[chain[1:][same]] = chain[:-1][same]
        after[chain[:-1][same]] = chain[1:][same]
    stands = grade[rows]
    known, failed = (stands >= 1).astype(np.int64), (stands >= 2).astype(np.int64)
    return Answers(whose, moment[rows], known, failed, before, after, frame, rows)


def _card_positions(cards: Cards, frame: pd.DataFrame) -> I64:
    """Return where in ``cards`` each outcome's card stands, -1 where nowhere."""
    if not len(frame) or not all("submission_id" in part for part in cards.parts):
        return np.full(len(frame), -1)
    ids = _ids(cards.parts)
    place = np.flatnonzero(cards.push & cards.arrange(ids.notna().to_numpy(np.int32)))
    rows = cards.order[place]
    if not cards.in_order:
        by_row = np.argsort(rows)
        place, rows = place[by_row], rows[by_row]
    found = pd.Index(ids.iloc[rows]).get_indexer(pd.Index(frame["submission_id"]))
    return np.where(found < 0, -1, place[found])


def _no_outcomes() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "submission_id": pd.Series(dtype="str"),
            "answered_at": pd.Series(dtype="datetime64[us, UTC]"),
            "status": pd.Series(dtype="str"),
        }
    )
