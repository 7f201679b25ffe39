"""The windows of :mod:`cardrisk.features.windows`, one event at a time: the same sums, without the future.

A slot's heads and tails move only forward: ``advance_*`` brings a slot (or a copy of it: reading never writes) up
to the moment t, adding what became known before t and taking out what left the windows [t - w, t).
"""

from typing import TypeAlias

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, NEVER, NULL
from cardrisk.features.live.layout import (
    AFTER,
    ANSWER_HEAD,
    ANSWER_HEADER,
    ANSWER_LAST,
    ANSWER_WEIGHTS,
    ANSWERS,
    BEFORE,
    CARD,
    CARD_HEAD,
    CARD_HEADER,
    CARD_LAST,
    CARD_WEIGHTS,
    CHANNEL,
    CHANNELS,
    DISTINCT,
    FIRST,
    FROM,
    KIND,
    LAST,
    LIFE,
    N_DISTINCT,
    N_KEYS,
    N_PARTS,
    NODES,
    PREVIOUS,
    SLOT_HEADER,
    SPAN,
    STATE,
    TIME,
    TO,
    WIDTHS,
)

Tables: TypeAlias = tuple[I64, I64, I64, I64, I64, I64]
"""Key table, streams, spans, channels, sizes and slot sizes of a layout."""

UNKNOWN, UNSEEN = -1, -2
"""Slots of a card that does not name the entity, and of an entity never seen before."""


@compiled
def open_slot(m: I64, at: int, key: int, tables: Tables) -> None:
    """Begin an entity's next life: nothing seen, nothing counted; its key and name stay."""
    keys, streams, _, _, _, slot_size = tables
    m[at + SLOT_HEADER + keys[key, N_PARTS] : at + slot_size[key]] = 0
    m[at + LIFE] += 1
    m[at + FIRST] = NULL
    m[at + LAST] = NULL
    m[at + PREVIOUS] = NULL
    for field in (CARD_HEAD, CARD_LAST, ANSWER_HEAD, ANSWER_LAST, NODES):
        m[at + field] = -1
    for s in range(keys[key, FROM], keys[key, TO]):
        tails, wide = at + streams[s, STATE], streams[s, WIDTHS]
        m[tails : tails + wide] = -1
        m[tails + wide : tails + 2 * wide] = NEVER


@compiled
def advance_cards(m: I64, at: int, key: int, t: int, cards: I64, tables: Tables) -> None:
    """Bring a slot's sums over submissions up to ``t``."""
    keys, streams, spans, channels, sizes, _ = tables
    mask = cards.shape[0] - 1
    n_keys, n_distinct = sizes[N_KEYS], sizes[N_DISTINCT]
    to_next, weights = CARD_HEADER + key, sizes[CARD_WEIGHTS]
    to_before = CARD_HEADER + 3 * n_keys
    head = m[at + CARD_HEAD]
    while head >= 0 and cards[head & mask, TIME] < t:
        row = cards[head & mask]
        for s in range(keys[key, FROM], keys[key, TO]):
            if streams[s, KIND] == CARD:
                _add_card(m, at, s, head, row, weights, streams, channels)
            elif streams[s, KIND] == DISTINCT:
                _add_value(m, at, s, head, row[TIME], row[to_before + streams[s, CHANNEL]], streams)
        head = row[to_next]
    m[at + CARD_HEAD] = head
    for s in range(keys[key, FROM], keys[key, TO]):
        kind = streams[s, KIND]
        if kind in (CARD, DISTINCT):
            _drop_cards(m, at, s, head, t, cards, streams, spans, channels, to_next, weights, to_before, n_distinct)


@compiled
def _add_card(m: I64, at: int, s: int, head: int, row: I64, weights: int, streams: I64, channels: I64) -> None:
    """Add a submission to a stream's sums in every window."""
    wide, tails, n, c0 = streams[s, WIDTHS], at + streams[s, STATE], streams[s, CHANNELS], streams[s, CHANNEL]
    for w in range(wide):
        if m[tails + w] < 0:
            m[tails + w], m[tails + wide + w] = head, row[TIME]
        for c in range(n):
            m[tails + 2 * wide + w * n + c] += row[weights + channels[c0 + c]]


