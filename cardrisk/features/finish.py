"""From whole numbers to a feature's value: one compiled function, called by every road.

Each operation takes up to six whole numbers and one constant and returns a float64; ``NULL`` in gives NaN
out unless its line below says otherwise. Because batch and live call the same scalar function on equal whole
numbers, their values are equal to the bit.
"""

import math
from typing import Final

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features.arrays import F64, I64, NULL, Array, Bool

COUNT: Final = 0  # a
SCALED: Final = 1  # a / k
MEAN: Final = 2  # a / (n k); null without n
SHARE: Final = 3  # a / n; null without n
SHRUNK: Final = 4  # failures a of n, drawn towards the kind's, itself drawn towards everybody's; strength k
SPREAD: Final = 5  # coefficient of variation from n, sum, sum of squares; null below two
RATIO: Final = 6  # (a / b) / (c / d); null where any of them is unknown or not positive
PACE: Final = 7  # a k / b; null without b
DIFFERENCE: Final = 8  # (a - b) / k
QUOTIENT: Final = 9  # a / b; null unless b is positive
CLOCK: Final = 10  # (a / k) modulo 24: hour of a moment
WEEKDAY: Final = 11  # day of the week of a moment shifted by k, Monday is 0
SURPRISE: Final = 12  # -log10 P(n geometric(1/2) numbers add up to at least a / k); null without n
MINUS: Final = 13  # a - b
ARITY: Final = 6
DEEPEST: Final = 300.0  # where -log10 of a probability is cut


@compiled
def shrunk(a: int, n: int, kind_a: int, kind_n: int, all_a: int, all_n: int, strength: float) -> float:
    """Failure share drawn towards the kind's share, itself drawn towards everybody's.

    Empirical-Bayes form: with a beta prior of mean p and weight ``strength``, the posterior mean is
    (a + strength p) / (n + strength). Null while nobody has been answered.
    """
    if a == NULL or all_n == NULL or all_n <= 0:
        return math.nan
    prior = all_a / all_n
    if kind_n != NULL:
        prior = (kind_a + strength * prior) / (kind_n + strength)
    return (a + strength * prior) / (n + strength)


@compiled
def spread(n: int, total: int, squares: int) -> float:
    """Standard deviation over mean of gaps; 0 for a metronome, about 1 for arrivals at random."""
    if n == NULL or n < 2:
        return math.nan
    mean = total / n
    if mean <= 0.0:
        return 0.0
    return math.sqrt(max(squares / n - mean * mean, 0.0)) / mean


@compiled
def surprise(total: float, n: float) -> float:
    """Return -log10 of the regularised incomplete beta function I(1/2; total, n), cut at 300.

    The chance that n geometric(1/2) numbers add up to at least ``total``: the p-value of a batch's secrets
    against uniform. Continued fraction by Lentz's method (Press et al., Numerical Recipes, section 6.4).
    """
    if total <= 0.0:
        return 0.0
    front = math.lgamma(total + n) - math.lgamma(total) - math.lgamma(n) - (total + n) * math.log(2.0)
    if total > n:  # the fraction converges fast on this side of the mean
        return min(max(-(front + math.log(_fraction(total, n) / total)) / math.log(10.0), 0.0), DEEPEST)
    rest = math.exp(front) * _fraction(n, total) / n
    return 0.0 if rest <= 0.0 else max(-math.log10(1.0 - min(rest, 1.0 - 1e-16)), 0.0)


@compiled
def _fraction(a: float, b: float) -> float:
    """Continued fraction of the incomplete beta function at one half."""
    x, tiny = 0.5, 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    h = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        step = 1.0
        for term in (even, odd):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + term / c
            c = c if abs(c) > tiny else tiny
            step = d * c
            h *= step
        if abs(step - 1.0) < 1e-15:
            break
    return h


@compiled
def value(op: int, a: int, b: int, c: int, d: int, e: int, f: int, k: float) -> float:
    """One feature's value from its whole numbers (see the list of operations above)."""
    if a == NULL:
        return math.nan
    if op == COUNT:
        return float(a)
    if op == SCALED:
        return a / k
    if op == SHRUNK:
        return shrunk(a, b, c, d, e, f, k)
    if op == SPREAD:
        return spread(a, b, c)
    if op == CLOCK:
        return float(((a + int(k)) // 3_600_000_000) % 24)
    if op == WEEKDAY:
        return float(((a + int(k)) // 86_400_000_000 + 3) % 7)
    return _of_two(op, a, b, c, d, k)


@compiled
def _of_two(op: int, a: int, b: int, c: int, d: int, k: float) -> float:
    """Operations that need at least two known numbers."""
    if b == NULL:
        return math.nan
    if op == DIFFERENCE:
        return (a - b) / k
    if op == MINUS:
        return float(a - b)
    if b <= 0:
        return math.nan
    if op == MEAN:
        return (a / b) / k
    if op == SURPRISE:
        return surprise(a / k, float(b))
    if op == PACE:
        return (a * k) / b
    if op == RATIO:
        if a <= 0 or c == NULL or d == NULL or c <= 0 or d <= 0:
            return math.nan
        return (a / b) / (c / d)
    return a / b


@compiled
def finish_columns(raw: I64, ops: I64, arguments: I64, constants: F64, out: Array, first: int, stop: int) -> None:
    """Finish features into ``out[feature, first:stop]`` from whole numbers ``raw[slot, 0:stop - first]``.

    Parameters
    ----------
    raw
        Shape (slots, cards); few enough cards to stay in the cache while every feature reads them.
    ops, constants
        Operation and constant of each feature.
    arguments
        Shape (features, 6): slots of ``raw``; unused ones name the first.
    out
        float32 or float64, shape (features, any number of cards).
    """
    for j in range(ops.size):
        a, b, c, d, e, f = arguments[j]
        op, k, column, x = ops[j], constants[j], out[j, first:stop], raw[a]
        if op == COUNT:
            for i in range(stop - first):
                column[i] = math.nan if x[i] == NULL else x[i]
        elif op == SCALED:
            for i in range(stop - first):
                column[i] = math.nan if x[i] == NULL else x[i] / k
        else:
            for i in range(stop - first):
                column[i] = value(op, x[i], raw[b, i], raw[c, i], raw[d, i], raw[e, i], raw[f, i], k)


@compiled
def round_single(values: F64, single: Bool) -> None:
    """Round values to the nearest float32 where ``single`` is set, as a float32 column would."""
    for i in range(values.size):
        if single[i]:
            values[i] = np.float32(values[i])
