"""One event in, one event out: what becomes history and what leaves it.

Correct when after any sequence of steps a read at t gives the whole numbers that a batch over the same events
gives for a card at t. Before every step there is room for one card and one answer; a step says when there is none
left afterwards.
"""

from cardrisk._compiled import compiled
from cardrisk.features.arrays import F64, HORIZON, I64, NULL
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
    table,
    vector,
)
from cardrisk.features.live.facts import add_said, add_weights
from cardrisk.features.live.kernel import UNKNOWN, UNSEEN, Tables, advance_cards, open_slot
from cardrisk.features.live.layout import (
    AFTER,
    ANSWER,
    ANSWER_CODES,
    ANSWER_HEAD,
    ANSWER_HEADER,
    ANSWER_LAST,
    ANSWER_WEIGHTS,
    BEFORE,
    CARD_CODES,
    CARD_HEAD,
    CARD_HEADER,
    CARD_LAST,
    CARD_WEIGHTS,
    CHANNEL,
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
    TOP,
    USED,
)
from cardrisk.features.live.lookup import add_slot, drop_pair, drop_slot, place_of_pair
from cardrisk.features.live.reading import CODES, MOMENT, find_slots, finish, read_keys, resubmitted, tables_of
from cardrisk.features.live.tops import answers_up_to, drop_nodes, hold, release
from cardrisk.features.streams import LONGEST_GAP

# fields of an answer as it is handed over; codes follow
A_CARD, A_HANDED, A_SAID, A_GRADE, A_CAUSE, A_CODES = range(6)
# what a step is
READ, PUSH, TAKE, SAY = range(4)
# what a step says: there is no room for another event; something was forgotten
NO_ROOM, FORGOTTEN = 1, 2


@compiled
def step(book: I64, what: int, out: F64) -> int:
    """Take one step with the card or the answer on its page of the book.

    ``READ`` writes a card's features as known before its moment and changes nothing, ``PUSH`` lets it become history,
    ``TAKE`` does both; ``SAY`` lets an answer become known. It is one function, because each way in from Python is
    compiled whole.

    Parameters
    ----------
    out
        As :func:`~cardrisk.features.live.reading.finish` takes it; where nothing is read it is not looked at.

    Returns
    -------
    int
        What is left to do: ``NO_ROOM``, ``FORGOTTEN``, both or nothing.
    """
    if what == SAY:
        return _step(book, what, vector(book, at_.GIVEN_ANSWER), vector(book, at_.OVER), out)
    return _step(book, what, vector(book, at_.GIVEN_CARD), vector(book, at_.OVER), out)


@compiled
def _step(book: I64, what: int, given: I64, over: I64, out: F64) -> int:
    """Take one step with a card or an answer as it is handed over."""
    tables = tables_of(book)
    t, asked, raw = given[MOMENT], vector(book, at_.ASKED), vector(book, at_.RAW)
    before = vector(book, at_.COUNTS)[FIRST_CARD]
    if what == SAY:
        _hold_codes(book, given[A_CODES:])
        if not _push_answer(book, given, tables):
            _release_codes(book, given[A_CODES:])
        return _status(book, before, tables)
    if what != READ:
        _hold_codes(book, given[CODES : CODES + tables[4][N_CODES]])
        _expire(book, t, tables)
    find_slots(book, given[CODES:], asked)
    fetch_events(book, asked)
    again = resubmitted(vector(book, at_.M), asked, t, tables)
    if what != PUSH:
        read_keys(book, asked, t, what == TAKE, raw, tables)
        finish(book, given, over, t, again, raw, out)
    if what != READ:
        _push_card(book, given, asked, again, what == TAKE, tables)
    return _status(book, before, tables)


@compiled
def run(book: I64, order: I64, start: int, cards: I64, answers: I64, out: F64) -> int:
    """Take in many events; returns the first that is left, where room ran out.

    Parameters
    ----------
    order
        Shape (events,): the row of ``cards``, or minus one minus the row of ``answers``.
    start
        The first event to take in.
    cards, answers
        Events as they are handed over. From the first to the last event the codes of all of them are held.
    out
        Not looked at.
    """
    n_codes, stop = vector(book, at_.SIZES)[N_CODES], order.size
    if start == 0:
        for i in range(cards.shape[0]):
            _hold_codes(book, cards[i, CODES : CODES + n_codes])
        for i in range(answers.shape[0]):
            _hold_codes(book, answers[i, A_CODES:])
    for i in range(start, stop):
        card = order[i] >= 0
        given = cards[order[i]] if card else answers[-1 - order[i]]
        if _step(book, PUSH if card else SAY, given, order[:0], out) & NO_ROOM:
            stop = i + 1
            break
    if stop == order.size:
        for i in range(cards.shape[0]):
            _release_codes(book, cards[i, CODES : CODES + n_codes])
        for i in range(answers.shape[0]):
            _release_codes(book, answers[i, A_CODES:])
    return int(stop)