@compiled
def _add_value(m: I64, at: int, s: int, head: int, moment: int, old: int, streams: I64) -> None:
    """Count a value in every window, unless the card that held it before is counted there."""
    wide, tails = streams[s, WIDTHS], at + streams[s, STATE]
    for w in range(wide):
        tail = m[tails + w]
        if old != UNSEEN and not (0 <= tail <= old):
            m[tails + 2 * wide + w] += 1
        if tail < 0:
            m[tails + w], m[tails + wide + w] = head, moment


@compiled
def _drop_cards(
    m: I64,
    at: int,
    s: int,
    head: int,
    t: int,
    cards: I64,
    streams: I64,
    spans: I64,
    channels: I64,
    to_next: int,
    weights: int,
    to_before: int,
    n_distinct: int,
) -> None:
    """Take the submissions that left a stream's windows out of its sums."""
    mask = cards.shape[0] - 1
    wide, tails, n, c0 = streams[s, WIDTHS], at + streams[s, STATE], streams[s, CHANNELS], streams[s, CHANNEL]
    for w in range(wide):
        span = spans[streams[s, SPAN] + w]
        if span == NEVER or m[tails + wide + w] >= t - span:
            continue
        k, moment = m[tails + w], m[tails + wide + w]
        while moment < t - span:
            row = cards[k & mask]
            if streams[s, KIND] == CARD:
                for c in range(n):
                    m[tails + 2 * wide + w * n + c] -= row[weights + channels[c0 + c]]
            elif row[to_before + c0] != UNSEEN:
                after = row[to_before + n_distinct + c0]
                if after < 0 or 0 <= head <= after:
                    m[tails + 2 * wide + w] -= 1
            k = -1 if row[to_next] == head else row[to_next]
            moment = cards[k & mask, TIME] if k >= 0 else NEVER
        m[tails + w], m[tails + wide + w] = k, moment


@compiled
def advance_answers(m: I64, at: int, key: int, t: int, answers: I64, tables: Tables) -> None:
    """Bring a slot's sums over answers up to ``t``; tops first (:func:`advance_top`), they share the head."""
    keys, streams, spans, channels, sizes, _ = tables
    mask = answers.shape[0] - 1
    to_next, weights = ANSWER_HEADER + key, sizes[ANSWER_WEIGHTS]
    head = m[at + ANSWER_HEAD]
    while head >= 0 and answers[head & mask, TIME] < t:
        row = answers[head & mask]
        old = row[BEFORE]
        for s in range(keys[key, FROM], keys[key, TO]):
            if streams[s, KIND] != ANSWERS:
                continue
            wide, tails, n = streams[s, WIDTHS], at + streams[s, STATE], streams[s, CHANNELS]
            c0 = streams[s, CHANNEL]
            for w in range(wide):
                tail = m[tails + w]
                replaces = 0 <= tail <= old
                if tail < 0:
                    m[tails + w], m[tails + wide + w] = head, row[TIME]
                for c in range(n):
                    field = weights + channels[c0 + c]
                    change = row[field]
                    if replaces:
                        change -= answers[old & mask, field]
                    m[tails + 2 * wide + w * n + c] += change
        head = row[to_next]
    m[at + ANSWER_HEAD] = head
    for s in range(keys[key, FROM], keys[key, TO]):
        if streams[s, KIND] == ANSWERS:
            _drop_answers(m, at, s, head, t, answers, streams, spans, channels, to_next, weights)


@compiled
def _drop_answers(
    m: I64,
    at: int,
    s: int,
    head: int,
    t: int,
    answers: I64,
    streams: I64,
    spans: I64,
    channels: I64,
    to_next: int,
    weights: int,
) -> None:
    """Take the answers that left a stream's windows, and were not replaced before, out of its sums."""
    mask = answers.shape[0] - 1
    wide, tails, n, c0 = streams[s, WIDTHS], at + streams[s, STATE], streams[s, CHANNELS], streams[s, CHANNEL]
    for w in range(wide):
        span = spans[streams[s, SPAN] + w]
        if span == NEVER or m[tails + wide + w] >= t - span:
            continue
        k, moment = m[tails + w], m[tails + wide + w]
        while moment < t - span:
            row = answers[k & mask]
            after = row[AFTER]
            if after < 0 or 0 <= head <= after:
                for c in range(n):
                    m[tails + 2 * wide + w * n + c] -= row[weights + channels[c0 + c]]
            k = -1 if row[to_next] == head else row[to_next]
            moment = answers[k & mask, TIME] if k >= 0 else NEVER
        m[tails + w], m[tails + wide + w] = k, moment
