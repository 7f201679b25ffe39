"""The windows of :mod:`cardrisk.features.windows`, one event at a time: the same sums, without the future.

A slot's heads and tails move only forward: ``advance_*`` brings a slot (or a copy of it: reading never writes) up
to the moment t, adding what became known before t and taking out what left the windows [t - w, t).
"""

from typing import TypeAlias

from cardrisk._compiled import compiled
from cardrisk.features.arrays import NEVER, NULL
from cardrisk.features.live import book as at_
from cardrisk.features.live.book import Cells, beyond, cells, row_of
from cardrisk.features.live.layout import (
    AFTER,
    ANSWER_HEAD,
    ANSWER_LAST,
    ANSWER_WEIGHTS,
    ANSWERS,
    BEFORE,
    CARD,
    CARD_BEFORE,
    CARD_HEAD,
    CARD_LAST,
    CARD_WEIGHTS,
    CHANNEL,
    CHANNELS,
    COMING_ANSWER,
    COMING_CARD,
    DISTINCT,
    FIRST,
    FROM,
    KEY_FIELDS,
    KIND,
    LAST,
    LIFE,
    N_DISTINCT,
    N_PARTS,
    NODES,
    PREVIOUS,
    SLOT_HEADER,
    SPAN,
    STATE,
    STREAM_FIELDS,
    TIME,
    TO,
    WIDTHS,
)

Tables: TypeAlias = tuple[Cells, Cells, Cells, Cells, Cells, Cells]
"""Key table, streams, spans, channels, sizes and slot sizes of a layout."""

UNKNOWN, UNSEEN = -1, -2
"""Slots of a card that does not name the entity, and of an entity never seen before."""


@compiled
def tables_of(book: Cells) -> Tables:
    """Return the tables that describe keys and streams."""
    return (
        cells(book, at_.KEYS),
        cells(book, at_.STREAMS),
        cells(book, at_.SPANS),
        cells(book, at_.CHANNELS),
        cells(book, at_.SIZES),
        cells(book, at_.SLOT_SIZE),
    )


@compiled
def of_key(keys: Cells, key: int, field: int) -> int:
    """Return what the key table says of a key."""
    return int(keys[key * KEY_FIELDS + field])


@compiled
def stream_of(streams: Cells, s: int) -> Cells:
    """Return what the stream table says of a stream."""
    found: Cells = beyond(streams, s * STREAM_FIELDS)
    return found


@compiled
def open_slot(slot: Cells, key: int, tables: Tables) -> None:
    """Begin an entity's next life: nothing seen, nothing counted; its key and name stay."""
    keys, streams, _, _, _, slot_size = tables
    for i in range(SLOT_HEADER + of_key(keys, key, N_PARTS), slot_size[key]):
        slot[i] = 0
    slot[LIFE] += 1
    slot[FIRST], slot[LAST], slot[PREVIOUS] = NULL, NULL, NULL
    slot[CARD_HEAD], slot[CARD_LAST], slot[ANSWER_HEAD], slot[ANSWER_LAST], slot[NODES] = -1, -1, -1, -1, -1
    for s in range(of_key(keys, key, FROM), of_key(keys, key, TO)):
        stream = stream_of(streams, s)
        tails, wide = stream[STATE], stream[WIDTHS]
        for w in range(tails, tails + wide):
            slot[w] = -1
            slot[wide + w] = NEVER


@compiled
def advance_cards(book: Cells, slot: Cells, key: int, t: int, tables: Tables) -> None:
    """Bring a slot's sums over submissions up to ``t``."""
    keys, streams, _, channels, sizes, _ = tables
    coming = of_key(keys, key, COMING_CARD)
    if coming == 0:
        return
    first, stop, head = of_key(keys, key, FROM), of_key(keys, key, TO), slot[CARD_HEAD]
    while head >= 0:
        row = row_of(book, at_.CARDS, head)
        if row[TIME] >= t:
            break
        for s in range(first, stop):
            stream = stream_of(streams, s)
            if stream[KIND] == CARD:
                _add_card(slot, stream, head, row, sizes[CARD_WEIGHTS], channels)
            elif stream[KIND] == DISTINCT:
                _add_value(slot, stream, head, row[TIME], row[sizes[CARD_BEFORE] + stream[CHANNEL]])
        head = row[coming]
    slot[CARD_HEAD] = head
    for s in range(first, stop):
        stream = stream_of(streams, s)
        if stream[KIND] == CARD or stream[KIND] == DISTINCT:
            _drop_cards(book, slot, stream, coming, t, tables)


@compiled
def _add_card(slot: Cells, stream: Cells, head: int, row: Cells, weights: int, channels: Cells) -> None:
    """Add a submission to a stream's sums in every window."""
    wide, n = stream[WIDTHS], stream[CHANNELS]
    tails, own = beyond(slot, stream[STATE]), beyond(channels, stream[CHANNEL])
    sums = beyond(tails, 2 * wide)
    for w in range(wide):
        if tails[w] < 0:
            tails[w], tails[wide + w] = head, row[TIME]
        for c in range(n):
            sums[w * n + c] += row[weights + own[c]]


