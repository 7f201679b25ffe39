"""Number and secret side by side: telling them apart when both came in one field, and joining them to one card.

Correct when a field is split only where exactly one split gives the declared kind's lengths.
"""

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.codes.normalise import LONGEST_CODE, SPLIT
from cardrisk.codes.sealed import Codes
from cardrisk.codes.shapes import NO_SHAPE, ShapeTable


def split(number: Codes, secret: Codes, kind: NDArray[np.int32], table: ShapeTable) -> Codes:
    """Return ``secret``, filled from ``number`` where the number field holds both codes (or the secret alone).

    Both Codes then share their bytes with the originals; ``number`` is shortened in place and flagged.
    """
    if not _any_split(number.start, number.stop, secret.start, secret.stop):
        return secret
    data = np.concatenate([secret.data, number.data])
    secret.data.fill(0)
    both = Codes(data, secret.start, secret.stop, secret.flags)
    _split(
        number.start,
        number.stop,
        number.flags,
        both.start,
        both.stop,
        data.size - number.data.size,
        kind,
        table.lengths,
        table.alphabet,
    )
    return both


@compiled
def _any_split(
    number_start: NDArray[np.int64],
    number_stop: NDArray[np.int64],
    secret_start: NDArray[np.int64],
    secret_stop: NDArray[np.int64],
) -> bool:
    for row in range(number_start.size):
        if secret_stop[row] == secret_start[row] and number_stop[row] > number_start[row]:
            return True
    return False


@compiled
def _split(
    number_start: NDArray[np.int64],
    number_stop: NDArray[np.int64],
    flags: NDArray[np.uint8],
    secret_start: NDArray[np.int64],
    secret_stop: NDArray[np.int64],
    shift: int,
    kind: NDArray[np.int32],
    lengths: NDArray[np.uint64],
    alphabet: NDArray[np.int8],
) -> None:
    one = np.uint64(1)
    for row in range(kind.size):
        length = number_stop[row] - number_start[row]
        k = kind[row]
        if k < 0 or length == 0 or secret_stop[row] > secret_start[row] or alphabet[k, 1] == NO_SHAPE:
            continue
        numbers = lengths[k, 0] if alphabet[k, 0] != NO_SHAPE else one
        ways, first = 0, 0
        for part in range(length):
            if (numbers >> np.uint64(part)) & one and (lengths[k, 1] >> np.uint64(length - part)) & one:
                ways += 1
                first = part
        if ways == 1 and not (numbers >> np.uint64(min(length, LONGEST_CODE - 1))) & one:
            secret_start[row] = number_start[row] + first + shift
            secret_stop[row] = number_stop[row] + shift
            number_stop[row] = number_start[row] + first
            flags[row] |= SPLIT


def join(number: Codes, secret: Codes, kind: NDArray[np.int32], table: ShapeTable) -> Codes:
    """Return number, unit separator and secret as one code; unknown where either is.

    A kind that has no published shape for one field is whole without it: many gift cards carry a secret alone.
    """
    data = np.empty(int(number.data.size + secret.data.size + len(number)), np.uint8)
    start, stop = np.empty(len(number), np.int64), np.empty(len(number), np.int64)
    _join(
        number.data,
        number.start,
        number.stop,
        secret.data,
        secret.start,
        secret.stop,
        kind,
        table.alphabet,
        data,
        start,
        stop,
    )
    return Codes(data, start, stop, np.zeros(0, np.uint8))


@compiled
def _join(
    number: NDArray[np.uint8],
    number_start: NDArray[np.int64],
    number_stop: NDArray[np.int64],
    secret: NDArray[np.uint8],
    secret_start: NDArray[np.int64],
    secret_stop: NDArray[np.int64],
    kind: NDArray[np.int32],
    alphabet: NDArray[np.int8],
    data: NDArray[np.uint8],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
) -> None:
    at = 0
    for row in range(start.size):
        start[row] = at
        k = kind[row]
        numbered = number_stop[row] > number_start[row]
        secured = secret_stop[row] > secret_start[row]
        whole = (numbered or (k >= 0 and alphabet[k, 0] == NO_SHAPE)) and (
            secured or (k >= 0 and alphabet[k, 1] == NO_SHAPE)
        )
        if whole and (numbered or secured):
            for byte in range(number_start[row], number_stop[row]):
                data[at] = number[byte]
                at += 1
            data[at] = 31
            at += 1
            for byte in range(secret_start[row], secret_stop[row]):
                data[at] = secret[byte]
                at += 1
        stop[row] = at


def readable(codes: Codes) -> NDArray[np.bool_]:
    """Tell which codes are known and wholly read: one with ``?`` in it is not known, so it has no token."""
    out = np.empty(len(codes), np.bool_)
    _readable(codes.data, codes.start, codes.stop, out)
    return out


@compiled
def _readable(
    data: NDArray[np.uint8], start: NDArray[np.int64], stop: NDArray[np.int64], out: NDArray[np.bool_]
) -> None:
    for row in range(out.size):
        out[row] = stop[row] > start[row]
        for at in range(start[row], stop[row]):
            if data[at] == 63:
                out[row] = False
                break