@compiled
def _status(book: I64, before: int, tables: Tables) -> int:
    """Return what Python has to see to."""
    counts, keys = vector(book, at_.COUNTS), tables[0]
    room = counts[NEXT_CARD] - counts[FIRST_CARD] < book[at_.CARDS, 1]
    room = room and counts[NEXT_ANSWER] - counts[FIRST_ANSWER] < book[at_.ANSWERS, 1]
    room = room and counts[M_USED] + tables[5].sum() <= book[at_.M, 1]
    room = room and 2 * (counts[SLOTS_USED] + keys.shape[0]) <= book[at_.SLOTS, 1]
    room = room and 2 * (counts[PAIRS_USED] + tables[4][N_DISTINCT]) <= book[at_.PAIRS, 1]
    room = room and table(book, at_.NODES)[0, USED] + tables[1].shape[0] < book[at_.NODES, 1]
    forgotten = counts[FIRST_CARD] != before or counts[DEAD_USED] > 0
    return (0 if room else NO_ROOM) | (FORGOTTEN if forgotten else 0)


@compiled
def _hold_codes(book: I64, codes: I64) -> None:
    """Note that one more event carries these codes."""
    holders = vector(book, at_.HOLDERS)
    for code in codes:
        if code >= 0:
            holders[code] += 1


@compiled
def _release_codes(book: I64, codes: I64) -> None:
    """Note that one event less carries these codes; those that none carries are dead."""
    holders, dead, counts = vector(book, at_.HOLDERS), vector(book, at_.DEAD), vector(book, at_.COUNTS)
    for code in codes:
        if code >= 0:
            holders[code] -= 1
            if holders[code] == 0:
                dead[counts[DEAD_USED]] = code
                counts[DEAD_USED] += 1


@compiled
def _new_slot(book: I64, key: int, codes: I64, tables: Tables) -> int:
    """Return a slot for an entity never seen before."""
    m, counts, parts = vector(book, at_.M), vector(book, at_.COUNTS), table(book, at_.PARTS)
    at = counts[FREE_SLOTS + key]
    if at >= 0:
        counts[FREE_SLOTS + key] = m[at + FIRST]
    else:
        at = counts[M_USED]
        counts[M_USED] += tables[5][key]
        m[at + LIFE] = 0
    m[at + NODES] = -1
    m[at + OF_KEY] = key
    n = tables[0][key, N_PARTS]
    for p in range(n):
        m[at + SLOT_HEADER + p] = codes[parts[key, p]]
    add_slot(at, m, n, vector(book, at_.SLOTS))
    counts[SLOTS_USED] += 1
    open_slot(m, at, key, tables)
    return int(at)


@compiled
def _push_card(book: I64, given: I64, asked: I64, again: int, moved: bool, tables: Tables) -> None:
    """Write a card's row and chain it to its entities; it counts for reads after its moment.

    With ``moved`` its entities' slots were brought up to its moment already.
    """
    sizes = tables[4]
    cards, counts = table(book, at_.CARDS), vector(book, at_.COUNTS)
    n_keys, n_codes, index = sizes[N_KEYS], sizes[N_CODES], counts[NEXT_CARD]
    codes, numbers = given[CODES : CODES + n_codes], given[CODES + n_codes :]
    row = cards[index & (cards.shape[0] - 1)]
    row[TIME], row[ANSWER] = given[MOMENT], -1
    row[sizes[CARD_CODES] : sizes[CARD_CODES] + n_codes] = codes
    add_weights(row, numbers, again, table(book, at_.WEIGHTS), sizes[CARD_WEIGHTS])
    for key in range(n_keys):
        if asked[key] == UNSEEN:
            asked[key] = _new_slot(book, key, codes, tables)
        row[CARD_HEADER + key] = -1
        row[CARD_HEADER + n_keys + key] = asked[key]
    _note_values(book, index, row, tables)
    _chain_card(book, index, row, moved, tables)
    counts[NEXT_CARD] += 1