@compiled
def _add_value(slot: Cells, stream: Cells, head: int, moment: int, old: int) -> None:
    """Count a value in every window, unless the card that held it before is counted there."""
    wide, tails = stream[WIDTHS], beyond(slot, stream[STATE])
    for w in range(wide):
        tail = tails[w]
        if old != UNSEEN and not (0 <= tail <= old):
            tails[2 * wide + w] += 1
        if tail < 0:
            tails[w], tails[wide + w] = head, moment


@compiled
def _drop_cards(book: Cells, slot: Cells, stream: Cells, coming: int, t: int, tables: Tables) -> None:
    """Take the submissions that left a stream's windows out of its sums; ``coming``: see the key's ``COMING_CARD``."""
    _, _, spans, channels, sizes, _ = tables
    wide, n, head, kind = stream[WIDTHS], stream[CHANNELS], slot[CARD_HEAD], stream[KIND]
    tails, own = beyond(slot, stream[STATE]), beyond(channels, stream[CHANNEL])
    for w in range(wide):
        span, moment = spans[stream[SPAN] + w], tails[wide + w]
        if span == NEVER or moment >= t - span:
            continue
        k, sums = tails[w], beyond(tails, 2 * wide + w * n)
        row = row_of(book, at_.CARDS, k)
        while moment < t - span:
            if kind == CARD:
                for c in range(n):
                    sums[c] -= row[sizes[CARD_WEIGHTS] + own[c]]
            elif row[sizes[CARD_BEFORE] + stream[CHANNEL]] != UNSEEN:
                after = row[sizes[CARD_BEFORE] + sizes[N_DISTINCT] + stream[CHANNEL]]
                if after < 0 or 0 <= head <= after:
                    tails[2 * wide + w] -= 1
            k = -1 if row[coming] == head else row[coming]
            row = row_of(book, at_.CARDS, k)
            moment = row[TIME] if k >= 0 else NEVER
        tails[w], tails[wide + w] = k, moment


@compiled
def advance_answers(book: Cells, slot: Cells, key: int, t: int, tables: Tables) -> None:
    """Bring a slot's sums over answers up to ``t``; tops come first (:mod:`.tops`), they share the head."""
    keys, streams, _, channels, sizes, _ = tables
    coming = of_key(keys, key, COMING_ANSWER)
    if coming == 0:
        return
    first, stop, head = of_key(keys, key, FROM), of_key(keys, key, TO), slot[ANSWER_HEAD]
    while head >= 0:
        row = row_of(book, at_.ANSWERS, head)
        if row[TIME] >= t:
            break
        old = row_of(book, at_.ANSWERS, row[BEFORE])
        for s in range(first, stop):
            stream = stream_of(streams, s)
            if stream[KIND] == ANSWERS:
                _add_answer(slot, stream, head, row, old, sizes[ANSWER_WEIGHTS], channels)
        head = row[coming]
    slot[ANSWER_HEAD] = head
    for s in range(first, stop):
        stream = stream_of(streams, s)
        if stream[KIND] == ANSWERS:
            _drop_answers(book, slot, stream, coming, t, tables)


@compiled
def _add_answer(slot: Cells, stream: Cells, head: int, row: Cells, old: Cells, weights: int, channels: Cells) -> None:
    """Add an answer to a stream's sums in every window, in place of the one it revises where that is counted."""
    wide, n = stream[WIDTHS], stream[CHANNELS]
    tails, own = beyond(slot, stream[STATE]), beyond(channels, stream[CHANNEL])
    sums = beyond(tails, 2 * wide)
    for w in range(wide):
        replaces = 0 <= tails[w] <= row[BEFORE]
        if tails[w] < 0:
            tails[w], tails[wide + w] = head, row[TIME]
        for c in range(n):
            change = row[weights + own[c]]
            if replaces:
                change -= old[weights + own[c]]
            sums[w * n + c] += change


@compiled
def _drop_answers(book: Cells, slot: Cells, stream: Cells, coming: int, t: int, tables: Tables) -> None:
    """Take the answers that left a stream's windows, and were not replaced before, out of its sums."""
    _, _, spans, channels, sizes, _ = tables
    wide, n, head = stream[WIDTHS], stream[CHANNELS], slot[ANSWER_HEAD]
    tails, own = beyond(slot, stream[STATE]), beyond(channels, stream[CHANNEL])
    for w in range(wide):
        span, moment = spans[stream[SPAN] + w], tails[wide + w]
        if span == NEVER or moment >= t - span:
            continue
        k, sums = tails[w], beyond(tails, 2 * wide + w * n)
        row = row_of(book, at_.ANSWERS, k)
        while moment < t - span:
            after = row[AFTER]
            if after < 0 or 0 <= head <= after:
                for c in range(n):
                    sums[c] -= row[sizes[ANSWER_WEIGHTS] + own[c]]
            k = -1 if row[coming] == head else row[coming]
            row = row_of(book, at_.ANSWERS, k)
            moment = row[TIME] if k >= 0 else NEVER
        tails[w], tails[wide + w] = k, moment
