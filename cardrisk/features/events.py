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

from cardrisk._compiled import compiled
from cardrisk._later import pd
from cardrisk.errors import MissingColumnError
from cardrisk.features.arrays import HORIZON, I32, I64, NEVER, NULL, Array, Bool, Rooms
from cardrisk.features.columns import coded, flags, scaled, times
from cardrisk.features.sorting import in_time

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
    found, codes, weights
        Whole-number facts, codes and what is added up, once they have been asked for.
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
    weights: dict[str, Array | None] = field(default_factory=dict)
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
    order, time = (np.arange(moment.size), moment) if sorted_already else in_time(moment)
    counts = ~_repeated(parts) & (moment != NULL)
    push = counts if sorted_already else counts[order]
    row = order if offset == 0 else np.where(order < offset, -1, order - offset)
    return Cards(parts, time, order, row, push.astype(np.int32))


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
    frame, order
        The table the answers stand in and each one's row: causes and messages are read from it when needed.
    links
        As :attr:`before` and :attr:`after` say; None where no answer replaces another.
    weights
        What is added up, once it has been asked for.
    """

    card: I64
    time: I64
    known: Array
    failed: Array
    frame: pd.DataFrame
    order: I64
    links: tuple[I64, I64] | None
    weights: dict[str, Array | None] = field(default_factory=dict)

    @cached_property
    def before(self) -> I64:
        """The answer that each replaces (-1: none)."""
        return np.full(self.card.size, -1, np.int64) if self.links is None else self.links[0]

    @cached_property
    def after(self) -> I64:
        """The answer by which each is replaced (``NEVER``: none)."""
        return np.full(self.card.size, NEVER, np.int64) if self.links is None else self.links[1]

    @property
    def revised(self) -> bool:
        """Whether any answer replaces another."""
        return self.links is not None

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
    handed = np.maximum(said, times(frame["received_at"])) if "received_at" in frame else said
    grade = np.asarray(frame["status"].map(GRAVITY).fillna(0), dtype=np.int8)
    moment, rows = np.empty(card.size, np.int64), np.empty(card.size, np.int64)
    rows = rows[: _counting(card, said, handed, cards.time, moment, rows)]
    return settle(card, moment, handed, grade, rows, frame)


@compiled
def _counting(card: I64, said: I64, handed: I64, time: I64, moment: I64, rows: I64) -> int:
    """Write from when each answer counts, and the rows of those that do; returns how many do."""
    count = 0
    for i in range(card.size):
        if card[i] >= 0 and said[i] != NULL:
            start = time[card[i]]
            moment[i] = max(handed[i], start)
            if moment[i] <= start + HORIZON and handed[i] >= start - HORIZON:
                rows[count] = i
                count += 1
    return count


def settle(card: I64, moment: I64, handed: I64, grade: Array, rows: I64, frame: pd.DataFrame) -> Answers:
    """Order answers, keep the one that stands at each moment of a card, and link revisions."""
    several = _several(rows, card, np.zeros(int(card.max(initial=-1)) + 1, np.bool_))
    every = rows.size == moment.size
    order, time = in_time(moment if every else moment[rows])
    rows = order if every else rows[order]
    if not several:
        whose, (known, failed) = np.empty(rows.size, np.int64), np.empty((2, rows.size), np.int8)
        _in_order(rows, card, grade, whose, known, failed)
        return Answers(whose, time, known, failed, frame, rows, None)
    kept, links = _standing(card, moment, handed, grade, rows)
    stands, rows = grade[rows[kept]], rows[kept]
    known, failed = (stands >= 1).astype(np.int8), (stands >= 2).astype(np.int8)
    revised = bool((links[0] >= 0).any())
    return Answers(card[rows], time[kept], known, failed, frame, rows, links if revised else None)


@compiled
def _several(rows: I64, card: I64, told: Bool) -> bool:
    """Return whether any card has several answers; ``told`` says of each whether one has been met."""
    for i in rows:
        if told[card[i]]:
            return True
        told[card[i]] = True
    return False


@compiled
def _in_order(rows: I64, card: I64, grade: Array, whose: I64, known: Array, failed: Array) -> None:
    """Write what is known of the answers in their order."""
    for k in range(rows.size):
        i = rows[k]
        whose[k], known[k], failed[k] = card[i], grade[i] >= 1, grade[i] >= 2


def _standing(card: I64, moment: I64, handed: I64, grade: Array, rows: I64) -> tuple[Bool, tuple[I64, I64]]:
    """Return which answers stand, and what each of those replaces and is replaced by."""
    whose = card[rows]
    many = np.bincount(whose)[whose] > 1
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
    whose = whose[keep]
    before, after = np.full(whose.size, -1, np.int64), np.full(whose.size, NEVER, np.int64)
    same = whose[chain][1:] == whose[chain][:-1]
    before[chain[1:][same]] = chain[:-1][same]
    after[chain[:-1][same]] = chain[1:][same]
    return keep, (before, after)


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
    every = place.size == len(ids) and cards.in_order
    found = pd.Index(ids if every else ids.iloc[rows]).get_indexer(pd.Index(frame["submission_id"]))
    return found if every else np.where(found < 0, -1, place[found])


def _no_outcomes() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "submission_id": pd.Series(dtype="str"),
            "answered_at": pd.Series(dtype="datetime64[us, UTC]"),
            "status": pd.Series(dtype="str"),
        }
    )
