"""A card's features as known before a moment: what every read of live history does to the tables.

Correct when the numbers are those of a batch over the same events, and a read that is not part of a write leaves
every table as it was.
"""

import math

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features import rings
from cardrisk.features.arrays import F64, I64, NEVER, NULL
from cardrisk.features.finish import COUNT, SCALED, value
from cardrisk.features.live import book as at_
from cardrisk.features.live.ahead import fetch
from cardrisk.features.live.book import reals, table, vector
from cardrisk.features.live.facts import add_facts
from cardrisk.features.live.kernel import UNKNOWN, UNSEEN, Tables, advance_cards
from cardrisk.features.live.layout import (
    CHANNELS,
    DISTINCT,
    FIRST,
    FIRST_RAW,
    FROM,
    KIND,
    LAST,
    LAST_RAW,
    N_CODES,
    N_PARTS,
    NODES,
    OF_CARD_TOKEN,
    PREVIOUS,
    RAW,
    RAW_FROM,
    RAW_TO,
    SILENCE,
    STATE,
    TO,
    TOP,
    WIDTHS,
)
from cardrisk.features.live.lookup import home_of, slot_of
from cardrisk.features.live.tops import answers_up_to, copied, top_of

MOMENT, CODES = 0, 1
"""Fields of a card as it is handed over: its moment, then codes, then numbers."""


@compiled
def tables_of(book: I64) -> Tables:
    """Return the tables that describe keys and streams."""
    return (
        table(book, at_.KEYS),
        table(book, at_.STREAMS),
        vector(book, at_.SPANS),
        vector(book, at_.CHANNELS),
        vector(book, at_.SIZES),
        vector(book, at_.SLOT_SIZE),
    )


@compiled
def find_slots(book: I64, codes: I64, asked: I64) -> None:
    """Write the slot of each key's entity: ``UNKNOWN`` where not named, ``UNSEEN`` where new."""
    keys, parts, sizes = table(book, at_.KEYS), table(book, at_.PARTS), vector(book, at_.SLOT_SIZE)
    m, slots, most = vector(book, at_.M), vector(book, at_.SLOTS), parts.shape[1] // 2
    for key in range(keys.shape[0]):  # first where each is looked for, then what is found there most often
        asked[key] = home_of(key, codes, parts[key], keys[key, N_PARTS]) & (slots.size - 1)
        fetch(book, at_.SLOTS, asked[key], 1)
    for key in range(keys.shape[0]):
        if slots[asked[key]] != 0:
            fetch(book, at_.M, slots[asked[key]] - 1, sizes[key])
    for key in range(keys.shape[0]):
        found = UNSEEN
        for p in range(keys[key, N_PARTS]):
            if codes[parts[key, p]] == UNKNOWN and parts[key, most + p] == 0:
                found = UNKNOWN
        if found == UNSEEN:
            at = slot_of(key, codes, parts[key], keys[key, N_PARTS], m, slots)
            found = at if at >= 0 else UNSEEN
        asked[key] = found


@compiled
def resubmitted(m: I64, asked: I64, t: int, tables: Tables) -> int:
    """Return whether the same card was handed in before, ``NULL`` where its token is unknown."""
    keys, _, _, _, sizes, _ = tables
    key = sizes[OF_CARD_TOKEN]
    if key < 0 or asked[key] == UNKNOWN:
        return NULL
    at = asked[key]
    if at < 0 or t - m[at + LAST] > keys[key, SILENCE]:
        return 0
    return int(m[at + FIRST] < t)


