"""Compiled evaluation of many rows: a split is met once for all rows that come to it, not once a row.

Correct means: for every row the same bits as `kernels.raw_row` gives.

A block of rows goes down a tree together. At each split the list of the rows that came there is parted in two, by a
loop that asks every row the same question. No row waits for another's memory, and nothing is guessed: each row is
written to both ends of the new list, and only one of the ends moves. So a category set costs hardly more than a
threshold. Where few rows are left, the split itself would cost more than they do, and they walk on alone, four at a
time. Measured on 400 trees of 63 leaves and 4,096 rows, that is 2.4 times as fast as walking all rows four at a time,
and 3.8 times where most splits are categorical.
"""

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled
from cardrisk.risk.trees.kernels import Array, Int32s, Nodes, Words, fill_value, in_set, raw_row
from cardrisk.risk.trees.layout import NO_SETS

Places = npt.NDArray[np.uint64]

BLOCK = 2_048  # rows that go down together: with more of them fewer splits are met, but their columns leave the cache
STRIPE = 32  # rows whose columns are filled together: so many and their columns stay in the first-level cache
SMALL, SMALL_WITH_SETS = 64, 16  # fewer rows in all are faster one by one, by numbers alone and where there are sets
FEW = np.uint64(12)  # rows at one split that are faster alone

NONE, ONE = np.uint64(0), np.uint64(1)


@compiled
def _fill(rows: Array, columns: Int32s, filled: Array) -> None:
    """Write the columns of a block of rows, column after column, see `kernels.fill_value`."""
    for first in range(0, rows.shape[0], STRIPE):
        end = min(first + STRIPE, rows.shape[0])
        for column in range(columns.shape[0]):
            feature, treatment = columns[column, 0], columns[column, 1]
            for k in range(first, end):
                filled[column, k] = fill_value(rows[k, feature], treatment)


@compiled
def _part(
    lists: Words, side: np.uint64, low: np.uint64, high: np.uint64, filled: Array, column: np.uint64, limit: float
) -> np.uint64:
    """Part by a threshold the rows that a list holds from ``low`` to before ``high``, into those places of the other.

    Those that go left come first, the others from the end; returns where the others begin. The ends pass each other
    only after the last row, so that each row may be written to both.
    """
    left, right, other = low, high - ONE, ONE - side
    for k in range(low, high):
        row = lists[side, k]
        lists[other, left] = lists[other, right] = row
        goes_left = np.uint64(filled[column, np.uint64(row)] <= limit)
        left += goes_left
        right -= ONE - goes_left
    return left


@compiled
def _part_by_set(
    lists: Words,
    side: np.uint64,
    low: np.uint64,
    high: np.uint64,
    filled: Array,
    column: np.uint64,
    start: np.uint64,
    words: Words,
) -> np.uint64:
    """`_part` by a category set."""
    left, right, other = low, high - ONE, ONE - side
    for k in range(low, high):
        row = lists[side, k]
        lists[other, left] = lists[other, right] = row
        goes_left = in_set(filled[column, np.uint64(row)], start, words)
        left += goes_left
        right -= ONE - goes_left
    return left


@compiled
def _next(node: np.uint64, column: np.int32, row: np.uint64, nodes: Nodes, filled: Array, words: Words) -> np.uint64:
    """Return the node after ``node`` for one row of a block."""
    if column >= 0:
        return np.uint64(nodes[node].left) + np.uint64(not filled[np.uint64(column), row] <= nodes[node].threshold)
    inside = in_set(filled[np.uint64(-column), row], np.uint64(nodes[node].threshold), words)
    return np.uint64(nodes[node].left) + ONE - inside