@compiled
def _note_values(book: I64, index: int, row: I64, tables: Tables) -> None:
    """Write which card held each compared value before, and that it is now this one."""
    sizes, distincts = tables[4], table(book, at_.DISTINCTS)
    cards, pairs, counts = table(book, at_.CARDS), vector(book, at_.PAIRS), vector(book, at_.COUNTS)
    n_keys, n, to_codes = sizes[N_KEYS], sizes[N_DISTINCT], sizes[CARD_CODES]
    to_before = CARD_HEADER + 3 * n_keys
    for d in range(n):
        slot, code = row[CARD_HEADER + n_keys + distincts[d, 0]], row[to_codes + distincts[d, 1]]
        row[to_before + n + d] = -1
        if slot < 0 or code < 0:
            row[to_before + d] = UNSEEN
            continue
        place = place_of_pair(d, slot, code, cards, distincts, n_keys, to_codes, pairs)
        row[to_before + d] = -1 if pairs[place] == 0 else (pairs[place] - 1) // n
        counts[PAIRS_USED] += int(pairs[place] == 0)
        pairs[place] = index * n + d + 1


@compiled
def _chain_card(book: I64, index: int, row: I64, moved: bool, tables: Tables) -> None:
    """Append a card to the chains of its entities; a silence that was too long begins a new life."""
    keys, _, _, _, sizes, _ = tables
    m, cards, nodes = vector(book, at_.M), table(book, at_.CARDS), table(book, at_.NODES)
    mask, n_keys, t = cards.shape[0] - 1, sizes[N_KEYS], row[TIME]
    for key in range(n_keys):
        at = row[CARD_HEADER + n_keys + key]
        if at < 0:
            continue
        last = m[at + LAST]
        if last != NULL and t - last > keys[key, SILENCE]:
            drop_nodes(m, at, nodes)
            open_slot(m, at, key, tables)
            last = NULL
        elif last != NULL and not moved:
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
def _push_answer(book: I64, given: I64, tables: Tables) -> bool:
    """Let an answer count from when it was handed over; of one moment the gravest stands. Returns whether it counts."""
    sizes = tables[4]
    cards, answers, counts = table(book, at_.CARDS), table(book, at_.ANSWERS), vector(book, at_.COUNTS)
    mask = answers.shape[0] - 1
    if given[A_CARD] < counts[FIRST_CARD]:
        return False
    card = cards[given[A_CARD] & (cards.shape[0] - 1)]
    asked = card[CARD_HEADER + sizes[N_KEYS] : CARD_HEADER + 2 * sizes[N_KEYS]]
    for key in range(asked.size):
        if asked[key] >= 0:
            fetch(book, at_.M, asked[key], tables[5][key])
    fetch_events(book, asked)
    moment = max(given[A_HANDED], card[TIME])
    if moment - card[TIME] > HORIZON or card[TIME] - given[A_HANDED] > HORIZON:
        return False
    if card[ANSWER] >= 0:
        old = answers[card[ANSWER] & mask]
        as_old = given[A_HANDED] == old[HANDED] and given[A_GRADE] <= old[GRADE]
        if old[TIME] == moment and (given[A_HANDED] < old[HANDED] or as_old):
            return False
    index = counts[NEXT_ANSWER]
    row = answers[index & mask]
    row[TIME], row[OF_CARD], row[BEFORE], row[AFTER] = moment, given[A_CARD], card[ANSWER], -1
    row[HANDED], row[GRADE], row[SAID] = given[A_HANDED], given[A_GRADE], given[A_SAID]
    codes = given[A_CODES:]
    row[sizes[ANSWER_CODES] : sizes[ANSWER_CODES] + sizes[N_SAID]] = codes
    add_said(row, given[A_GRADE], given[A_CAUSE], codes, table(book, at_.SAID_WEIGHTS), sizes[ANSWER_WEIGHTS])
    card[ANSWER] = index
    counts[NEXT_ANSWER] += 1
    _chain_answer(book, index, row, card, tables)
    if row[BEFORE] >= 0:  # only now: while the slots were brought up to its moment, nothing replaced that one
        answers[row[BEFORE] & mask, AFTER] = index
    return True


@compiled
def _chain_answer(book: I64, index: int, row: I64, card: I64, tables: Tables) -> None:
    """Append an answer to the chains of its card's entities, as far as they live the same life still."""
    keys, streams, _, _, sizes, _ = tables
    m, answers, nodes = vector(book, at_.M), table(book, at_.ANSWERS), table(book, at_.NODES)
    mask, n_keys = answers.shape[0] - 1, sizes[N_KEYS]
    for key in range(n_keys):
        at, life = card[CARD_HEADER + n_keys + key], card[CARD_HEADER + 2 * n_keys + key]
        row[ANSWER_HEADER + key] = -1
        row[ANSWER_HEADER + n_keys + key] = UNKNOWN
        if at < 0 or m[at + LIFE] != life:
            continue
        row[ANSWER_HEADER + n_keys + key] = at
        row[ANSWER_HEADER + 2 * n_keys + key] = life
        answers_up_to(m, at, key, row[TIME], answers, nodes, tables)
        if m[at + ANSWER_LAST] >= 0:
            answers[m[at + ANSWER_LAST] & mask, ANSWER_HEADER + key] = index
        m[at + ANSWER_LAST] = index
        if m[at + ANSWER_HEAD] < 0:
            m[at + ANSWER_HEAD] = index
        for s in range(keys[key, FROM], keys[key, TO]):
            if streams[s, KIND] == TOP and row[sizes[ANSWER_CODES] + streams[s, CHANNEL]] >= 0:
                hold(m, at, s, row[sizes[ANSWER_CODES] + streams[s, CHANNEL]], nodes)


