"""One event in, one event out: what becomes history and what leaves it.

Correct when after any sequence of steps a read at t gives the whole numbers that a batch over the same events
gives for a card at t. Before every step there is room for one card and one answer; a step says when there is none
left afterwards.
"""

from cardrisk._compiled import compiled
from cardrisk.features.arrays import HORIZON, NULL
from cardrisk.features.live import book as at_
from cardrisk.features.live.ahead import fetch, fetch_events
from cardrisk.features.live.book import (
    DEAD_USED,
    FIRST_ANSWER,
    FIRST_CARD,
    FREE_SLOTS,
    M_USED,
    NEXT_ANSWER,
    NEXT_CARD,
    PAIRS_USED,
    SLOTS_USED,
    Cells,
    beyond,
    cells,
    opened,
    row_of,
    size,
)
from cardrisk.features.live.facts import add_said, add_weights
from cardrisk.features.live.forgetting import expire, release_codes, top_value
from cardrisk.features.live.kernel import (
    UNKNOWN,
    UNSEEN,
    Tables,
    advance_cards,
    of_key,
    open_slot,
    stream_of,
    tables_of,
)
from cardrisk.features.live.layout import (
    AFTER,
    ALL_SLOTS,
    ANSWER,
    ANSWER_CODES,
    ANSWER_HEAD,
    ANSWER_LAST,
    ANSWER_LIVES,
    ANSWER_SLOTS,
    ANSWER_WEIGHTS,
    BEFORE,
    CARD_BEFORE,
    CARD_CODES,
    CARD_HEAD,
    CARD_LAST,
    CARD_LIVES,
    CARD_SLOTS,
    CARD_WEIGHTS,
    CHANNEL,
    COMING_ANSWER,
    COMING_CARD,
    DISTINCT,
    FIRST,
    FROM,
    GAP,
    GRADE,
    HANDED,
    KIND,
    LAST,
    LIFE,
    N_CODES,
    N_DISTINCT,
    N_KEYS,
    N_PARTS,
    N_SAID,
    NODES,
    OF_CARD,
    OF_KEY,
    PREVIOUS,
    SAID,
    SILENCE,
    SLOT_HEADER,
    TIME,
    TO,
    USED,
)
from cardrisk.features.live.lookup import add_slot, pair_of, place_of_pair
from cardrisk.features.live.reading import CODES, MOMENT, find_slots, finish, read_keys, resubmitted
from cardrisk.features.live.tops import answers_up_to, drop_nodes, hold
from cardrisk.features.streams import LONGEST_GAP

# fields of an answer as it is handed over; codes follow
A_CARD, A_HANDED, A_SAID, A_GRADE, A_CAUSE, A_CODES = range(6)
# what a step is
READ, PUSH, TAKE, SAY = range(4)
# what a step says: there is no room for another event; something was forgotten
NO_ROOM, FORGOTTEN = 1, 2


@compiled
def step(address: int, what: int) -> int:
    """Take one step with the card or the answer on its page of the book.

    ``READ`` writes a card's features as known before its moment and changes nothing, ``PUSH`` lets it become history,
    ``TAKE`` does both; ``SAY`` lets an answer become known. It is one function, because each way in from Python is
    compiled whole.

    Parameters
    ----------
    address
        Where the book lies.

    Returns
    -------
    int
        What is left to do: ``NO_ROOM``, ``FORGOTTEN``, both or nothing.
    """
    book = opened(address)
    return _step(book, what, cells(book, at_.GIVEN_ANSWER if what == SAY else at_.GIVEN_CARD))


@compiled
def _step(book: Cells, what: int, given: Cells) -> int:
    """Take one step with a card or an answer as it is handed over."""
    tables = tables_of(book)
    sizes = tables[4]
    if what == SAY:
        _hold_codes(book, beyond(given, A_CODES), sizes[N_SAID])
        if not _push_answer(book, given, tables):
            release_codes(book, beyond(given, A_CODES), sizes[N_SAID])
        return _status(book, False, tables)
    t, codes, asked = given[MOMENT], beyond(given, CODES), cells(book, at_.ASKED)
    before = cells(book, at_.COUNTS)[FIRST_CARD]
    if what != READ:
        _hold_codes(book, codes, sizes[N_CODES])
        expire(book, t, tables)
    find_slots(book, codes, asked, tables)
    fetch_events(book, asked, tables[0])
    again = resubmitted(book, asked, t, tables)
    if what != PUSH:
        raw = cells(book, at_.RAW)
        read_keys(book, asked, t, what == TAKE, raw, tables)
        finish(book, given, again, raw, sizes)
    if what != READ:
        _push_card(book, given, asked, again, what == TAKE, tables)
    return _status(book, cells(book, at_.COUNTS)[FIRST_CARD] != before, tables)


