"""HMAC-SHA-256 of many short messages at once, sixteen side by side in the processor's vector lanes; or of one.

Correct when every digest equals ``hmac.digest(key, prefix + message, "sha256")`` of the standard library. Hashing
one short string through the standard library costs mostly the call, and holds the interpreter lock; this does not.

The algorithm is FIPS 180-4 (SHA-256) and FIPS 198-1 (HMAC); all arithmetic is modulo 2**32.
"""

from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled

BLOCK: Final = 64
LANES: Final = 16
_ROUNDS: Final = 64


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
_K: Final = np.array([_cube_root(prime << 96) & _MASK for prime in _first_primes(_ROUNDS)], np.uint32)
INITIAL: Final = np.array([isqrt(prime << 64) & _MASK for prime in _first_primes(8)], np.uint32)
"""SHA-256's initial state: fractional parts of the square roots of the first eight primes."""

_U = np.uint32
_I = np.uint64
_L: Final = _I(LANES)
_E: Final = _I((_ROUNDS + 4) * LANES)
_W: Final = _I(2 * (_ROUNDS + 4) * LANES)
_SCRATCH: Final = (3 * _ROUNDS + 8) * LANES
HMAC_SCRATCH: Final = _ROUNDS + 8
"""Words that `hmac_one` needs for its own use."""


@compiled
def _compress(state: NDArray[np.uint32], scratch: NDArray[np.uint32]) -> None:
    """Fold sixteen 64-byte blocks, laid out as words at ``scratch[_W:]``, into sixteen states (8, 16).

    ``scratch`` keeps every round's a and e (registers a-d and e-h are the last four of each), so no register is
    ever moved; unsigned indices into one flat array are what lets the compiler use vector instructions.
    """
    for t in range(16, _ROUNDS):
        for lane in range(LANES):
            at = _W + _I(t) * _L + _I(lane)
            x = scratch[at - _I(15) * _L]
            y = scratch[at - _I(2) * _L]
            s0 = ((x >> _U(7)) | (x << _U(25))) ^ ((x >> _U(18)) | (x << _U(14))) ^ (x >> _U(3))
            s1 = ((y >> _U(17)) | (y << _U(15))) ^ ((y >> _U(19)) | (y << _U(13))) ^ (y >> _U(10))
            scratch[at] = scratch[at - _I(16) * _L] + s0 + scratch[at - _I(7) * _L] + s1
    for i in range(4):
        for lane in range(LANES):
            at = _I(i) * _L + _I(lane)
            scratch[at] = state[3 - i, lane]
            scratch[at + _E] = state[7 - i, lane]
    for t in range(_ROUNDS):
        k = _K[t]
        for lane in range(LANES):
            at = _I(t) * _L + _I(lane)
            a = scratch[at + _I(3) * _L]
            b = scratch[at + _I(2) * _L]
            c = scratch[at + _L]
            e = scratch[at + _E + _I(3) * _L]
            f = scratch[at + _E + _I(2) * _L]
            g = scratch[at + _E + _L]
            s1 = ((e >> _U(6)) | (e << _U(26))) ^ ((e >> _U(11)) | (e << _U(21))) ^ ((e >> _U(25)) | (e << _U(7)))
            s0 = ((a >> _U(2)) | (a << _U(30))) ^ ((a >> _U(13)) | (a << _U(19))) ^ ((a >> _U(22)) | (a << _U(10)))
            t1 = scratch[at + _E] + s1 + ((e & f) ^ (~e & g)) + k + scratch[at + _W]
            scratch[at + _E + _I(4) * _L] = scratch[at] + t1
            scratch[at + _I(4) * _L] = t1 + s0 + ((a & b) ^ (a & c) ^ (b & c))
    for i in range(4):
        for lane in range(LANES):
            at = _I(_ROUNDS + 3 - i) * _L + _I(lane)
            state[i, lane] += scratch[at]
            state[4 + i, lane] += scratch[at + _E]


