"""Two hash tables of whole numbers: which slot an entity has, and which card held a value last.

Entries name rows that hold their own keys, so the tables hold nothing else. Open addressing with linear probing;
what is removed leaves no gap behind (Knuth, The Art of Computer Programming, 6.4, algorithm R). A place is 0 where
empty, and the tables are never more than half full.
"""

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64
from cardrisk.features.live.layout import CARD_HEADER, OF_KEY, SLOT_HEADER

_MIX = -7046029254386353131  # 2**64 / golden ratio, odd


@compiled
def _mixed(h: int, value: int) -> int:
    h = (h ^ value) * _MIX
    return h ^ ((h >> 29) & 0x7FFFFFFFF)


@compiled
def _home_of_slot(at: int, m: I64, parts: int) -> int:
    h = _mixed(m[at + OF_KEY], 1)
    for p in range(parts):
        h = _mixed(h, m[at + SLOT_HEADER + p])
    return h


@compiled
def home_of(key: int, codes: I64, which: I64, n: int) -> int:
    """Return the number, to be cut to the table's size, of the place where the search for an entity begins."""
    h = _mixed(key, 1)
    for p in range(n):
        h = _mixed(h, codes[which[p]])
    return h


@compiled
def slot_of(key: int, codes: I64, which: I64, n: int, m: I64, slots: I64) -> int:
    """Return the slot of the entity that ``codes[which[:n]]`` name, -1 where there is none."""
    mask = slots.size - 1
    place = home_of(key, codes, which, n) & mask
    while slots[place] != 0:
        at = slots[place] - 1
        same = m[at + OF_KEY] == key
        for p in range(n):
            same = same and m[at + SLOT_HEADER + p] == codes[which[p]]
        if same:
            return int(at)
        place = (place + 1) & mask
    return -1


@compiled
def add_slot(at: int, m: I64, parts: int, slots: I64) -> None:
    """Enter a slot that is not entered yet."""
    mask = slots.size - 1
    place = _home_of_slot(at, m, parts) & mask
    while slots[place] != 0:
        place = (place + 1) & mask
    slots[place] = at + 1


@compiled
def drop_slot(at: int, m: I64, keys: I64, n_parts: int, slots: I64) -> None:
    """Remove a slot."""
    mask = slots.size - 1
    place = _home_of_slot(at, m, keys[m[at + OF_KEY], n_parts]) & mask
    while slots[place] != at + 1:
        place = (place + 1) & mask
    hole = place
    while True:
        place = (place + 1) & mask
        if slots[place] == 0:
            break
        other = slots[place] - 1
        home = _home_of_slot(other, m, keys[m[other + OF_KEY], n_parts]) & mask
        if (place - home) & mask >= (place - hole) & mask:
            slots[hole] = slots[place]
            hole = place
    slots[hole] = 0


@compiled
def _home_of_pair(d: int, slot: int, code: int) -> int:
    return _mixed(_mixed(_mixed(d, 1), slot), code)


@compiled
def _pair(number: int, d: int, cards: I64, distincts: I64, n_keys: int, to_codes: int) -> tuple[int, int]:
    """Return the slot and the value of a card that a distinct stream compares."""
    row = cards[number & (cards.shape[0] - 1)]
    return row[CARD_HEADER + n_keys + distincts[d, 0]], row[to_codes + distincts[d, 1]]


@compiled
def place_of_pair(
    d: int, slot: int, code: int, cards: I64, distincts: I64, n_keys: int, to_codes: int, pairs: I64
) -> int:
    """Return where the last card with a value stands in ``pairs``, or where it would (empty there)."""
    mask, n = pairs.size - 1, distincts.shape[0]
    place = _home_of_pair(d, slot, code) & mask
    while pairs[place] != 0:
        number, other = divmod(pairs[place] - 1, n)
        if other == d:
            held = _pair(number, d, cards, distincts, n_keys, to_codes)
            if held[0] == slot and held[1] == code:
                break
        place = (place + 1) & mask
    return place


@compiled
def drop_pair(place: int, cards: I64, distincts: I64, n_keys: int, to_codes: int, pairs: I64) -> None:
    """Remove the entry at a place."""
    mask, n = pairs.size - 1, distincts.shape[0]
    hole = place
    while True:
        place = (place + 1) & mask
        if pairs[place] == 0:
            break
        number, d = divmod(pairs[place] - 1, n)
        held = _pair(number, d, cards, distincts, n_keys, to_codes)
        home = _home_of_pair(d, held[0], held[1]) & mask
        if (place - home) & mask >= (place - hole) & mask:
            pairs[hole] = pairs[place]
            hole = place
    pairs[hole] = 0


@compiled
def enter_slots(old: I64, m: I64, keys: I64, n_parts: int, slots: I64) -> None:
    """Enter everything of a smaller table into a new one."""
    for i in range(old.size):
        if old[i] != 0:
            at = old[i] - 1
            add_slot(at, m, keys[m[at + OF_KEY], n_parts], slots)


@compiled
def enter_pairs(old: I64, cards: I64, distincts: I64, n_keys: int, to_codes: int, pairs: I64) -> None:
    """Enter everything of a smaller table into a new one."""
    mask, n = pairs.size - 1, distincts.shape[0]
    for i in range(old.size):
        if old[i] != 0:
            number, d = divmod(old[i] - 1, n)
            held = _pair(number, d, cards, distincts, n_keys, to_codes)
            place = _home_of_pair(d, held[0], held[1]) & mask
            while pairs[place] != 0:
                place = (place + 1) & mask
            pairs[place] = old[i]
