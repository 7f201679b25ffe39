"""Features of a whole table: every row reads exactly what was known strictly before its own moment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from cardrisk.features import windows
from cardrisk.features.arrays import I64, NULL, Array
from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import Feature, FeatureSet
from cardrisk.features.derived import add_derived
from cardrisk.features.events import Answers, Cards, answers_of, cards_of
from cardrisk.features.finish import finish_rows
from cardrisk.features.grouping import group_cards
from cardrisk.features.plan import KeyPlan, Plan, name_of, plan_of
from cardrisk.features.statistics import Slot
from cardrisk.features.streams import STREAMS


def compute_columns(cards: Cards, answers: Answers, features: FeatureSet, rows: int) -> dict[str, Array]:
    """Return every history feature and whole-number fact as a column of its own, shape (rows,) each."""
    plan = plan_of(features)
    add_derived(cards, answers, plan.facts)
    lent: dict[Slot, I64] = {}
    for shared in plan.shared:
        raw = _raw(cards, answers, shared, rows, np.empty((rows, shared.width), np.int64))
        lent.update({slot: raw[:, place].copy() for slot, place in shared.column.items()})
    out = _Output(features, rows)
    wide = max((key.width + len(plan.borrowed[name_of(key.key)]) for key in plan.keys), default=0)
    buffer = np.empty(rows * wide, np.int64)
    for key in plan.keys:
        _finish_key(cards, answers, plan, key, lent, out, buffer)
    return out.columns()


class _Output:
    """Columns to be filled: numbers as one float32 block, money as one float64 block."""

    def __init__(self, features: FeatureSet, rows: int) -> None:
        self.place: dict[str, int] = {}
        counts = {"float32": 0, "float64": 0}
        for feature in features:
            if feature.dtype in counts:
                self.place[feature.name] = counts[feature.dtype]
                counts[feature.dtype] += 1
        self.blocks: dict[str, Array] = {dtype: np.empty((count, rows), dtype) for dtype, count in counts.items()}
        self.done: dict[str, Array] = {}

    def finish(self, raw: I64, members: tuple[Feature, ...], take: Callable[[I64], tuple[Array, ...]]) -> None:
        """Finish the members of each dtype into their block."""
        for dtype, block in self.blocks.items():
            chosen = np.array([i for i, f in enumerate(members) if f.dtype == dtype], np.int64)
            if chosen.size:
                places = np.array([self.place[members[i].name] for i in chosen], np.int64)
                finish_rows(raw, *take(chosen), places, block)
                self.done.update({members[i].name: block[self.place[members[i].name]] for i in chosen})

    def columns(self) -> dict[str, Array]:
        """Return the finished columns, each contiguous."""
        return self.done


def _finish_key(
    cards: Cards,
    answers: Answers,
    plan: Plan,
    key: KeyPlan,
    lent: dict[Slot, I64],
    out: _Output,
    buffer: I64,
) -> None:
    others = plan.borrowed[name_of(key.key)]
    rows = 0 if not buffer.size else out.blocks["float32"].shape[1]
    width = key.width + len(others)
    raw = buffer[: rows * width].reshape(rows, width)
    _raw(cards, answers, key, rows, raw)
    for i, slot in enumerate(others):
        raw[:, key.width + i] = lent[slot]
    end = plan.ends[name_of(key.key)]
    out.finish(raw, end.features, lambda chosen: (end.ops[chosen], end.arguments[chosen], end.constants[chosen]))


def _raw(cards: Cards, answers: Answers, key: KeyPlan, rows: int, raw: I64) -> I64:
    """Fill ``raw[row, column]`` with one key's whole numbers; ``NULL`` where its entity is unknown."""
    if key.key is None:
        for slot, place in key.column.items():
            asked = cards.row >= 0
            raw[cards.row[asked], place] = cards.number(slot.channel.name)[asked]
        return raw
    groups = group_cards(cards, key.key)
    if groups.q_row.size < rows:
        raw[:] = NULL
    for stream in key.streams:
        STREAMS[stream.source](cards, answers, groups, stream, raw)
    if key.first >= 0 or key.last >= 0:
        for place in (key.first, key.last):
            if place >= 0:
                raw[:, place] = NULL
        windows.clocks(
            groups.q_time, groups.q_row, groups.q_start, groups.p_time, groups.p_start, raw, key.first, key.last
        )
    return raw


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
    found = compute_columns(cards, answers, features, len(submissions))
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