@compiled
def midstate(state: NDArray[np.uint32], block: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return ``state`` (8,) after one 64-byte ``block``: the part of a hash all messages share."""
    lanes = np.zeros((8, LANES), np.uint32)
    scratch = np.zeros(_SCRATCH, np.uint32)
    for i in range(8):
        lanes[i, 0] = state[i]
    for byte in range(BLOCK):
        word = _W + _I(byte // 4) * _L
        scratch[word] = (scratch[word] << _U(8)) | _U(block[byte])
    _compress(lanes, scratch)
    return lanes[:, 0].copy()


@compiled
def _fill(
    scratch: NDArray[np.uint32],
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
    for word in range(16):
        scratch[_W + _I(word) * _L + _I(lane)] = _word(data, first, last, block, before, word)


@compiled
def _word(data: NDArray[np.uint8], first: int, last: int, block: int, before: int, word: int) -> np.uint32:
    """Return word ``word`` of block ``block`` of the padded message ``data[first:last]``."""
    length, value = last - first, _U(0)
    at = block * BLOCK + word * 4
    if at + 4 <= length:
        for byte in range(4):
            value = (value << _U(8)) | _U(data[first + at + byte])
    elif at <= length:
        for byte in range(4):
            value <<= _U(8)
            if at + byte < length:
                value |= _U(data[first + at + byte])
            elif at + byte == length:
                value |= _U(0x80)
    if word == 15 and block == _blocks(length) - 1:
        value = _U((before + length) * 8)
    return value


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
    scratch = np.zeros(_SCRATCH, np.uint32)
    state = np.zeros((8, LANES), np.uint32)
    before_block = np.zeros((8, LANES), np.uint32)
    digest = np.zeros((LANES, 32), np.uint8)
    flat = digest.reshape(LANES * 32)
    for base in range(0, start.size, LANES):
        lanes = min(LANES, start.size - base)
        blocks = _begin(start, stop, prefix, inner, base, lanes, state)
        for block in range(blocks):
            for lane in range(lanes):
                row = base + lane
                _fill(scratch, lane, data, start[row], stop[row], block, before[prefix[row]])
                for i in range(8):
                    before_block[i, lane] = state[i, lane]
            _compress(state, scratch)
            for lane in range(lanes):
                if block >= _blocks(stop[base + lane] - start[base + lane]):
                    for i in range(8):
                        state[i, lane] = before_block[i, lane]
        for lane in range(lanes):
            _write(digest, lane, state, lane)
            _fill(scratch, lane, flat, lane * 32, lane * 32 + 32, 0, BLOCK)
            for i in range(8):
                state[i, lane] = outer[i]
        _compress(state, scratch)
        for lane in range(lanes):
            _write(out, base + lane, state, lane)
    scratch[:] = 0
    flat[:] = 0


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


@compiled
def _round(a: _U, b: _U, c: _U, d: _U, e: _U, f: _U, g: _U, h: _U, more: _U) -> tuple[_U, _U]:
    """Return what registers d and h become in one round; ``more`` is its constant and word. No register is moved."""
    s1 = ((e >> _U(6)) | (e << _U(26))) ^ ((e >> _U(11)) | (e << _U(21))) ^ ((e >> _U(25)) | (e << _U(7)))
    s0 = ((a >> _U(2)) | (a << _U(30))) ^ ((a >> _U(13)) | (a << _U(19))) ^ ((a >> _U(22)) | (a << _U(10)))
    t1 = _U(h + _U(s1) + (g ^ (e & (f ^ g))) + more)
    return _U(d + t1), _U(t1 + _U(s0) + ((a & b) | (c & (a | b))))


@compiled
def _fold(state: NDArray[np.uint32], words: NDArray[np.uint32]) -> None:
    """Fold the block ``words[:16]`` into ``state`` (8,); ``words`` has room for 64."""
    for t in range(16, _ROUNDS):
        x, y = words[t - 15], words[t - 2]
        s0 = ((x >> _U(7)) | (x << _U(25))) ^ ((x >> _U(18)) | (x << _U(14))) ^ (x >> _U(3))
        s1 = ((y >> _U(17)) | (y << _U(15))) ^ ((y >> _U(19)) | (y << _U(13))) ^ (y >> _U(10))
        words[t] = words[t - 16] + s0 + words[t - 7] + s1
    a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    for t in range(0, _ROUNDS, 8):
        d, h = _round(a, b, c, d, e, f, g, h, _K[t] + words[t])
        c, g = _round(h, a, b, c, d, e, f, g, _K[t + 1] + words[t + 1])
        b, f = _round(g, h, a, b, c, d, e, f, _K[t + 2] + words[t + 2])
        a, e = _round(f, g, h, a, b, c, d, e, _K[t + 3] + words[t + 3])
        h, d = _round(e, f, g, h, a, b, c, d, _K[t + 4] + words[t + 4])
        g, c = _round(d, e, f, g, h, a, b, c, _K[t + 5] + words[t + 5])
        f, b = _round(c, d, e, f, g, h, a, b, _K[t + 6] + words[t + 6])
        e, a = _round(b, c, d, e, f, g, h, a, _K[t + 7] + words[t + 7])
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
    state[5] += f
    state[6] += g
    state[7] += h


@compiled
def hmac_one(
    data: NDArray[np.uint8],
    first: int,
    last: int,
    inner: NDArray[np.uint32],
    outer: NDArray[np.uint32],
    before: int,
    scratch: NDArray[np.uint32],
    out: NDArray[np.uint8],
) -> None:
    """Write the HMAC-SHA-256 of one message, as `hmac_many` does of many: a few cost less this way.

    Parameters
    ----------
    data, first, last
        The message is ``data[first:last]``.
    inner, outer, before
        As in `hmac_many`: states of (8,), and the bytes ``inner`` has hashed.
    scratch
        uint32 (HMAC_SCRATCH,), overwritten; it holds the message afterwards, so the caller wipes it.
    out
        Leading bytes of the digest, as many as there is room for; at most 32.
    """
    words, state = scratch[:_ROUNDS], scratch[_ROUNDS:]
    state[:] = inner
    for block in range(_blocks(last - first)):
        for word in range(16):
            words[word] = _word(data, first, last, block, before, word)
        _fold(state, words)
    words[:8], words[8], words[9:15], words[15] = state, _U(1 << 31), _U(0), _U((BLOCK + 32) * 8)
    state[:] = outer
    _fold(state, words)
    for byte in range(out.size):
        out[byte] = (state[byte // 4] >> _U(24 - 8 * (byte % 4))) & _U(255)
