"""Random numbers that are a pure function of what they are about.

Correct when the same keys give the same number on every machine, in any order, for any day asked: states that last
(a supplier gone bad, a lot, a clerk's care) are read from here, so that no day needs the days before it.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled

Array = npt.NDArray[Any]

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


def _finish(x: int) -> int:
    """Return Steele, Lea and Flood's SplitMix64 finaliser of ``x``."""
    x = ((x ^ (x >> 30)) * _FIRST) & _MASK
    x = ((x ^ (x >> 27)) * _SECOND) & _MASK
    return x ^ (x >> 31)


def _absorb_one(state: int, key: int) -> int:
    return _finish(((state + _GOLDEN) & _MASK) ^ _finish((key + _GOLDEN) & _MASK))


@compiled
def _absorb(state: Array, keys: Array) -> Array:  # pragma: no cover - compiled
    """Return ``_absorb_one`` for every pair of state and key, both uint64 of one length."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    first, second = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
    a, b, c = np.uint64(30), np.uint64(27), np.uint64(31)
    out = np.empty(state.size, dtype=np.uint64)
    for i in range(state.size):
        x = keys[i] + golden
        x = (x ^ (x >> a)) * first
        x = (x ^ (x >> b)) * second
        x = (state[i] + golden) ^ (x ^ (x >> c))
        x = (x ^ (x >> a)) * first
        x = (x ^ (x >> b)) * second
        out[i] = x ^ (x >> c)
    return out


def bits(*keys: Array | int) -> Array:
    """Return 64 random bits for every tuple of keys.

    Parameters
    ----------
    keys
        Integers or one-dimensional integer arrays of one length; the order matters.

    Returns
    -------
    ndarray of uint64
        One-dimensional; of length 1 where every key is a single integer.
    """
    seed, state = 0, None
    for key in keys:
        if isinstance(key, int) and state is None:
            seed = _absorb_one(seed, key & _MASK)
            continue
        words = np.atleast_1d(np.asarray(key, dtype=np.int64)).view(np.uint64)
        if state is None:
            state = np.full(words.shape, seed, dtype=np.uint64)
        elif len(words) != len(state):
            longest = np.broadcast_shapes(words.shape, state.shape)
            words, state = np.broadcast_to(words, longest), np.broadcast_to(state, longest)
        state = _absorb(np.ascontiguousarray(state), np.ascontiguousarray(words))
    return np.array([seed], dtype=np.uint64) if state is None else state


def uniform(*keys: Array | int) -> Array:
    """Return a float64 in [0, 1) for every tuple of keys."""
    return np.asarray((bits(*keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def integer(below: Array | int, *keys: Array | int) -> Array:
    """Return an int64 in [0, below) for every tuple of keys; ``below`` broadcasts."""
    return np.asarray((uniform(*keys) * below).astype(np.int64))


def normal(*keys: Array | int) -> Array:
    """Return a standard normal float64 for every tuple of keys (Box and Muller, out of one word's halves)."""
    words = bits(*keys)
    high = ((words >> np.uint64(32)).astype(np.float64) + 0.5) * 2.0**-32
    low = (words & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
    return np.asarray(np.sqrt(-2.0 * np.log(high)) * np.cos(2.0 * np.pi * low))


def pick(weights: Array, draws: Array) -> Array:
    """Return, for each uniform draw, the index its share of ``weights`` falls on.

    Parameters
    ----------
    weights
        Non-negative, one-dimensional, not all zero.
    draws
        Float64 in [0, 1).
    """
    edges = np.cumsum(weights, dtype=np.float64)
    last = int(np.flatnonzero(weights)[-1])
    return np.minimum(np.searchsorted(edges / edges[-1], draws, side="right"), last)
