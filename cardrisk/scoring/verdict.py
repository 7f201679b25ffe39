"""From one card's features to probabilities and an action: one compiled call.

Correct when it gives what the trees, :mod:`cardrisk.risk.chances` and :mod:`cardrisk.policy.choose` give a table of
that card, to the bit: it only calls the same functions one after the other.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk._ready import array_of, made_ready
from cardrisk._uncounted import uncounted
from cardrisk.facts import CAUSES
from cardrisk.policy import Costs
from cardrisk.policy.choose import Terms, choose_one
from cardrisk.risk import RiskModel
from cardrisk.risk.chances import FIRST_REST, by_cause, chance
from cardrisk.risk.trees.single import Single, fill, sum_single

Floats = NDArray[np.float64]
Places = NDArray[np.int32]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

SLOPE, OFFSET, PRICE, MARGIN, MAY_BIND, GIVEN = range(6)
"""What stands first in a card's given numbers: its calibration group's log slope and offset, its money in yuan, and
whether it may be bound first."""
P_FAIL, P_CAUSE, LOSS = 0, 1, 1 + len(CAUSES)
"""Places in the answer's numbers."""
ABSENT: Final = -1
INPUTS, FAIL_TREES, TREES, COLUMNS, SETS, CLASSES, ACTION_COUNT, REAL, WHOLE, SIZES = range(10)
"""Places of the sizes at the head of ``Bench.rest``, and how many they are."""


class Bench(NamedTuple):
    """Everything that does not depend on the card: two arrays, as handing one over costs a call time.

    Attributes
    ----------
    nodes
        The trees of failure and then those of its causes, see ``risk.trees.single.Single``.
    rest
        uint8: what else there is, one after the other. int64, the sizes that ``SIZES`` counts; float64,
        ``real`` (``risk.chances.Chances.numbers``, then the three of ``policy.choose.Terms``); int32,
        ``places`` (where each input of the trees stands among the card's number features followed by its given
        numbers; ``ABSENT`` where it is not known), the trees' roots, columns and sets, each class's place among the
        causes, which actions make sense for a card that may not, and that may, be bound first; uint32, the trees'
        ``words``.
    """

    nodes: NDArray[np.void]
    rest: NDArray[np.uint8]

    @classmethod
    def of(cls, model: RiskModel, costs: Costs, places: Places, open_to_it: NDArray[np.bool_]) -> "Bench":
        """Lay out a model and the platform's money."""
        trees, terms = Single.of(model.fail, model.cause), Terms.of(costs)
        numbers, classes = model.chances
        real = np.concatenate([np.ravel(part) for part in (numbers, *terms)])
        ints = [places, trees.roots, trees.columns, trees.sets, classes, open_to_it]
        whole = np.concatenate([np.ravel(np.asarray(part, np.int32)) for part in ints])
        counts = len(places), model.fail.n_trees, len(trees.roots) - 1, len(trees.columns), len(trees.sets)
        sizes = np.array([*counts, len(classes), open_to_it.shape[1], len(real), len(whole)])
        parts = sizes.astype(np.int64), real, whole, trees.words
        return cls(trees.nodes, np.frombuffer(bytearray().join(part.tobytes() for part in parts), np.uint8))

    def verdict(self) -> Callable[..., tuple[int, int]]:
        """Return `verdict` made ready for the arrays of this bench."""
        kinds = [array_of(part) for part in (np.float64, np.float64, self.nodes.dtype, np.uint8)]
        return made_ready(verdict, *kinds)


@compiled
def _unpacked(rest: NDArray[np.uint8]) -> tuple[Int64s, Floats, Int32s, NDArray[np.uint32]]:
    """Return sizes, real, whole and words of a `Bench`."""
    sizes = rest[: 8 * SIZES].view(np.int64)
    a = 8 * SIZES + 8 * sizes[REAL]
    b = a + 4 * sizes[WHOLE]
    return sizes, rest[8 * SIZES : a].view(np.float64), rest[a:b].view(np.int32), rest[b:].view(np.uint32)