@compiled
def run(address: int, start: int) -> int:
    """Take in many events; returns the first that is left, where room ran out.

    On their pages lie ``GIVEN_CARDS`` and ``GIVEN_ANSWERS``, as they are handed over, and ``ORDER``: the row of a card,
    or minus one minus the row of an answer. From the first to the last event the codes of all of them are held.
    """
    book = opened(address)
    n_codes, n_said = cells(book, at_.SIZES)[N_CODES], cells(book, at_.SIZES)[N_SAID]
    order, stop = cells(book, at_.ORDER), size(book, at_.ORDER)
    cards, answers = size(book, at_.GIVEN_CARDS), size(book, at_.GIVEN_ANSWERS)
    if start == 0:
        for i in range(cards):
            _hold_codes(book, beyond(_line(book, at_.GIVEN_CARDS, i), CODES), n_codes)
        for i in range(answers):
            _hold_codes(book, beyond(_line(book, at_.GIVEN_ANSWERS, i), A_CODES), n_said)
    for i in range(start, stop):
        if order[i] >= 0:
            status = _step(book, PUSH, _line(book, at_.GIVEN_CARDS, order[i]))
        else:
            status = _step(book, SAY, _line(book, at_.GIVEN_ANSWERS, -1 - order[i]))
        if status & NO_ROOM:
            stop = i + 1
            break
    if stop == size(book, at_.ORDER):
        for i in range(cards):
            release_codes(book, beyond(_line(book, at_.GIVEN_CARDS, i), CODES), n_codes)
        for i in range(answers):
            release_codes(book, beyond(_line(book, at_.GIVEN_ANSWERS, i), A_CODES), n_said)
    return stop


@compiled
def _line(book: Cells, page: int, i: int) -> Cells:
    """Return a row of a table of any number of rows."""
    found: Cells = beyond(cells(book, page), i * book[at_.FIELDS * page + at_.WIDTH])
    return found


@compiled
def _status(book: Cells, forgotten: bool, tables: Tables) -> int:
    """Return what Python has to see to."""
    counts, sizes = cells(book, at_.COUNTS), tables[4]
    room = counts[NEXT_CARD] - counts[FIRST_CARD] < size(book, at_.CARDS)
    room = room and counts[NEXT_ANSWER] - counts[FIRST_ANSWER] < size(book, at_.ANSWERS)
    room = room and counts[M_USED] + sizes[ALL_SLOTS] <= size(book, at_.M)
    room = room and 2 * (counts[SLOTS_USED] + sizes[N_KEYS]) <= size(book, at_.SLOTS)
    room = room and 2 * (counts[PAIRS_USED] + sizes[N_DISTINCT]) <= size(book, at_.PAIRS)
    room = room and cells(book, at_.NODES)[USED] + size(book, at_.STREAMS) < size(book, at_.NODES)
    return (0 if room else NO_ROOM) | (FORGOTTEN if forgotten or counts[DEAD_USED] > 0 else 0)


@compiled
def _hold_codes(book: Cells, codes: Cells, n: int) -> None:
    """Note that one more event carries these codes."""
    holders = cells(book, at_.HOLDERS)
    for i in range(n):
        if codes[i] >= 0:
            holders[codes[i]] += 1


@compiled
def _new_slot(book: Cells, key: int, codes: Cells, tables: Tables) -> int:
    """Return a slot for an entity never seen before."""
    counts, which = cells(book, at_.COUNTS), _line(book, at_.PARTS, key)
    at = counts[FREE_SLOTS + key]
    slot = beyond(cells(book, at_.M), at)
    if at >= 0:
        counts[FREE_SLOTS + key] = slot[FIRST]
    else:
        at = counts[M_USED]
        slot = beyond(cells(book, at_.M), at)
        counts[M_USED] += tables[5][key]
        slot[LIFE] = 0
    slot[NODES] = -1
    slot[OF_KEY] = key
    for p in range(of_key(tables[0], key, N_PARTS)):
        slot[SLOT_HEADER + p] = codes[which[p]]
    add_slot(book, at)
    counts[SLOTS_USED] += 1
    open_slot(slot, key, tables)
    return int(at)


