"""A card's features as known before a moment: what every read of live history does to the tables.

Correct when the numbers are those of a batch over the same events, and a read that is not part of a write leaves
every table as it was.
"""

import math

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features import rings
from cardrisk.features.arrays import I64, NEVER, NULL
from cardrisk.features.finish import ARITY, COUNT, SCALED, value
from cardrisk.features.live import book as at_
from cardrisk.features.live.ahead import fetch
from cardrisk.features.live.book import FIELDS, WIDTH, Cells, beyond, cells, reals, size, table, vector
from cardrisk.features.live.facts import add_facts
from cardrisk.features.live.kernel import UNKNOWN, UNSEEN, Tables, advance_cards, of_key, stream_of
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
    N_KEYS,
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
from cardrisk.features.live.tops import answers_up_to, copy_nodes, top_of

MOMENT, CODES = 0, 1
"""Fields of a card as it is handed over: its moment, then codes, then numbers."""


@compiled
def find_slots(book: Cells, codes: Cells, asked: Cells, tables: Tables) -> None:
    """Write the slot of each key's entity: ``UNKNOWN`` where not named, ``UNSEEN`` where new."""
    keys, sizes, slot_size = tables[0], tables[4], tables[5]
    parts, wide, slots = cells(book, at_.PARTS), book[FIELDS * at_.PARTS + WIDTH], cells(book, at_.SLOTS)
    for key in range(sizes[N_KEYS]):  # first where each is looked for, then what is found there most often
        home = home_of(key, codes, beyond(parts, key * wide), of_key(keys, key, N_PARTS))
        asked[key] = home & (size(book, at_.SLOTS) - 1)
        fetch(book, at_.SLOTS, asked[key], 1)
    for key in range(sizes[N_KEYS]):
        if slots[asked[key]] != 0:
            fetch(book, at_.M, slots[asked[key]] - 1, slot_size[key])
    for key in range(sizes[N_KEYS]):
        which, n, known = beyond(parts, key * wide), of_key(keys, key, N_PARTS), True
        for p in range(n):
            if codes[which[p]] == UNKNOWN and which[wide // 2 + p] == 0:
                known = False
        if known:
            at = slot_of(book, asked[key], key, codes, which, n)
            asked[key] = at if at >= 0 else UNSEEN
        else:
            asked[key] = UNKNOWN


@compiled
def resubmitted(book: Cells, asked: Cells, t: int, tables: Tables) -> int:
    """Return whether the same card was handed in before, ``NULL`` where its token is unknown."""
    key = tables[4][OF_CARD_TOKEN]
    if key < 0 or asked[key] == UNKNOWN:
        return NULL
    slot = beyond(cells(book, at_.M), asked[key])
    if asked[key] < 0 or t - slot[LAST] > of_key(tables[0], key, SILENCE):
        return 0
    return int(slot[FIRST] < t)


@compiled
def read_keys(book: Cells, asked: Cells, t: int, moves: bool, raw: Cells, tables: Tables) -> None:
    """Write every key's raw numbers; with ``moves`` the slots are brought up to ``t``, else they stay."""
    keys, _, _, _, sizes, slot_size = tables
    scratch = cells(book, at_.SCRATCH)
    for key in range(sizes[N_KEYS]):
        at = asked[key]
        slot = beyond(cells(book, at_.M), at)
        if at >= 0 and t - slot[LAST] > of_key(keys, key, SILENCE):
            at = UNSEEN
        if at < 0:
            nothing = NULL if at == UNKNOWN else 0
            for i in range(of_key(keys, key, RAW_FROM), of_key(keys, key, RAW_TO)):
                raw[i] = nothing
        _read_clocks(slot, at >= 0, key, t, keys, raw)
        if at < 0:
            continue
        if moves:
            _read_streams(book, slot, key, t, at_.NODES, raw, tables)
        else:
            for i in range(slot_size[key]):
                scratch[i] = slot[i]
            if slot[NODES] > 0:
                copy_nodes(book, scratch)
            _read_streams(book, scratch, key, t, at_.NODES_READ, raw, tables)


@compiled
def _read_streams(book: Cells, slot: Cells, key: int, t: int, nodes: int, raw: Cells, tables: Tables) -> None:
    """Bring a slot up to ``t`` and write what each of its streams holds."""
    keys, streams = tables[0], tables[1]
    advance_cards(book, slot, key, t, tables)
    answers_up_to(book, slot, key, t, nodes, tables)
    for s in range(of_key(keys, key, FROM), of_key(keys, key, TO)):
        stream = stream_of(streams, s)
        kind, wide, to = stream[KIND], stream[WIDTHS], stream[RAW]
        if kind == TOP:
            for w in range(wide):
                raw[to + w] = top_of(book, slot, s, w, nodes)
            continue
        sums = stream[STATE] + 2 * wide
        for i in range(wide * (stream[CHANNELS] if kind != DISTINCT else 1)):
            raw[to + i] = slot[sums + i]


@compiled
def _read_clocks(slot: Cells, known: bool, key: int, t: int, keys: Cells, raw: Cells) -> None:
    """Write how long ago the entity was first and last seen, counting only what is before ``t``."""
    first_raw, last_raw = of_key(keys, key, FIRST_RAW), of_key(keys, key, LAST_RAW)
    if first_raw < 0 and last_raw < 0:
        return
    seen = known and slot[FIRST] < t
    if first_raw >= 0:
        raw[first_raw] = t - slot[FIRST] if seen else NULL
    if last_raw >= 0:
        raw[last_raw] = t - (slot[LAST] if slot[LAST] < t else slot[PREVIOUS]) if seen else NULL


@compiled
def _look(book: Cells, codes: Cells, out: I64) -> None:
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
def finish(book: Cells, given: Cells, again: int, raw: Cells, sizes: Cells) -> None:
    """Write the facts of the card and end every feature, to the page ``OUT``.

    Parameters
    ----------
    given
        The card as it was handed over; what was handed in with it is on the page ``OVER``: facts of all of them,
        ``NEVER`` where the card's own stands; empty: alone.
    raw
        Its whole numbers of every key.
    """
    codes = beyond(given, CODES)
    if size(book, at_.RING_COLUMNS) > 0:  # nobody needs the scratch any more
        _look(book, codes, vector(book, at_.SCRATCH))
    numbers, scratch, facts = beyond(codes, sizes[N_CODES]), cells(book, at_.SCRATCH), cells(book, at_.FACTS)
    add_facts(raw, codes, numbers, given[MOMENT], again, scratch, facts, size(book, at_.FACTS))
    over = cells(book, at_.OVER)
    for f in range(size(book, at_.OVER)):
        if over[f] != NEVER:
            raw[f] = over[f]
    ops, arguments, single = cells(book, at_.OPS), cells(book, at_.ARGUMENTS), cells(book, at_.SINGLE)
    constants, out = reals(book, at_.CONSTANTS), reals(book, at_.OUT)
    for j in range(size(book, at_.OPS)):
        op, row, k = ops[j], beyond(arguments, j * ARITY), constants[j]
        first = raw[row[0]]
        if first == NULL:
            x = math.nan
        elif op == COUNT:
            x = float(first)
        elif op == SCALED:
            x = first / k
        else:
            x = value(op, first, raw[row[1]], raw[row[2]], raw[row[3]], raw[row[4]], raw[row[5]], k)
        out[j] = np.float32(x) if single[j] else x