@compiled
def read_keys(book: I64, asked: I64, t: int, moves: bool, raw: I64, tables: Tables) -> None:
    """Write every key's raw numbers; with ``moves`` the slots are brought up to ``t``, else they stay."""
    keys, streams, _, _, _, slot_size = tables
    m, cards, scratch = vector(book, at_.M), table(book, at_.CARDS), vector(book, at_.SCRATCH)
    answers, nodes = table(book, at_.ANSWERS), table(book, at_.NODES)
    for key in range(asked.size):
        at = asked[key]
        if at >= 0 and t - m[at + LAST] > keys[key, SILENCE]:
            at = UNSEEN
        nothing = NULL if at == UNKNOWN else 0
        for i in range(keys[key, RAW_FROM], keys[key, RAW_TO]):
            raw[i] = nothing
        _read_clocks(m, at, key, t, keys, raw)
        if at < 0:
            continue
        held, base, values = m, at, nodes
        if not moves:
            held, base = scratch, 0
            for i in range(slot_size[key]):
                scratch[i] = m[at + i]
            if m[at + NODES] > 0:
                values = copied(scratch, 0, nodes)
        advance_cards(held, base, key, t, cards, tables)
        answers_up_to(held, base, key, t, answers, values, tables)
        for s in range(keys[key, FROM], keys[key, TO]):  # what each stream holds
            wide, to = streams[s, WIDTHS], streams[s, RAW]
            if streams[s, KIND] == TOP:
                for w in range(wide):
                    raw[to + w] = top_of(held, base, s, w, values)
                continue
            sums = base + streams[s, STATE] + 2 * wide
            for i in range(wide * (streams[s, CHANNELS] if streams[s, KIND] != DISTINCT else 1)):
                raw[to + i] = held[sums + i]


@compiled
def _read_clocks(m: I64, at: int, key: int, t: int, keys: I64, raw: I64) -> None:
    """Write how long ago the entity was first and last seen, counting only what is before ``t``."""
    seen = at >= 0 and m[at + FIRST] < t
    if keys[key, FIRST_RAW] >= 0:
        raw[keys[key, FIRST_RAW]] = t - m[at + FIRST] if seen else NULL
    if keys[key, LAST_RAW] >= 0:
        last = m[at + LAST] if seen and m[at + LAST] < t else m[at + PREVIOUS] if seen else NULL
        raw[keys[key, LAST_RAW]] = t - last if seen else NULL


@compiled
def _look(book: I64, codes: I64, out: I64) -> None:
    """Write cards, known and failed of the rings that a card's values belong to."""
    columns, held = vector(book, at_.RING_COLUMNS), vector(book, at_.RING_VALUES)
    degree = vector(book, at_.RING_DEGREE)
    values = np.full(columns.size, -1, np.int64)
    for j in range(columns.size):
        code = codes[columns[j]]
        if code != UNKNOWN:
            wanted = code * columns.size + j
            place = np.searchsorted(held, wanted)
            # a value that no card of the span has counts as the last one, which nobody has
            values[j] = place if place < held.size and held[place] == wanted else degree.size - 1
    rings.look(values, vector(book, at_.RING_PARENT), degree, table(book, at_.RING_STATS), out)


@compiled
def finish(book: I64, given: I64, over: I64, t: int, again: int, raw: I64, out: F64) -> None:
    """Write the facts of the card and end every feature.

    Parameters
    ----------
    given
        The card as it was handed over.
    over
        Facts of cards handed in together, shape (facts,), ``NEVER`` where the card's own stands; empty: alone.
    raw
        Its whole numbers of every key.
    out
        float64, shape (features,): written.
    """
    n_codes, facts = vector(book, at_.SIZES)[N_CODES], table(book, at_.FACTS)
    codes, numbers = given[CODES : CODES + n_codes], given[CODES + n_codes :]
    ring = np.empty(3, np.int64)
    if vector(book, at_.RING_COLUMNS).size:
        _look(book, codes, ring)
    add_facts(raw, codes, numbers, t, again, ring, facts)
    for f in range(over.size):
        if over[f] != NEVER:
            raw[f] = over[f]
    ops, arguments = vector(book, at_.OPS), table(book, at_.ARGUMENTS)
    constants, single = reals(book, at_.CONSTANTS), vector(book, at_.SINGLE)
    for j in range(ops.size):
        op, first, k = ops[j], raw[arguments[j, 0]], constants[j]
        if first == NULL:
            x = math.nan
        elif op == COUNT:
            x = float(first)
        elif op == SCALED:
            x = first / k
        else:
            row = arguments[j]
            x = value(op, first, raw[row[1]], raw[row[2]], raw[row[3]], raw[row[4]], raw[row[5]], k)
        out[j] = np.float32(x) if single[j] else x
