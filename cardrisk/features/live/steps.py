"""One event in, one event out, one card read: what live history does to its arrays.

Correct when after any sequence of steps a read at t gives the whole numbers that a batch over the same events
gives for a card at t.
"""

from cardrisk._compiled import compiled
from cardrisk.features.arrays import HORIZON, I64, NULL
from cardrisk.features.live.kernel import UNKNOWN, UNSEEN, Tables, advance_cards, open_slot
from cardrisk.features.live.layout import (
    AFTER,
    ANSWER,
    ANSWER_HEAD,
    ANSWER_HEADER,
    ANSWER_LAST,
    BEFORE,
    CARD_HEAD,
    CARD_HEADER,
    CARD_LAST,
    CARD_WEIGHTS,
    CHANNEL,
    CHANNELS,
    DISTINCT,
    FIRST,
    FIRST_RAW,
    FROM,
    GAP,
    KIND,
    LAST,
    LAST_RAW,
    LIFE,
    N_DISTINCT,
    N_KEYS,
    OF_CARD,
    PREVIOUS,
    RAW,
    RAW_FROM,
    RAW_TO,
    SILENCE,
    STATE,
    TIME,
    TO,
    TOP,
    WIDTHS,
)
from cardrisk.features.live.tops import answers_up_to, drop_nodes, hold, release
from cardrisk.features.streams import LONGEST_GAP


@compiled
def read(
    slots: I64,
    t: int,
    m: I64,
    cards: I64,
    answers: I64,
    nodes: I64,
    tables: Tables,
    scratch: I64,
    raw: I64,
) -> None:
    """Write the raw numbers of a card whose entities stand in ``slots``, as known before ``t``; changes nothing."""
    keys, streams, _, _, _, slot_size = tables
    for key in range(slots.size):
        at = slots[key]
        if at >= 0 and t - m[at + LAST] > keys[key, SILENCE]:
            at = UNSEEN
        begin, end = keys[key, RAW_FROM], keys[key, RAW_TO]
        raw[begin:end] = NULL if at == UNKNOWN else 0
        for clock in (FIRST_RAW, LAST_RAW):
            if keys[key, clock] >= 0:
                raw[keys[key, clock]] = NULL
        if at < 0:
            continue
        size = slot_size[key]
        scratch[:size] = m[at : at + size]
        advance_cards(scratch, 0, key, t, cards, tables)
        answers_up_to(scratch, 0, key, t, answers, nodes, tables, raw, False)
        for s in range(keys[key, FROM], keys[key, TO]):
            if streams[s, KIND] != TOP:
                wide = streams[s, WIDTHS]
                n = wide * (streams[s, CHANNELS] if streams[s, KIND] != DISTINCT else 1)
                held = streams[s, STATE] + wide
                raw[streams[s, RAW] : streams[s, RAW] + n] = scratch[held : held + n]
        _read_clocks(m, at, key, t, cards, keys, raw)


@compiled
def _read_clocks(m: I64, at: int, key: int, t: int, cards: I64, keys: I64, raw: I64) -> None:
    """Write how long ago the entity was first and last seen, counting only what is before ``t``."""
    if m[at + FIRST] < t:
        if keys[key, FIRST_RAW] >= 0:
            raw[keys[key, FIRST_RAW]] = t - m[at + FIRST]
        if keys[key, LAST_RAW] >= 0:
            last = m[at + LAST] if m[at + LAST] < t else m[at + PREVIOUS]
            raw[keys[key, LAST_RAW]] = t - last


@compiled
def renew(m: I64, at: int, key: int, nodes: I64, tables: Tables) -> None:
    """Begin a slot's next life: what it held is forgotten."""
    drop_nodes(m, at, nodes)
    open_slot(m, at, key, tables)


@compiled
def push_card(
    index: int,
    m: I64,
    cards: I64,
    nodes: I64,
    tables: Tables,
) -> None:
    """Chain a filled card row to its entities; it counts for reads after its moment."""
    keys, _, _, _, sizes, _ = tables
    mask = cards.shape[0] - 1
    row = cards[index & mask]
    n_keys, t = sizes[N_KEYS], row[TIME]
    for key in range(n_keys):
        at = row[CARD_HEADER + n_keys + key]
        if at < 0:
            continue
        last = m[at + LAST]
        if last == NULL or t - last > keys[key, SILENCE]:
            renew(m, at, key, nodes, tables)
            last = NULL
        else:
            advance_cards(m, at, key, t, cards, tables)
        gap = keys[key, GAP]
        if gap >= 0 and last != NULL and t - last <= LONGEST_GAP:
            weight = sizes[CARD_WEIGHTS] + gap
            row[weight] = 1
            row[weight + 1] = (t - last) // 1_000
            row[weight + 2] = row[weight + 1] * row[weight + 1]
        if m[at + CARD_LAST] >= 0:
            cards[m[at + CARD_LAST] & mask, CARD_HEADER + key] = index
        m[at + CARD_LAST] = index
        if m[at + CARD_HEAD] < 0:
            m[at + CARD_HEAD] = index
        if m[at + FIRST] == NULL:
            m[at + FIRST] = t
        if last != t:
            m[at + PREVIOUS] = last
        m[at + LAST] = t
        row[CARD_HEADER + 2 * n_keys + key] = m[at + LIFE]
        _link_values(index, at, key, m, cards, tables)