@compiled
def _push_card(book: Cells, given: Cells, asked: Cells, again: int, moved: bool, tables: Tables) -> None:
    """Write a card's row and chain it to its entities; it counts for reads after its moment.

    With ``moved`` its entities' slots were brought up to its moment already.
    """
    sizes, counts = tables[4], cells(book, at_.COUNTS)
    n_codes, index, codes = sizes[N_CODES], counts[NEXT_CARD], beyond(given, CODES)
    row = row_of(book, at_.CARDS, index)
    row[TIME], row[ANSWER] = given[MOMENT], -1
    for i in range(n_codes):
        row[sizes[CARD_CODES] + i] = codes[i]
    weights, n = cells(book, at_.WEIGHTS), size(book, at_.WEIGHTS)
    add_weights(beyond(row, sizes[CARD_WEIGHTS]), beyond(codes, n_codes), again, weights, n)
    for key in range(sizes[N_KEYS]):
        if asked[key] == UNSEEN:
            asked[key] = _new_slot(book, key, codes, tables)
        if of_key(tables[0], key, COMING_CARD) != 0:
            row[of_key(tables[0], key, COMING_CARD)] = -1
        row[sizes[CARD_SLOTS] + key] = asked[key]
    _note_values(book, index, row, sizes)
    _chain_card(book, index, row, moved, tables)
    counts[NEXT_CARD] += 1


@compiled
def _note_values(book: Cells, index: int, row: Cells, sizes: Cells) -> None:
    """Write which card held each compared value before, and that it is now this one."""
    pairs, counts, n = cells(book, at_.PAIRS), cells(book, at_.COUNTS), sizes[N_DISTINCT]
    held = beyond(row, sizes[CARD_BEFORE])
    for d in range(n):
        slot, code = pair_of(book, row, d)
        held[n + d] = -1
        if slot < 0 or code < 0:
            held[d] = UNSEEN
            continue
        place = place_of_pair(book, d, slot, code)
        held[d] = -1 if pairs[place] == 0 else (pairs[place] - 1) // n
        counts[PAIRS_USED] += int(pairs[place] == 0)
        pairs[place] = index * n + d + 1


@compiled
def _chain_card(book: Cells, index: int, row: Cells, moved: bool, tables: Tables) -> None:
    """Append a card to the chains of its entities; a silence that was too long begins a new life."""
    keys, sizes, t = tables[0], tables[4], row[TIME]
    for key in range(sizes[N_KEYS]):
        at = row[sizes[CARD_SLOTS] + key]
        if at < 0:
            continue
        slot = beyond(cells(book, at_.M), at)
        last = slot[LAST]
        if last != NULL and t - last > of_key(keys, key, SILENCE):
            drop_nodes(book, slot)
            open_slot(slot, key, tables)
            last = NULL
        elif last != NULL and not moved:  # answers too, or every read until the next one would begin where they stand
            advance_cards(book, slot, key, t, tables)
            answers_up_to(book, slot, key, t, at_.NODES, tables)
        gap = of_key(keys, key, GAP)
        if gap >= 0 and last != NULL and t - last <= LONGEST_GAP:
            weight = sizes[CARD_WEIGHTS] + gap
            row[weight] = 1
            row[weight + 1] = (t - last) // 1_000
            row[weight + 2] = row[weight + 1] * row[weight + 1]
        coming = of_key(keys, key, COMING_CARD)
        if coming != 0:
            if slot[CARD_LAST] >= 0:
                row_of(book, at_.CARDS, slot[CARD_LAST])[coming] = index
            if slot[CARD_HEAD] < 0:
                slot[CARD_HEAD] = index
        slot[CARD_LAST] = index
        if slot[FIRST] == NULL:
            slot[FIRST] = t
        if last != t:
            slot[PREVIOUS] = last
        slot[LAST] = t
        row[sizes[CARD_LIVES] + key] = slot[LIFE]
        _link_values(book, index, row, slot[LIFE], key, tables)


