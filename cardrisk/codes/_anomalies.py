"""The compiled reading of one card's coarse facts.

Correct when each column equals the plain-Python definition in the tests' oracle for every card. The columns are
:data:`cardrisk.codes.anomalies.ANOMALIES`, the first ``PER_CARD`` of them, as small integers; ``NULL`` where a fact
cannot be read.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.codes.lookalikes import DIGITS, LETTERS, readings
from cardrisk.codes.normalise import LABEL, OVERSIZED, SPLIT, UNICODE
from cardrisk.codes.shapes import ALNUM, NO_SHAPE, ONLY_DIGITS
from cardrisk.codes.uniformity import LONGEST, MOST_BITS, SHORTEST

NULL: Final = -128
_MARK: Final = 63
_MOST: Final = 3
_LONG_RUN: Final = 6
_MANY_KINDS: Final = 6
SCRATCH: Final = 4 + 128
"""Entries that `facts_of_one` needs for its own use."""


def _lookalikes() -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    for own, others in ((LETTERS, DIGITS), (DIGITS, LETTERS)):
        for character in own:
            table[ord(character)] = bool(readings(character, others))
    return table


LOOKALIKES: Final = _lookalikes()
"""Letters that look like a digit and digits that look like a letter."""


@compiled
def _length_off(length: int, lengths: int) -> int:
    """Return the signed distance to the nearest allowed length, the shorter of two equally near, cut at 3."""
    length = min(length, 59)
    for distance in range(_MOST + 1):
        if length >= distance and (lengths >> np.uint64(length - distance)) & np.uint64(1):
            return distance
        if (lengths >> np.uint64(length + distance)) & np.uint64(1):
            return -distance
    return _MOST if (lengths >> np.uint64(length)) == np.uint64(0) else -_MOST


@compiled
def _is_stray(byte: int, position: int, alphabet: int, letters_first: int) -> bool:
    """Tell whether a letter stands where the shape has digits, or a digit where it has letters."""
    if byte == _MARK or alphabet == NO_SHAPE:
        return False
    if byte > _MARK:
        return alphabet == ONLY_DIGITS or (letters_first > 0 and position >= letters_first)
    return position < letters_first


@compiled
def _fits(data: NDArray[np.uint8], first: int, last: int, lengths: int, alphabet: int, letters_first: int) -> bool:
    if last - first > 63 or not (lengths >> np.uint64(last - first)) & np.uint64(1):
        return False
    if alphabet == ALNUM and letters_first == 0:
        return True
    strays = 0
    for at in range(first, last):
        strays += _is_stray(data[at], at - first, alphabet, letters_first)
    return strays == 0


@compiled
def _allowed(
    number: NDArray[np.uint8],
    n0: int,
    n1: int,
    secret: NDArray[np.uint8],
    s0: int,
    s1: int,
    lengths: NDArray[np.uint64],
    alphabet: NDArray[np.int8],
    letters_first: NDArray[np.int8],
) -> int:
    """Return 1 when every known field that has a shape fits it, 0 when one does not, -1 when none has a shape."""
    answer = -1
    if n1 > n0 and alphabet[0] != NO_SHAPE:
        if not _fits(number, n0, n1, lengths[0], alphabet[0], letters_first[0]):
            return 0
        answer = 1
    if s1 > s0 and alphabet[1] != NO_SHAPE:
        if not _fits(secret, s0, s1, lengths[1], alphabet[1], letters_first[1]):
            return 0
        answer = 1
    return answer


@compiled
def _kind_facts(
    number: NDArray[np.uint8],
    n0: int,
    n1: int,
    secret: NDArray[np.uint8],
    s0: int,
    s1: int,
    kind: int,
    lengths: NDArray[np.uint64],
    alphabet: NDArray[np.int8],
    letters_first: NDArray[np.int8],
    issuer: NDArray[np.int32],
    out: NDArray[np.int8],
) -> None:
    if n1 == n0 and s1 == s0:
        return
    fitting = 0
    same_issuer = False
    number_bit, secret_bit = np.uint64(1) << np.uint64(min(n1 - n0, 63)), np.uint64(1) << np.uint64(min(s1 - s0, 63))
    for other in range(issuer.size):
        # Most kinds fall out by length alone; a kind without a shape for a field has no lengths there.
        if n1 > n0 and lengths[other, 0] and not lengths[other, 0] & number_bit:
            continue
        if s1 > s0 and lengths[other, 1] and not lengths[other, 1] & secret_bit:
            continue
        if _allowed(number, n0, n1, secret, s0, s1, lengths[other], alphabet[other], letters_first[other]) == 1:
            fitting += 1
            same_issuer |= kind >= 0 and issuer[other] == issuer[kind]
    out[1] = min(fitting, _MANY_KINDS)
    if kind < 0:
        return
    own = _allowed(number, n0, n1, secret, s0, s1, lengths[kind], alphabet[kind], letters_first[kind])
    if own == 1:
        out[0] = 0
    elif own == 0:
        swapped = _allowed(secret, s0, s1, number, n0, n1, lengths[kind], alphabet[kind], letters_first[kind])
        out[0] = 1 if swapped == 1 else 2 if same_issuer else 3 if fitting > 0 else 4


@compiled
def _field_facts(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    alphabet: int,
    letters_first: int,
    found: NDArray[np.int64],
) -> None:
    """Count strays, look-alikes, unreadable ones into ``found[:3]``; add the thirds they stand in to ``found[3]``."""
    for at in range(first, last):
        stray = _is_stray(data[at], at - first, alphabet, letters_first)
        if stray:
            found[0] += 1
            found[1] += LOOKALIKES[data[at]]
        elif data[at] == _MARK:
            found[2] += 1
        else:
            continue
        found[3] |= 1 << (3 * (at - first) // (last - first))


@compiled
def _runs(data: NDArray[np.uint8], first: int, last: int, out: NDArray[np.int8]) -> None:
    run, longest_run = 1, 1
    stretch, longest_stretch, before = 1, 1, np.int64(0)
    for at in range(first + 1, last):
        readable = data[at] != _MARK and data[at - 1] != _MARK
        step = np.int64(data[at]) - np.int64(data[at - 1])  # bytes are unsigned: plain subtraction wraps
        run = run + 1 if step == 0 and readable else 1
        if (step == 1 or step == -1) and readable:
            stretch = stretch + 1 if step == before else 2
            before = step
        else:
            stretch, before = 1, np.int64(0)
        longest_run = max(longest_run, run)
        longest_stretch = max(longest_stretch, stretch)
    out[10] = min(longest_run, _LONG_RUN)
    out[11] = min(longest_stretch, _LONG_RUN)


@compiled
def _periodic(data: NDArray[np.uint8], first: int, last: int) -> bool:
    for period in range(1, (last - first) // 2 + 1):
        same = True
        for at in range(first + period, last):
            if data[at] != data[at - period]:
                same = False
                break
        if same:
            return True
    return False


@compiled
def _inside(needle: NDArray[np.uint8], n0: int, n1: int, hay: NDArray[np.uint8], h0: int, h1: int) -> bool:
    length = n1 - n0
    if length < SHORTEST:
        return False
    for at in range(h0, h1 - length + 1):
        same = True
        for offset in range(length):
            if needle[n0 + offset] != hay[at + offset]:
                same = False
                break
        if same:
            return True
    return False


@compiled
def _surprise(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    alphabet: int,
    tails: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> int:
    """Return whole bits of surprise in the equal pairs of a secret; see :mod:`cardrisk.codes.uniformity`.

    ``counts`` is scratch of 128.
    """
    length = last - first
    if not SHORTEST <= length <= LONGEST:
        return NULL
    pairs = 0
    letters = 0
    for at in range(first, last):
        counts[data[at]] = 0
    mixed = np.uint64(14695981039346656037)
    for at in range(first, last):
        if data[at] == _MARK:
            return NULL
        letters += data[at] > _MARK
        pairs += counts[data[at]]
        counts[data[at]] += 1
        mixed = (mixed ^ np.uint64(data[at])) * np.uint64(1099511628211)
    if letters and alphabet == ONLY_DIGITS:
        return NULL
    row = 1 if alphabet == ALNUM or letters else 0
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    part = np.float64((mixed ^ (mixed >> np.uint64(33))) >> np.uint64(11)) * 2.0**-53
    p = tails[row, length, pairs + 1] + part * (tails[row, length, pairs] - tails[row, length, pairs + 1])
    bits = 0
    while p <= 0.5 and bits < MOST_BITS:
        p *= 2.0
        bits += 1
    return bits


@compiled
def _card_facts(
    number: NDArray[np.uint8],
    n0: int,
    n1: int,
    secret: NDArray[np.uint8],
    s0: int,
    s1: int,
    kind: int,
    lengths: NDArray[np.uint64],
    alphabet: NDArray[np.int8],
    letters_first: NDArray[np.int8],
    tails: NDArray[np.float64],
    found: NDArray[np.int64],
    out: NDArray[np.int8],
) -> None:
    number_alphabet = alphabet[kind, 0] if kind >= 0 else NO_SHAPE
    secret_alphabet = alphabet[kind, 1] if kind >= 0 else NO_SHAPE
    found[:4] = 0
    if n1 > n0:
        _field_facts(number, n0, n1, number_alphabet, letters_first[kind, 0] if kind >= 0 else 0, found)
        if number_alphabet != NO_SHAPE:
            out[2] = _length_off(n1 - n0, lengths[kind, 0])
    if s1 > s0:
        _field_facts(secret, s0, s1, secret_alphabet, letters_first[kind, 1] if kind >= 0 else 0, found)
        if secret_alphabet != NO_SHAPE:
            out[3] = _length_off(s1 - s0, lengths[kind, 1])
        _runs(secret, s0, s1, out)
        out[12] = _periodic(secret, s0, s1)
        out[13] = _surprise(secret, s0, s1, secret_alphabet, tails, found[4:])
    if (n1 > n0 and number_alphabet != NO_SHAPE) or (s1 > s0 and secret_alphabet != NO_SHAPE):
        out[4] = min(found[0], _MOST)
        out[5] = min(found[1], _MOST)
    if n1 > n0 or s1 > s0:
        out[6] = min(found[2], _MOST)
        thirds = found[3]
        out[7] = 0 if thirds == 0 else 1 if thirds == 1 else 2 if thirds == 2 else 3 if thirds == 4 else 4
    if n1 > n0 and s1 > s0:
        out[9] = _inside(number, n0, n1, secret, s0, s1) or _inside(secret, s0, s1, number, n0, n1)


@compiled
def facts_of_one(
    number: NDArray[np.uint8],
    n0: int,
    n1: int,
    secret: NDArray[np.uint8],
    s0: int,
    s1: int,
    flags: int,
    kind: int,
    lengths: NDArray[np.uint64],
    alphabet: NDArray[np.int8],
    letters_first: NDArray[np.int8],
    issuer: NDArray[np.int32],
    tails: NDArray[np.float64],
    scratch: NDArray[np.int64],
    out: NDArray[np.int8],
) -> None:
    """Fill ``out`` (PER_CARD,) as `card_facts` does for every card; ``scratch`` has room for `SCRATCH`."""
    out[:] = NULL
    _kind_facts(number, n0, n1, secret, s0, s1, kind, lengths, alphabet, letters_first, issuer, out)
    _card_facts(number, n0, n1, secret, s0, s1, kind, lengths, alphabet, letters_first, tails, scratch, out)
    if n1 > n0 or s1 > s0 or flags:
        out[8] = 3 if flags & (LABEL | SPLIT | OVERSIZED) else 2 if flags & UNICODE else 1 if flags else 0


@compiled
def card_facts(
    number: NDArray[np.uint8],
    number_start: NDArray[np.int64],
    number_stop: NDArray[np.int64],
    secret: NDArray[np.uint8],
    secret_start: NDArray[np.int64],
    secret_stop: NDArray[np.int64],
    flags: NDArray[np.uint8],
    kind: NDArray[np.int32],
    lengths: NDArray[np.uint64],
    alphabet: NDArray[np.int8],
    letters_first: NDArray[np.int8],
    issuer: NDArray[np.int32],
    tails: NDArray[np.float64],
    out: NDArray[np.int8],
) -> None:
    """Fill ``out`` (n, PER_CARD) from normalised codes.

    ``flags`` is what was cleaned from either field; ``kind`` the row of the shape arrays, -1 where unknown.
    """
    scratch, shapes = np.empty(SCRATCH, np.int64), (lengths, alphabet, letters_first, issuer, tails)
    for row in range(kind.size):
        n0, n1 = number_start[row], number_stop[row]
        s0, s1 = secret_start[row], secret_stop[row]
        facts_of_one(number, n0, n1, secret, s0, s1, flags[row], kind[row], *shapes, scratch, out[row])
