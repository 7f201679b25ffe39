"""From one card's features to probabilities and an action: one compiled call.

Correct when it gives what the trees, :mod:`cardrisk.risk.chances` and :mod:`cardrisk.policy.choose` give a table of
that card, to the bit: it only calls the same functions one after the other.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.facts import CAUSES
from cardrisk.policy import Costs
from cardrisk.policy.choose import Terms, choose_one
from cardrisk.risk import RiskModel
from cardrisk.risk.chances import by_cause, chance
from cardrisk.risk.trees.kernels import Nodes, fill_columns, sum_trees
from cardrisk.risk.trees.layout import join

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Int32s = NDArray[np.int32]

SLOPE, OFFSET, PRICE, MARGIN, MAY_BIND, GIVEN = range(6)
"""What stands first in a card's given numbers: its calibration group's log slope and offset, its money in yuan, and
whether it may be bound first."""
P_FAIL, P_CAUSE, LOSS = 0, 1, 1 + len(CAUSES)
"""Places in the answer's numbers."""
ABSENT: Final = -1


class Bench(NamedTuple):
    """Everything that does not depend on the card, as arrays in the order in which `verdict` takes them.

    Attributes
    ----------
    places
        int64 (inputs,): where each input of the trees stands among the card's number features followed by its given
        numbers; ``ABSENT`` where it is not known.
    nodes, roots, columns, words
        The trees of failure and then those of its causes, see ``risk.trees.layout.Tables``.
    numbers, classes
        See ``risk.chances.Chances``.
    open_to_it
        bool (2, actions): which actions make sense for a card that may not, or may, be bound first.
    actions, causes, effects
        See ``policy.choose.Terms``.
    """

    places: Places
    nodes: NDArray[np.void]
    roots: Int32s
    columns: Int32s
    words: NDArray[np.uint32]
    numbers: Floats
    classes: Places
    open_to_it: NDArray[np.bool_]
    actions: Floats
    causes: Floats
    effects: Floats

    @classmethod
    def of(cls, model: RiskModel, costs: Costs, places: Places, open_to_it: NDArray[np.bool_]) -> "Bench":
        """Lay out a model and the platform's money."""
        tables = model.fail.tables if model.cause is None else join(model.fail.tables, model.cause.tables)
        return cls(places, *tables, *model.chances, open_to_it, *Terms.of(costs))


@compiled
def inputs_of(row: Floats, given: Floats, places: Places, out: Floats) -> None:
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
def verdict(
    row: Floats,
    given: Floats,
    trees: int,
    out: Floats,
    places: Places,
    nodes: Nodes,
    roots: Int32s,
    columns: Int32s,
    words: NDArray[np.uint32],
    numbers: Floats,
    classes: Places,
    open_to_it: NDArray[np.bool_],
    actions: Floats,
    causes: Floats,
    effects: Floats,
) -> tuple[int, int]:
    """Judge one card.

    Parameters
    ----------
    row
        float64, its number features as live history gives them.
    given
        float64: ``SLOPE`` to ``MAY_BIND``, then the features that are columns handed through, texts as their codes.
    trees
        How many of the trees are those of failure.
    out
        float64, overwritten: p(fail), p(cause) in order, expected loss in yuan.
    places, nodes, roots, columns, words, numbers, classes, open_to_it, actions, causes, effects
        See `Bench`.

    Returns
    -------
    action, cause
        Place in ``ACTIONS``; place in ``CAUSES`` of the likeliest cause, the first of several.
    """
    inputs, filled = np.empty(places.shape[0]), np.empty(columns.shape[0])
    inputs_of(row, given, places, inputs)
    fill_columns(inputs, columns, filled)
    raw, scores = np.empty(1), np.empty(classes.shape[0])
    sum_trees(filled, nodes, roots[: trees + 1], words, raw)
    if classes.shape[0] > 0:
        sum_trees(filled, nodes, roots[trees:], words, scores)
    p_fail, p_cause = chance(raw[0], given[SLOPE], given[OFFSET], numbers), out[P_CAUSE:LOSS]
    by_cause(p_fail, scores, numbers, classes, p_cause)
    may = open_to_it[np.int64(given[MAY_BIND])]
    action, out[LOSS] = choose_one(p_fail, p_cause, given[PRICE], given[MARGIN], may, actions, causes, effects)
    out[P_FAIL] = p_fail
    likeliest = 0
    for cause in range(1, p_cause.shape[0]):
        if p_cause[cause] > p_cause[likeliest]:
            likeliest = cause
    return action, likeliest
