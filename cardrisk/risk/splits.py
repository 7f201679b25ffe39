"""Splits by knowledge time: learn from the past, check on what came later.

Correctness: every row of an earlier part became known, and was answered, strictly before the first row of a later
part; between the parts lies a gap long enough for answers to arrive. Labels of a part are read as of the moment
the next part begins.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardrisk.errors import InputError

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split.

    Attributes
    ----------
    rows
        Positions of its cards in the input, in the input's order.
    start, end
        Microseconds UTC: cards known in [start, end).
    labels_as_of
        Microseconds UTC: only answers known before it may label these cards; None: all answers given.
    """

    rows: Positions
    start: int
    end: int
    labels_as_of: int | None


def time_split(moments: npt.NDArray[np.int64], shares: Sequence[float], *, gap: int = 0) -> tuple[Part, ...]:
    """Cut cards into consecutive parts by the moment they became known.

    Parameters
    ----------
    moments
        int64 microseconds UTC per card, any order.
    shares
        Share of the cards per part, earliest first; they sum to 1.
    gap
        Microseconds left out before each later part, so that answers of the earlier one can arrive.

    Returns
    -------
    tuple of Part
        One per share. Cards with the same moment are never torn apart. A part may be empty.

    Raises
    ------
    InputError
        If the shares are not positive or do not sum to 1, or the gap is negative.
    """
    if not shares or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9 or gap < 0:
        raise InputError(f"expected positive shares that sum to 1 and a gap >= 0, got {list(shares)} and {gap}")
    if not len(moments):
        return tuple(Part(np.empty(0, np.intp), 0, 0, None) for _ in shares)
    ordered = np.sort(moments)
    places = np.round(np.cumsum(shares)[:-1] * len(ordered)).astype(np.intp)
    inner = [int(ordered[min(place, len(ordered) - 1)]) for place in places]
    edges = [int(ordered[0]), *inner, int(ordered[-1]) + 1]
    parts = []
    for number, (start, following) in enumerate(itertools.pairwise(edges)):
        final = number == len(shares) - 1
        end = following if final else max(start, following - gap)
        rows = np.flatnonzero((moments >= start) & (moments < end))
        parts.append(Part(rows, start, end, None if final else following))
    return tuple(parts)


def rolling_origin(
    moments: npt.NDArray[np.int64], *, folds: int, gap: int = 0, first_share: float = 0.4
) -> Iterator[tuple[Part, Part]]:
    """Prequential evaluation: train on everything so far, test on what came next, move on.

    Parameters
    ----------
    moments
        int64 microseconds UTC per card.
    folds
        Number of (train, test) pairs; the tests are consecutive and of equal counts.
    gap
        Microseconds left out at the end of each training part.
    first_share
        Share of the cards that the first training part may use.

    Yields
    ------
    tuple of Part
        (train, test): the training part grows from fold to fold.

    Raises
    ------
    InputError
        If ``folds`` is less than 1 or ``first_share`` is not inside (0, 1).
    """
    if folds < 1 or not 0 < first_share < 1:
        raise InputError(f"expected folds >= 1 and 0 < first_share < 1, got {folds} and {first_share}")
    shares = [first_share] + [(1 - first_share) / folds] * folds
    parts = time_split(moments, shares)
    for number in range(1, folds + 1):
        test = parts[number]
        start, end = parts[0].start, test.start - gap
        rows = np.flatnonzero((moments >= start) & (moments < end))
        yield Part(rows, start, end, test.start), test