@compiled
def _link_values(index: int, at: int, key: int, m: I64, cards: I64, tables: Tables) -> None:
    """Tell the card that held the same value before, if of this life, that it is followed."""
    keys, streams, _, _, sizes, _ = tables
    mask, n_keys = cards.shape[0] - 1, sizes[N_KEYS]
    to_before = CARD_HEADER + 3 * n_keys
    for s in range(keys[key, FROM], keys[key, TO]):
        if streams[s, KIND] != DISTINCT:
            continue
        d = streams[s, CHANNEL]
        old = cards[index & mask, to_before + d]
        if old >= 0 and cards[old & mask, CARD_HEADER + 2 * n_keys + key] == m[at + LIFE]:
            cards[old & mask, to_before + sizes[N_DISTINCT] + d] = index
        elif old >= 0:
            cards[index & mask, to_before + d] = -1


@compiled
def push_answer(index: int, m: I64, cards: I64, answers: I64, nodes: I64, tables: Tables) -> None:
    """Chain a filled answer row to its card's entities, as far as they live the same life still."""
    keys, streams, _, _, sizes, _ = tables
    mask = answers.shape[0] - 1
    row = answers[index & mask]
    n_keys, t = sizes[N_KEYS], row[TIME]
    card = cards[row[OF_CARD] & (cards.shape[0] - 1)]
    card[ANSWER] = index
    for key in range(n_keys):
        at = card[CARD_HEADER + n_keys + key]
        life = card[CARD_HEADER + 2 * n_keys + key]
        if at < 0 or m[at + LIFE] != life:
            row[ANSWER_HEADER + n_keys + key] = UNKNOWN
            continue
        row[ANSWER_HEADER + n_keys + key] = at
        row[ANSWER_HEADER + 2 * n_keys + key] = life
        answers_up_to(m, at, key, t, answers, nodes, tables, row, True)
        if m[at + ANSWER_LAST] >= 0:
            answers[m[at + ANSWER_LAST] & mask, ANSWER_HEADER + key] = index
        m[at + ANSWER_LAST] = index
        if m[at + ANSWER_HEAD] < 0:
            m[at + ANSWER_HEAD] = index
        for s in range(keys[key, FROM], keys[key, TO]):
            if streams[s, KIND] == TOP:
                value = row[ANSWER_HEADER + 3 * n_keys + streams[s, CHANNEL]]
                if value >= 0:
                    hold(m, at, s, value, nodes)
    if row[BEFORE] >= 0:  # only now: while the slots were brought up to its moment, nothing replaced that one
        answers[row[BEFORE] & mask, AFTER] = index


@compiled
def expire_cards(
    first: int, stop: int, now: int, m: I64, cards: I64, nodes: I64, tables: Tables, closed: I64
) -> tuple[int, int]:
    """Forget cards older than the horizon; returns the first kept and how many slots closed.

    Each closed slot is written into ``closed`` (key, slot); the pass stops early when that is full.
    """
    mask = cards.shape[0] - 1
    n_keys, count = tables[4][N_KEYS], 0
    while first < stop and cards[first & mask, TIME] < now - HORIZON and count + n_keys <= closed.shape[0]:
        row = cards[first & mask]
        for key in range(n_keys):
            at = row[CARD_HEADER + n_keys + key]
            if at < 0 or m[at + LIFE] != row[CARD_HEADER + 2 * n_keys + key]:
                continue
            advance_cards(m, at, key, now, cards, tables)
            if m[at + CARD_LAST] == first:
                drop_nodes(m, at, nodes)
                m[at + LIFE] += 1
                closed[count, 0], closed[count, 1] = key, at
                count += 1
        first += 1
    return first, count


@compiled
def expire_answers(first: int, stop: int, now: int, m: I64, answers: I64, nodes: I64, tables: Tables) -> int:
    """Forget answers older than the horizon: no card that they belong to can be revised any more."""
    keys, streams, _, _, sizes, _ = tables
    mask = answers.shape[0] - 1
    n_keys = sizes[N_KEYS]
    while first < stop and answers[first & mask, TIME] < now - HORIZON:
        row = answers[first & mask]
        for key in range(n_keys):
            at = row[ANSWER_HEADER + n_keys + key]
            if at < 0 or m[at + LIFE] != row[ANSWER_HEADER + 2 * n_keys + key]:
                continue
            answers_up_to(m, at, key, now, answers, nodes, tables, row, True)
            if m[at + ANSWER_LAST] == first:
                m[at + ANSWER_LAST] = -1
            for s in range(keys[key, FROM], keys[key, TO]):
                if streams[s, KIND] == TOP:
                    value = row[ANSWER_HEADER + 3 * n_keys + streams[s, CHANNEL]]
                    if value >= 0:
                        release(m, at, s, value, nodes)
        first += 1
    return first
