"""Random numbers that are a pure function of what they are about.

Correct when the same keys give the same number on every machine, in any order, for any day asked: states that last
(a supplier gone bad, a lot, a clerk's care) are read from here, so that no day needs the days before it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _finish(x: Array) -> Array:
    """Return Steele, Lea and Flood's SplitMix64 finaliser of ``x``."""
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


def bits(*keys: Array | int) -> Array:
    """Return 64 random bits for every tuple of keys.

    Parameters
    ----------
    keys
        Integers or integer arrays that broadcast; the order matters.

    Returns
    -------
    ndarray of uint64
        At least one-dimensional, in the keys' common shape.
    """
    state = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            word = np.atleast_1d(np.asarray(key)).astype(np.int64).view(np.uint64)
            state = _finish((state + _GOLDEN) ^ _finish(word + _GOLDEN))
    return state


def uniform(*keys: Array | int) -> Array:
    """Return a float64 in [0, 1) for every tuple of keys."""
    return (bits(*keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integer(below: Array | int, *keys: Array | int) -> Array:
    """Return an int64 in [0, below) for every tuple of keys; ``below`` broadcasts."""
    return (uniform(*keys) * below).astype(np.int64)


def normal(*keys: Array | int) -> Array:
    """Return a standard normal float64 for every tuple of keys (Box and Muller)."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(*keys, 0)))
    return np.asarray(radius * np.cos(2.0 * np.pi * uniform(*keys, 1)))


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
    return np.minimum(np.searchsorted(edges / edges[-1], draws, side="right"), len(edges) - 1)
