"""What leaves live history: cards and answers beyond the horizon, and whatever nothing names after that.

Correct when after it the tables are, but for where things lie, as if what left had never counted for a later moment.
"""

from cardrisk._compiled import compiled
from cardrisk.features.arrays import HORIZON
from cardrisk.features.live import book as at_
from cardrisk.features.live.book import (
    DEAD_USED,
    FIRST_ANSWER,
    FIRST_CARD,
    FREE_SLOTS,
    NEXT_ANSWER,
    NEXT_CARD,
    PAIRS_USED,
    SLOTS_USED,
    Cells,
    beyond,
    cells,
    row_of,
)
from cardrisk.features.live.kernel import Tables, advance_cards, of_key, stream_of
from cardrisk.features.live.layout import (
    ANSWER_CODES,
    ANSWER_LAST,
    ANSWER_LIVES,
    ANSWER_SLOTS,
    CARD_CODES,
    CARD_LAST,
    CARD_LIVES,
    CARD_SLOTS,
    CHANNEL,
    FIRST,
    FROM,
    KIND,
    LIFE,
    N_CODES,
    N_DISTINCT,
    N_KEYS,
    N_SAID,
    TIME,
    TO,
    TOP,
)
from cardrisk.features.live.lookup import drop_pair, drop_slot, pair_of, place_of_pair
from cardrisk.features.live.tops import answers_up_to, drop_nodes, release


@compiled
def release_codes(book: Cells, codes: Cells, n: int) -> None:
    """Note that one event less carries these codes; those that none carries are dead."""
    holders, dead, counts = cells(book, at_.HOLDERS), cells(book, at_.DEAD), cells(book, at_.COUNTS)
    for i in range(n):
        if codes[i] >= 0:
            holders[codes[i]] -= 1
            if holders[codes[i]] == 0:
                dead[counts[DEAD_USED]] = codes[i]
                counts[DEAD_USED] += 1


@compiled
def top_value(row: Cells, s: int, streams: Cells, sizes: Cells) -> int:
    """Return the value of an answer that a stream looks for the commonest of; -1: none, or another kind of stream."""
    stream = stream_of(streams, s)
    return row[sizes[ANSWER_CODES] + stream[CHANNEL]] if stream[KIND] == TOP else -1


@compiled
def expire(book: Cells, now: int, tables: Tables) -> None:
    """Forget what lies beyond the horizon."""
    counts, sizes = cells(book, at_.COUNTS), tables[4]
    while counts[FIRST_CARD] < counts[NEXT_CARD]:
        row = row_of(book, at_.CARDS, counts[FIRST_CARD])
        if row[TIME] >= now - HORIZON:
            break
        _forget_card(book, counts[FIRST_CARD], row, now, tables)
        release_codes(book, beyond(row, sizes[CARD_CODES]), sizes[N_CODES])
        counts[FIRST_CARD] += 1
    while counts[FIRST_ANSWER] < counts[NEXT_ANSWER]:
        row = row_of(book, at_.ANSWERS, counts[FIRST_ANSWER])
        if row[TIME] >= now - HORIZON:
            break
        _forget_answer(book, counts[FIRST_ANSWER], row, now, tables)
        release_codes(book, beyond(row, sizes[ANSWER_CODES]), sizes[N_SAID])
        counts[FIRST_ANSWER] += 1


@compiled
def _forget_card(book: Cells, index: int, row: Cells, now: int, tables: Tables) -> None:
    """Take a card out of its entities; an entity whose last card it was is forgotten."""
    sizes, counts, pairs = tables[4], cells(book, at_.COUNTS), cells(book, at_.PAIRS)
    n = sizes[N_DISTINCT]
    for d in range(n):
        of, code = pair_of(book, row, d)
        if of >= 0 and code >= 0:
            place = place_of_pair(book, d, of, code)
            if pairs[place] == index * n + d + 1:
                drop_pair(book, place)
                counts[PAIRS_USED] -= 1
    for key in range(sizes[N_KEYS]):
        at = row[sizes[CARD_SLOTS] + key]
        slot = beyond(cells(book, at_.M), at)
        if at < 0 or slot[LIFE] != row[sizes[CARD_LIVES] + key]:
            continue
        advance_cards(book, slot, key, now, tables)
        if slot[CARD_LAST] == index:
            drop_nodes(book, slot)
            drop_slot(book, at)
            counts[SLOTS_USED] -= 1
            slot[LIFE] += 1
            slot[FIRST] = counts[FREE_SLOTS + key]
            counts[FREE_SLOTS + key] = at


@compiled
def _forget_answer(book: Cells, index: int, row: Cells, now: int, tables: Tables) -> None:
    """Take an answer out of its entities: no card that it belongs to can be revised any more."""
    keys, streams, sizes = tables[0], tables[1], tables[4]
    for key in range(sizes[N_KEYS]):
        at = row[sizes[ANSWER_SLOTS] + key]
        slot = beyond(cells(book, at_.M), at)
        if at < 0 or slot[LIFE] != row[sizes[ANSWER_LIVES] + key]:
            continue
        answers_up_to(book, slot, key, now, at_.NODES, tables)
        if slot[ANSWER_LAST] == index:
            slot[ANSWER_LAST] = -1
        for s in range(of_key(keys, key, FROM), of_key(keys, key, TO)):
            value = top_value(row, s, streams, sizes)
            if value >= 0:
                release(book, slot, s, value)