@compiled
def _link_values(book: Cells, index: int, row: Cells, life: int, key: int, tables: Tables) -> None:
    """Tell the card that held the same value before, if of this life, that it is followed."""
    keys, streams, sizes = tables[0], tables[1], tables[4]
    before = sizes[CARD_BEFORE]
    for s in range(of_key(keys, key, FROM), of_key(keys, key, TO)):
        stream = stream_of(streams, s)
        if stream[KIND] != DISTINCT:
            continue
        old = row[before + stream[CHANNEL]]
        if old < 0:
            continue
        other = row_of(book, at_.CARDS, old)
        if other[sizes[CARD_LIVES] + key] == life:
            other[before + sizes[N_DISTINCT] + stream[CHANNEL]] = index
        else:
            row[before + stream[CHANNEL]] = -1


@compiled
def _push_answer(book: Cells, given: Cells, tables: Tables) -> bool:
    """Let an answer count from when it was handed over; of one moment the gravest stands. Returns whether it counts."""
    sizes, counts = tables[4], cells(book, at_.COUNTS)
    if given[A_CARD] < counts[FIRST_CARD]:
        return False
    card = row_of(book, at_.CARDS, given[A_CARD])
    asked = beyond(card, sizes[CARD_SLOTS])
    for key in range(sizes[N_KEYS]):
        if asked[key] >= 0:
            fetch(book, at_.M, asked[key], tables[5][key])
    fetch_events(book, asked, tables[0])
    moment = max(given[A_HANDED], card[TIME])
    if moment - card[TIME] > HORIZON or card[TIME] - given[A_HANDED] > HORIZON:
        return False
    if card[ANSWER] >= 0:
        old = row_of(book, at_.ANSWERS, card[ANSWER])
        as_old = given[A_HANDED] == old[HANDED] and given[A_GRADE] <= old[GRADE]
        if old[TIME] == moment and (given[A_HANDED] < old[HANDED] or as_old):
            return False
    index = counts[NEXT_ANSWER]
    row = row_of(book, at_.ANSWERS, index)
    row[TIME], row[OF_CARD], row[BEFORE], row[AFTER] = moment, given[A_CARD], card[ANSWER], -1
    row[HANDED], row[GRADE], row[SAID] = given[A_HANDED], given[A_GRADE], given[A_SAID]
    codes, weights = beyond(given, A_CODES), cells(book, at_.SAID_WEIGHTS)
    for i in range(sizes[N_SAID]):
        row[sizes[ANSWER_CODES] + i] = codes[i]
    own = beyond(row, sizes[ANSWER_WEIGHTS])
    add_said(own, given[A_GRADE], given[A_CAUSE], codes, weights, size(book, at_.SAID_WEIGHTS))
    card[ANSWER] = index
    counts[NEXT_ANSWER] += 1
    _chain_answer(book, index, row, card, tables)
    if row[BEFORE] >= 0:  # only now: while the slots were brought up to its moment, nothing replaced that one
        row_of(book, at_.ANSWERS, row[BEFORE])[AFTER] = index
    return True


@compiled
def _chain_answer(book: Cells, index: int, row: Cells, card: Cells, tables: Tables) -> None:
    """Append an answer to the chains of its card's entities, as far as they live the same life still."""
    keys, streams, sizes = tables[0], tables[1], tables[4]
    for key in range(sizes[N_KEYS]):
        at, life = card[sizes[CARD_SLOTS] + key], card[sizes[CARD_LIVES] + key]
        coming = of_key(keys, key, COMING_ANSWER)
        if coming != 0:
            row[coming] = -1
        row[sizes[ANSWER_SLOTS] + key] = UNKNOWN
        slot = beyond(cells(book, at_.M), at)
        if at < 0 or slot[LIFE] != life or coming == 0:
            continue
        row[sizes[ANSWER_SLOTS] + key] = at
        row[sizes[ANSWER_LIVES] + key] = life
        answers_up_to(book, slot, key, row[TIME], at_.NODES, tables)
        if slot[ANSWER_LAST] >= 0:
            row_of(book, at_.ANSWERS, slot[ANSWER_LAST])[coming] = index
        slot[ANSWER_LAST] = index
        if slot[ANSWER_HEAD] < 0:
            slot[ANSWER_HEAD] = index
        for s in range(of_key(keys, key, FROM), of_key(keys, key, TO)):
            value = top_value(row, s, streams, sizes)
            if value >= 0:
                hold(book, slot, s, value)
