"""HMAC-SHA-256 of many short messages at once, sixteen side by side in the processor's vector lanes.

Correct when every digest equals ``hmac.digest(key, prefix + message, "sha256")`` of the standard library. Hashing
one short string through the standard library costs mostly the call, and holds the interpreter lock; this does not.

The algorithm is FIPS 180-4 (SHA-256) and FIPS 198-1 (HMAC); all arithmetic is modulo 2**32.
"""

from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk._uncounted import uncounted
from cardrisk.codes._lanes import LANES, ROUNDS, fold_lanes

BLOCK: Final = 64


def _first_primes(count: int) -> list[int]:
    primes: list[int] = []
    candidate = 2
    while len(primes) < count:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return primes


def _cube_root(value: int) -> int:
    root = int(value ** (1 / 3))
    while root**3 > value:
        root -= 1
    while (root + 1) ** 3 <= value:
        root += 1
    return root


_MASK: Final = 0xFFFFFFFF
_K: Final = np.array([_cube_root(prime << 96) & _MASK for prime in _first_primes(ROUNDS)], np.uint32)
INITIAL: Final = np.array([isqrt(prime << 64) & _MASK for prime in _first_primes(8)], np.uint32)
"""SHA-256's initial state: fractional parts of the square roots of the first eight primes."""

_U = np.uint32
_I = np.uint64


@compiled
def _compress(state: NDArray[np.uint32], words: NDArray[np.uint32]) -> None:
    """Fold sixteen 64-byte blocks, the first sixteen rows of ``words`` (64, 16), into sixteen states (8, 16)."""
    fold_lanes(state.ctypes.data, words.ctypes.data, _K.ctypes.data)


@compiled
def midstate(state: NDArray[np.uint32], block: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return ``state`` (8,) after one 64-byte ``block``: the part of a hash all messages share."""
    lanes, words = np.zeros((8, LANES), np.uint32), np.zeros((ROUNDS, LANES), np.uint32)
    lanes[:, 0] = state
    for word in range(16):
        words[word, 0] = _whole_word(block, _I(4 * word))
    _compress(lanes, words)
    words[:] = 0
    return lanes[:, 0].copy()


@compiled
def _whole_word(data: NDArray[np.uint8], at: np.uint64) -> np.uint32:
    """Return the four bytes from ``at`` on as a word; unsigned places make it a single load."""
    high = (_U(data[at]) << _U(24)) | (_U(data[at + _I(1)]) << _U(16))
    return high | (_U(data[at + _I(2)]) << _U(8)) | _U(data[at + _I(3)])


@compiled
def _fill(
    words: NDArray[np.uint32],
    lane: int,
    data: NDArray[np.uint8],
    first: int,
    last: int,
    block: int,
    before: int,
) -> None:
    """Lay block ``block`` of the padded message ``data[first:last]`` into lane ``lane``.

    ``before`` bytes were hashed already; FIPS 180-4 pads with 0x80, zeros and the whole length in bits.
    """
    length = last - first
    left = length - block * BLOCK
    at, whole = first + block * BLOCK, max(0, min(left, BLOCK)) // 4
    for word in range(whole):
        words[word, lane] = _whole_word(data, _I(at + 4 * word))
    for word in range(whole, 16):
        words[word, lane] = 0
    if 0 <= left < BLOCK:
        value = _U(0)
        for byte in range(at + 4 * whole, last):
            value = (value << _U(8)) | _U(data[byte])
        words[whole, lane] = ((value << _U(8)) | _U(0x80)) << _U(8 * (3 - left % 4))
    if block == _blocks(length) - 1:
        words[15, lane] = _U((before + length) * 8)


@compiled
def hmac_many(
    data: NDArray[np.uint8],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    prefix: NDArray[np.int32],
    inner: NDArray[np.uint32],
    outer: NDArray[np.uint32],
    before: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    """Write the HMAC-SHA-256 of n messages, cut to the width of ``out``.

    Parameters
    ----------
    data, start, stop
        Message i is ``data[start[i]:stop[i]]``.
    prefix : int32 array of n
        Which row of ``inner`` a message continues.
    inner : uint32 array (p, 8)
        Inner states after the key's pad and the prefix.
    outer : uint32 array (8,)
        Outer state after the key's pad.
    before : int64 array (p,)
        Bytes the inner states have hashed, the key's pad included.
    out : uint8 array (n, width)
        Leading ``width`` (at most 32) bytes of each digest.
    """
    room = np.zeros((8 + 8 + ROUNDS, LANES), np.uint32)
    parts = uncounted(room)
    state, saved, words = parts[:8], parts[8:16], parts[16:]
    for base in range(0, start.size, LANES):
        lanes = min(LANES, start.size - base)
        blocks = _begin(start, stop, prefix, inner, base, lanes, state)
        for block in range(blocks):
            for lane in range(lanes):
                row = base + lane
                _fill(words, lane, data, start[row], stop[row], block, before[prefix[row]])
            if block > 0:
                saved[:] = state
            _compress(state, words)
            if block > 0:
                for lane in range(lanes):  # shorter messages were done before
                    if block >= _blocks(stop[base + lane] - start[base + lane]):
                        state[:, lane] = saved[:, lane]
        words[:8], words[8], words[9:15], words[15] = state, _U(1 << 31), _U(0), _U((BLOCK + 32) * 8)
        for i in range(8):
            state[i] = outer[i]
        _compress(state, words)
        for lane in range(lanes):
            _write(out, base + lane, state, lane)
    room[:] = 0  # the last use of what its parts lie in, too


@compiled
def _begin(
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    prefix: NDArray[np.int32],
    inner: NDArray[np.uint32],
    base: int,
    lanes: int,
    state: NDArray[np.uint32],
) -> int:
    """Set each lane to its prefix's state and return the blocks of the longest message."""
    blocks = 0
    for lane in range(lanes):
        row = base + lane
        blocks = max(blocks, _blocks(stop[row] - start[row]))
        for i in range(8):
            state[i, lane] = inner[prefix[row], i]
    return blocks


@compiled
def _blocks(length: int) -> int:
    """Return how many 64-byte blocks a padded message of ``length`` bytes takes."""
    return (length + 8) // BLOCK + 1


@compiled
def _write(out: NDArray[np.uint8], row: int, state: NDArray[np.uint32], lane: int) -> None:
    for byte in range(out.shape[1]):
        out[row, byte] = (state[byte // 4, lane] >> _U(24 - 8 * (byte % 4))) & _U(255)
