"""Are the digits of secrets as random as an issuer would print them? A whole number per card, a p-value per batch.

Correct when, for secrets drawn uniformly and independently, P(p-value <= a) <= a for every a, with equality at
every a the sum can reach.

**Per card** (``code_secret_surprise``). The statistic is the number of equal pairs among a secret's L characters,
sum over characters of m(m-1)/2: Pearson's chi-square against uniform is an increasing function of it. Its exact
null distribution gives a p-value, made continuous by randomisation (Cox & Hinkley 1974, section 3.2; the random
number is a fixed hash of the secret, so that the same secret always reads the same), and the card keeps only
``floor(-log2 p)``: whole bits of surprise, 0 to 12. Under uniform secrets P(bits >= b) = 2**-b exactly.

**Per batch**. Such bits are geometric, so the sum over n cards is negative binomial: a (sum, count) that any window
can hold is all :func:`p_value` needs. It is Fisher's method on a grid of bits.

It sees characters that repeat more than chance: a narrow alphabet, skewed digits, padded counters, runs. It cannot
see a fixed prefix of different digits, an alphabet used evenly, or a good random generator; and an issuer that
leaves out look-alike characters prints secrets that are less even than all of 0-9A-Z, in honest batches too.
"""

from functools import cache
from math import comb, factorial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_BITS: Final = 12
"""Bits a single card may contribute: beyond it one odd card would decide for its batch."""
SHORTEST: Final = 6
LONGEST: Final = 26
"""Characters: a shorter secret holds too little to be surprising, a longer one is no published secret."""
ALPHABETS: Final = (10, 36)
_TABLES: Final = Path(__file__).with_name("tails.f8")


def upper_tails(symbols: int) -> NDArray[np.float64]:
    """Return P(pairs >= c) for uniform secrets of every length over ``symbols`` characters.

    Returns
    -------
    float64 array (LONGEST + 1, LONGEST * (LONGEST - 1) / 2 + 2)
        Row L, column c.

    Notes
    -----
    The chance that the counts of one symbol after another use u positions and make c pairs is built up as an
    exponential generating function: a symbol standing m times weighs symbols**-m / m!, and L! times the
    coefficient is the chance for length L. Only positive numbers are added, so nothing cancels.
    """
    most = comb(LONGEST, 2)
    ways = np.zeros((LONGEST + 1, most + 2))
    ways[0, 0] = 1.0
    for _ in range(symbols):
        longer = np.zeros_like(ways)
        for times in range(LONGEST + 1):
            pairs = comb(times, 2)
            weight = 1.0 / (factorial(times) * float(symbols) ** times)
            longer[times:, pairs:] += weight * ways[: LONGEST + 1 - times, : most + 2 - pairs]
        ways = longer
    ways *= np.array([float(factorial(length)) for length in range(LONGEST + 1)])[:, None]
    tails: NDArray[np.float64] = ways[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.minimum(tails, 1.0)


@cache
def tail_tables() -> NDArray[np.float64]:
    """Return ``upper_tails`` of each of ``ALPHABETS``, as compiled code reads it: (alphabet, length, pairs).

    They stand in a file, as working them out takes as long as reading a model; :func:`write_tables` makes it.
    """
    tables: NDArray[np.float64] = np.fromfile(_TABLES, "<f8").astype(np.float64)
    return tables.reshape(len(ALPHABETS), LONGEST + 1, comb(LONGEST, 2) + 2)


def write_tables() -> None:
    """Work the tables out and write their file."""
    np.stack([upper_tails(symbols) for symbols in ALPHABETS]).astype("<f8").tofile(_TABLES)


def p_value(bits: ArrayLike, cards: ArrayLike) -> NDArray[np.float64]:
    """Return P(sum of surprise >= ``bits``) for ``cards`` cards with uniform secrets.

    Parameters
    ----------
    bits : array of n
        Sum of ``code_secret_surprise`` over the cards.
    cards : array of n
        How many cards had one (null ones are not counted).

    Returns
    -------
    float64 array of n
        1 where there are no cards; null in, null out.

    Notes
    -----
    A sum of n geometric(1/2) numbers is at least s exactly when n + s - 1 fair coins show fewer than n heads:
    P = I(1/2; s, n), the regularised incomplete beta function.
    """
    from scipy.special import betainc

    s, n = np.broadcast_arrays(np.asarray(bits, np.float64), np.asarray(cards, np.float64))
    result = np.where(np.isnan(s) | np.isnan(n), np.nan, 1.0)
    inside = (s > 0) & (n > 0)
    result[inside] = betainc(s[inside], n[inside], 0.5)
    return result


def surprise(bits: ArrayLike, cards: ArrayLike) -> NDArray[np.float64]:
    """Return ``-log10(p_value)``, cut at 300: the same test on a scale a tree or a reader can use."""
    return -np.log10(np.maximum(p_value(bits, cards), 1e-300))
