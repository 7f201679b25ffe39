"""One pass per stream of events: submissions, answers, distinct values, commonest message."""

from __future__ import annotations

import numpy as np

from cardrisk.features import windows
from cardrisk.features.arrays import DAY, I64, NULL
from cardrisk.features.events import Answers, Cards
from cardrisk.features.grouping import Groups
from cardrisk.features.plan import Stream

LONGEST_GAP = DAY
"""Gaps longer than this are pauses, not rhythm; it also keeps sums of squared milliseconds inside 64 bits."""


def _card_stream(cards: Cards, answers: Answers, groups: Groups, stream: Stream, raw: I64) -> None:
    """Sums over submissions; nothing replaces a submission."""
    events = groups.p_order.size
    total = np.zeros((events + 1, len(stream.names)), np.int64)
    for c, (source, name) in enumerate(stream.names):
        if source == "gap":
            weight = _gap(groups, name)
        elif name == "one":
            total[:, c] = np.arange(events + 1)
            continue
        else:
            weight = weight_of(cards, name)[groups.p_order]
        np.cumsum(weight, out=total[1:, c])
    windows.plain_sums(
        groups.q_time,
        groups.q_row,
        groups.q_start,
        groups.p_time,
        total,
        groups.p_start,
        stream.spans(),
        raw,
        stream.column,
    )


def _gap(groups: Groups, part: str) -> I64:
    weight = np.zeros((groups.p_time.size, 3), np.int64)
    windows.gaps(groups.p_time, groups.p_start, LONGEST_GAP, weight, 0)
    return weight[:, ("count", "sum", "squares").index(part)]


def weight_of(cards: Cards, name: str) -> I64:
    """Return what each submission adds to a channel: its number, or 1 where it ``has`` one; 0 where unknown."""
    if name.startswith("has "):
        return (cards.number(name[4:]) != NULL).astype(np.int64)
    if name.startswith("price "):
        asking, face = cards.number("cents asking_price"), cards.number("cents face_value")
        priced = (asking != NULL) & (face > 0)
        return np.where(priced, asking if name == "price asking" else face, 0)
    number = cards.number(name)
    return np.where(number == NULL, 0, number)


def _answer_groups(answers: Answers, groups: Groups) -> tuple[I64, I64]:
    return windows.group(groups.codes[answers.card], groups.size)


def _links(answers: Answers, order: I64) -> tuple[I64, I64]:
    """Translate revision links from time order into grouped order."""
    place = np.full(answers.card.size, -1)
    place[order] = np.arange(order.size)
    before, after = answers.before[order], answers.after[order]
    earlier, later = before >= 0, after < answers.card.size
    before[earlier] = place[before[earlier]]
    after[later] = place[after[later]]
    return before, after


def _answer_stream(cards: Cards, answers: Answers, groups: Groups, stream: Stream, raw: I64) -> None:
    """Sums over answers; a revision replaces the answer it revises."""
    order, start = _answer_groups(answers, groups)
    weights = [answer_weight(answers, name)[order] for _, name in stream.names]
    time = answers.time[order]
    asked = groups.q_time, groups.q_row, groups.q_start, time
    if answers.revised:
        weight = np.stack(weights, axis=1)
        before, after = _links(answers, order)
        windows.linked_sums(*asked, weight, before, after, start, stream.spans(), raw, stream.column)
        return
    total = np.zeros((order.size + 1, len(weights)), np.int64)
    for c, weight in enumerate(weights):
        np.cumsum(weight, out=total[1:, c])
    windows.plain_sums(*asked, total, start, stream.spans(), raw, stream.column)


def answer_weight(answers: Answers, name: str) -> I64:
    """Return what each answer adds to a channel: ``known``, ``failed``, ``cause X`` or ``failed with COLUMN``."""
    if name == "known":
        return answers.known
    if name == "failed":
        return answers.failed
    if name.startswith("cause "):
        return answers.failed * answers.equals("cause", name[6:])
    return answers.failed * (answers.code(name.removeprefix("failed with "))[0] >= 0)


def _distinct_stream(cards: Cards, answers: Answers, groups: Groups, stream: Stream, raw: I64) -> None:
    """Distinct values: a value seen again replaces itself, so every value counts once in every window."""
    codes, size = cards.code(stream.names[0][1])
    value = codes[groups.p_order]
    before, after = windows.same_value_links(value, groups.p_start, size)
    windows.linked_sums(
        groups.q_time,
        groups.q_row,
        groups.q_start,
        groups.p_time,
        (value >= 0).astype(np.int64)[:, None],
        before,
        after,
        groups.p_start,
        stream.spans(),
        raw,
        stream.column,
    )


def _top_stream(cards: Cards, answers: Answers, groups: Groups, stream: Stream, raw: I64) -> None:
    """How often the commonest value stands among failures."""
    order, start = _answer_groups(answers, groups)
    codes, size = answers.code(stream.names[0][1])
    value = np.where(answers.failed == 1, codes, -1).astype(np.int32)[order]
    windows.top_counts(
        groups.q_time,
        groups.q_row,
        groups.q_start,
        answers.time[order],
        value,
        size,
        *_links(answers, order),
        start,
        stream.spans(),
        raw,
        stream.column,
    )


STREAMS = {
    "card": _card_stream,
    "answer": _answer_stream,
    "distinct": _distinct_stream,
    "top": _top_stream,
}
