"""Two hash tables of whole numbers: which slot an entity has, and which card held a value last.

Entries name rows that hold their own keys, so the tables hold nothing else. Open addressing with linear probing;
what is removed leaves no gap behind (Knuth, The Art of Computer Programming, 6.4, algorithm R). A place is 0 where
empty, and the tables are never more than half full.
"""

from cardrisk._compiled import compiled
from cardrisk.features.live import book as at_
from cardrisk.features.live.book import Cells, beyond, cells, opened, row_of, size
from cardrisk.features.live.layout import (
    CARD_CODES,
    CARD_SLOTS,
    KEY_FIELDS,
    N_DISTINCT,
    N_PARTS,
    OF_KEY,
    SLOT_HEADER,
)

_MIX = -7046029254386353131  # 2**64 / golden ratio, odd


@compiled
def _mixed(h: int, value: int) -> int:
    h = (h ^ value) * _MIX
    return h ^ ((h >> 29) & 0x7FFFFFFFF)


@compiled
def _home_of_slot(book: Cells, at: int) -> int:
    slot = beyond(cells(book, at_.M), at)
    h = _mixed(slot[OF_KEY], 1)
    for p in range(cells(book, at_.KEYS)[slot[OF_KEY] * KEY_FIELDS + N_PARTS]):
        h = _mixed(h, slot[SLOT_HEADER + p])
    return h


@compiled
def home_of(key: int, codes: Cells, which: Cells, n: int) -> int:
    """Return the number, to be cut to the table's size, of the place where the search for an entity begins."""
    h = _mixed(key, 1)
    for p in range(n):
        h = _mixed(h, codes[which[p]])
    return h


@compiled
def slot_of(book: Cells, place: int, key: int, codes: Cells, which: Cells, n: int) -> int:
    """Return the slot of the entity that ``codes[which[:n]]`` name, searched from its place on; -1: there is none."""
    slots, mask = cells(book, at_.SLOTS), size(book, at_.SLOTS) - 1
    while slots[place] != 0:
        slot = beyond(cells(book, at_.M), slots[place] - 1)
        same = slot[OF_KEY] == key
        for p in range(n):
            same = same and slot[SLOT_HEADER + p] == codes[which[p]]
        if same:
            return int(slots[place] - 1)
        place = (place + 1) & mask
    return -1


@compiled
def add_slot(book: Cells, at: int) -> None:
    """Enter a slot that is not entered yet."""
    slots, mask = cells(book, at_.SLOTS), size(book, at_.SLOTS) - 1
    place = _home_of_slot(book, at) & mask
    while slots[place] != 0:
        place = (place + 1) & mask
    slots[place] = at + 1


@compiled
def drop_slot(book: Cells, at: int) -> None:
    """Remove a slot."""
    slots, mask = cells(book, at_.SLOTS), size(book, at_.SLOTS) - 1
    place = _home_of_slot(book, at) & mask
    while slots[place] != at + 1:
        place = (place + 1) & mask
    hole = place
    while True:
        place = (place + 1) & mask
        if slots[place] == 0:
            break
        home = _home_of_slot(book, slots[place] - 1) & mask
        if (place - home) & mask >= (place - hole) & mask:
            slots[hole] = slots[place]
            hole = place
    slots[hole] = 0


@compiled
def _home_of_pair(d: int, slot: int, code: int) -> int:
    return _mixed(_mixed(_mixed(d, 1), slot), code)


@compiled
def pair_of(book: Cells, row: Cells, d: int) -> tuple[int, int]:
    """Return the slot and the value of a card's row that a distinct stream compares."""
    distincts, sizes = cells(book, at_.DISTINCTS), cells(book, at_.SIZES)
    return row[sizes[CARD_SLOTS] + distincts[2 * d]], row[sizes[CARD_CODES] + distincts[2 * d + 1]]


@compiled
def place_of_pair(book: Cells, d: int, slot: int, code: int) -> int:
    """Return where the last card with a value stands among the pairs, or where it would (empty there)."""
    pairs, mask, n = cells(book, at_.PAIRS), size(book, at_.PAIRS) - 1, cells(book, at_.SIZES)[N_DISTINCT]
    place = _home_of_pair(d, slot, code) & mask
    while pairs[place] != 0:
        number, other = divmod(pairs[place] - 1, n)
        if other == d:
            held = pair_of(book, row_of(book, at_.CARDS, number), d)
            if held[0] == slot and held[1] == code:
                break
        place = (place + 1) & mask
    return place


@compiled
def drop_pair(book: Cells, place: int) -> None:
    """Remove the entry at a place."""
    pairs, mask = cells(book, at_.PAIRS), size(book, at_.PAIRS) - 1
    hole = place
    while True:
        place = (place + 1) & mask
        if pairs[place] == 0:
            break
        if (place - _home_of_entry(book, pairs[place])) & mask >= (place - hole) & mask:
            pairs[hole] = pairs[place]
            hole = place
    pairs[hole] = 0


@compiled
def _home_of_entry(book: Cells, entry: int) -> int:
    number, d = divmod(entry - 1, cells(book, at_.SIZES)[N_DISTINCT])
    held = pair_of(book, row_of(book, at_.CARDS, number), d)
    return _home_of_pair(d, held[0], held[1]) & (size(book, at_.PAIRS) - 1)


@compiled
def enter(address: int, page: int, former: int, count: int) -> None:
    """Enter everything of a smaller table of slots or pairs, at the address ``former``, into the new one."""
    book, old = opened(address), opened(former)
    new, mask = cells(book, page), size(book, page) - 1
    for i in range(count):
        if old[i] != 0:
            home = _home_of_slot(book, old[i] - 1) if page == at_.SLOTS else _home_of_entry(book, old[i])
            place = home & mask
            while new[place] != 0:
                place = (place + 1) & mask
            new[place] = old[i]