@compiled
def inputs_of(row: Floats, given: Floats, places: Int32s, out: Floats) -> None:
    """Write the trees' inputs, as float32 holds them.

    Parameters
    ----------
    row, given
        float64: a card's number features; its given numbers.
    places
        See `Bench`.
    out
        float64 (inputs,), overwritten; NaN where not known.
    """
    known = row.shape[0]
    for i in range(places.shape[0]):
        place = places[i]
        if place == ABSENT:
            out[i] = np.nan
        else:
            out[i] = np.float32(row[place] if place < known else given[place - known])


@compiled
def _decide(p_fail: float, p_cause: Floats, given: Floats, may: Int32s, real: Floats) -> tuple[int, float]:
    """Return the action and its expected loss; ``real`` begins with the first of ``policy.choose.Terms``."""
    actions, causes = may.shape[0], p_cause.shape[0]
    a = 2 * actions
    c = a + 4 * causes
    own, by_cause_, effects = real[:a], real[a:c], real[c:]
    return choose_one(
        p_fail,
        p_cause,
        given[PRICE],
        given[MARGIN],
        may != 0,
        own.reshape(2, actions),
        by_cause_.reshape(4, causes),
        effects.reshape(2, actions, causes),
    )


@compiled
def verdict(
    row: Floats,
    sheet: Floats,
    nodes: NDArray[np.void],
    rest: NDArray[np.uint8],
) -> tuple[int, int]:
    """Judge one card.

    Parameters
    ----------
    row
        float64, its number features as live history gives them.
    sheet
        float64: room for the answer, written here (p(fail), p(cause) in order, expected loss in yuan); then the given
        numbers, ``SLOPE`` to ``MAY_BIND`` and the features that are columns handed through, texts as their codes.
    nodes, rest
        See `Bench`.

    Returns
    -------
    action, cause
        Place in ``ACTIONS``; place in ``CAUSES`` of the likeliest cause, the first of several.
    """
    row, sheet, nodes, rest = uncounted(row), uncounted(sheet), uncounted(nodes), uncounted(rest)
    sizes, real, whole, words = _unpacked(rest)
    out, given = sheet[: LOSS + 1], sheet[LOSS + 1 :]
    trees, all_trees = sizes[FAIL_TREES], sizes[TREES]
    a = sizes[INPUTS]
    b = a + all_trees + 1
    c = b + 2 * sizes[COLUMNS]
    d = c + 2 * sizes[SETS]
    e = d + sizes[CLASSES] + np.int64(given[MAY_BIND]) * sizes[ACTION_COUNT]
    roots, columns, sets = whole[a:b], whole[b:c].reshape(-1, 2), whole[c:d].reshape(-1, 2)
    classes, may = whole[d : d + sizes[CLASSES]].astype(np.int64), whole[e : e + sizes[ACTION_COUNT]]
    read, first = np.empty(a), np.empty(columns.shape[0])
    filled = np.empty(columns.shape[0] + sets.shape[0], np.float32)
    inputs_of(row, given, whole[:a], read)
    fill(read, columns, sets, words, first, filled)
    raw, scores = np.empty(1), np.empty(classes.shape[0])
    sum_single(filled, nodes, roots, 0, trees, raw)
    if classes.shape[0] > 0:
        sum_single(filled, nodes, roots, trees, all_trees, scores)
    p_fail, p_cause = chance(raw[0], given[SLOPE], given[OFFSET], real), out[P_CAUSE:LOSS]
    by_cause(p_fail, scores, real, classes, p_cause)
    action, out[LOSS] = _decide(p_fail, p_cause, given, may, real[FIRST_REST + p_cause.shape[0] :])
    out[P_FAIL] = p_fail
    likeliest = 0
    for cause in range(1, p_cause.shape[0]):
        if p_cause[cause] > p_cause[likeliest]:
            likeliest = cause
    return action, likeliest