@compiled
def _expire(book: I64, now: int, tables: Tables) -> None:
    """Forget what lies beyond the horizon."""
    counts, sizes = vector(book, at_.COUNTS), tables[4]
    cards, answers = table(book, at_.CARDS), table(book, at_.ANSWERS)
    while counts[FIRST_CARD] < counts[NEXT_CARD]:
        row = cards[counts[FIRST_CARD] & (cards.shape[0] - 1)]
        if row[TIME] >= now - HORIZON:
            break
        _forget_card(book, counts[FIRST_CARD], row, now, tables)
        _release_codes(book, row[sizes[CARD_CODES] : sizes[CARD_CODES] + sizes[N_CODES]])
        counts[FIRST_CARD] += 1
    while counts[FIRST_ANSWER] < counts[NEXT_ANSWER]:
        row = answers[counts[FIRST_ANSWER] & (answers.shape[0] - 1)]
        if row[TIME] >= now - HORIZON:
            break
        _forget_answer(book, counts[FIRST_ANSWER], row, now, tables)
        _release_codes(book, row[sizes[ANSWER_CODES] : sizes[ANSWER_CODES] + sizes[N_SAID]])
        counts[FIRST_ANSWER] += 1


@compiled
def _forget_card(book: I64, index: int, row: I64, now: int, tables: Tables) -> None:
    """Take a card out of its entities; an entity whose last card it was is forgotten."""
    sizes, distincts = tables[4], table(book, at_.DISTINCTS)
    m, cards, nodes = vector(book, at_.M), table(book, at_.CARDS), table(book, at_.NODES)
    pairs, counts = vector(book, at_.PAIRS), vector(book, at_.COUNTS)
    n_keys, n, to_codes = sizes[N_KEYS], sizes[N_DISTINCT], sizes[CARD_CODES]
    for d in range(n):
        slot, code = row[CARD_HEADER + n_keys + distincts[d, 0]], row[to_codes + distincts[d, 1]]
        if slot >= 0 and code >= 0:
            place = place_of_pair(d, slot, code, cards, distincts, n_keys, to_codes, pairs)
            if pairs[place] == index * n + d + 1:
                drop_pair(place, cards, distincts, n_keys, to_codes, pairs)
                counts[PAIRS_USED] -= 1
    for key in range(n_keys):
        at = row[CARD_HEADER + n_keys + key]
        if at < 0 or m[at + LIFE] != row[CARD_HEADER + 2 * n_keys + key]:
            continue
        advance_cards(m, at, key, now, cards, tables)
        if m[at + CARD_LAST] == index:
            drop_nodes(m, at, nodes)
            drop_slot(at, m, tables[0], N_PARTS, vector(book, at_.SLOTS))
            counts[SLOTS_USED] -= 1
            m[at + LIFE] += 1
            m[at + FIRST] = counts[FREE_SLOTS + key]
            counts[FREE_SLOTS + key] = at


@compiled
def _forget_answer(book: I64, index: int, row: I64, now: int, tables: Tables) -> None:
    """Take an answer out of its entities: no card that it belongs to can be revised any more."""
    keys, streams, _, _, sizes, _ = tables
    m, answers, nodes = vector(book, at_.M), table(book, at_.ANSWERS), table(book, at_.NODES)
    n_keys = sizes[N_KEYS]
    for key in range(n_keys):
        at = row[ANSWER_HEADER + n_keys + key]
        if at < 0 or m[at + LIFE] != row[ANSWER_HEADER + 2 * n_keys + key]:
            continue
        answers_up_to(m, at, key, now, answers, nodes, tables)
        if m[at + ANSWER_LAST] == index:
            m[at + ANSWER_LAST] = -1
        for s in range(keys[key, FROM], keys[key, TO]):
            if streams[s, KIND] == TOP and row[sizes[ANSWER_CODES] + streams[s, CHANNEL]] >= 0:
                release(m, at, s, row[sizes[ANSWER_CODES] + streams[s, CHANNEL]], nodes)