@compiled
def _walk_alone(alone: Places, nodes: Nodes, filled: Array, words: Words, out: Array) -> None:
    """Add a tree's leaves to ``out`` for single rows; ``alone`` are (node, row)."""
    count = np.uint64(alone.shape[0])
    fours = count - count % np.uint64(4)
    for k in range(NONE, fours, np.uint64(4)):
        p, q, r, s = alone[k, 1], alone[k + ONE, 1], alone[k + np.uint64(2), 1], alone[k + np.uint64(3), 1]
        a, b, c, d = alone[k, 0], alone[k + ONE, 0], alone[k + np.uint64(2), 0], alone[k + np.uint64(3), 0]
        while True:
            e, f, g, h = nodes[a].column, nodes[b].column, nodes[c].column, nodes[d].column
            if e | f | g | h == 0:
                break
            a, b = _next(a, e, p, nodes, filled, words), _next(b, f, q, nodes, filled, words)
            c, d = _next(c, g, r, nodes, filled, words), _next(d, h, s, nodes, filled, words)
        out[p] += nodes[a].threshold
        out[q] += nodes[b].threshold
        out[r] += nodes[c].threshold
        out[s] += nodes[d].threshold
    for k in range(fours, count):
        node, row = alone[k, 0], alone[k, 1]
        while nodes[node].column != 0:
            node = _next(node, nodes[node].column, row, nodes, filled, words)
        out[row] += nodes[node].threshold


@compiled
def _add_tree(
    root: np.uint64,
    nodes: Nodes,
    filled: Array,
    words: Words,
    lists: Words,
    later: Places,
    alone: Places,
    out: Array,
) -> None:
    """Add a tree's leaves to ``out`` for all rows of a block.

    ``lists`` are two of all rows: what is parted from one goes to the other, and later back. ``later`` are the nodes
    still to be met: (node, low, high, list). No two of them share a row, nor does the node at hand have none, so that
    there are fewer than rows, however deep the tree is.
    """
    for k in range(out.shape[0]):
        lists[0, k] = k
    node, low, high, side = root, NONE, np.uint64(out.shape[0]), NONE
    waiting = single = NONE
    while True:
        column, limit = nodes[node].column, nodes[node].threshold
        if column != 0 and high - low > FEW:
            if column > 0:
                middle = _part(lists, side, low, high, filled, np.uint64(column), limit)
            else:
                middle = _part_by_set(lists, side, low, high, filled, np.uint64(-column), np.uint64(limit), words)
            node, side = np.uint64(nodes[node].left), ONE - side
            if middle == low:
                node += ONE
            elif middle < high:
                later[waiting, 0], later[waiting, 1] = node + ONE, middle
                later[waiting, 2], later[waiting, 3] = high, side
                waiting, high = waiting + ONE, middle
            continue
        for k in range(low, high):
            if column == 0:
                out[np.uint64(lists[side, k])] += limit
            else:
                alone[single, 0], alone[single, 1] = node, lists[side, k]
                single += ONE
        if waiting == NONE:
            break
        waiting -= ONE
        node, low, high, side = later[waiting, 0], later[waiting, 1], later[waiting, 2], later[waiting, 3]
    _walk_alone(alone[:single], nodes, filled, words, out)


@compiled
def raw_rows(rows: Array, nodes: Nodes, roots: Int32s, columns: Int32s, words: Words, out: Array) -> None:
    """Add up the trees for every row: ``rows`` (n, features) into ``out`` (n, outputs), as `raw_row` does for one."""
    count, outputs = rows.shape[0], out.shape[1]
    if count < (SMALL if words.shape[0] == NO_SETS else SMALL_WITH_SETS):
        for k in range(count):
            raw_row(rows[k], nodes, roots, columns, words, out[k])
        return
    out[:] = 0.0
    size = -(-count // -(-count // BLOCK))  # blocks of much the same size, so that none of them is small
    filled, lists = np.empty((columns.shape[0], size)), np.empty((2, size), np.uint32)
    later, alone = np.empty((size, 4), np.uint64), np.empty((size, 2), np.uint64)
    for first in range(0, count, size):
        block, sums = rows[first : first + size], out[first : first + size]
        _fill(block, columns, filled)
        for tree in range(roots.shape[0] - 1):
            root = np.uint64(roots[tree])
            _add_tree(root, nodes, filled, words, lists, later, alone, sums[:, tree % outputs])
