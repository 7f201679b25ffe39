"""Compiled evaluation of trees: the same bits as LightGBM's own.

Correct means: for every row of float64, each output is the sum of its trees' leaf values in file order, from 0.0, and
the leaf of a tree is the one that LightGBM's decision rules reach:

- a value within 1e-35 (as float32) of zero is zero;
- numeric split: missing type none reads NaN as 0; missing type zero sends 0 and NaN the default way; missing type NaN
  sends NaN the default way; all else goes left when at most the threshold;
- categorical split: NaN, values at or below -1 and values of 2**31 or more go right; others are cut to an integer and
  go left when it is in the split's set.

Four walks are interleaved, so that the memory latency of one hides behind the others: four trees for one row, four
rows for a block of rows. No value of a row is used as an index before it is checked to lie in its set.
"""

import math

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled
from cardrisk.risk.trees.layout import AT_LEAF, CATEGORY, NO_SETS

Array = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.void]
Int32s = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]

ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold is a float
BLOCK = 32  # rows whose columns stay in the first-level cache while all trees pass over them

IDENTITY, SIGMOID, SOFTMAX = 0, 1, 2


@compiled
def fill_columns(row: Array, columns: Int32s, out: Array) -> None:
    """Write the columns of one row: values after their treatment of missing ones.

    Parameters
    ----------
    row
        float64 features of one row.
    columns
        (columns, 2): feature and treatment, see `layout.Tables`.
    out
        float64, one entry per column. A value that must go left at every threshold becomes -inf, one that
        must go right NaN; a category becomes its integer, or -1 where it goes right at every split.
    """
    for k in range(columns.shape[0]):
        value = row[columns[k, 0]]
        treatment = columns[k, 1]
        if -ZERO <= value <= ZERO:
            value = 0.0
        if treatment == AT_LEAF:
            out[k] = -math.inf
            continue
        if treatment == CATEGORY:
            # NaN fails both comparisons.
            out[k] = math.trunc(value) if value > -1.0 and value < 2147483648.0 else -1.0
            continue
        if treatment == 0:
            missing = False
            if math.isnan(value):
                value = 0.0
        else:
            missing = math.isnan(value) or (treatment < 4 and value == 0.0)
        if missing:
            value = -math.inf if treatment & 1 else math.nan
        out[k] = value


@compiled
def numeric_step(node: np.uint64, column: np.int32, nodes: Nodes, filled: Array) -> np.uint64:
    """Return the node after ``node``, a leaf or numeric split on ``column``, for the row whose columns are ``filled``.

    Positions are unsigned, which spares the test for counting from the end.
    """
    return np.uint64(nodes[node].left) + np.uint64(not filled[np.uint64(column)] <= nodes[node].threshold)


@compiled
def step(node: np.uint64, column: np.int32, nodes: Nodes, filled: Array, words: Words) -> np.uint64:
    """Return the node after ``node``, of any kind."""
    if column >= 0:
        return numeric_step(node, column, nodes, filled)
    # Choices rather than branches: whether a category lies beyond the set is anybody's guess. -1 wraps beyond any set.
    category = np.uint64(np.int64(filled[np.uint64(-column)]))
    start = np.uint64(nodes[node].threshold)
    word = category >> np.uint64(5)
    within = word < np.uint64(words[start])
    at = start + (word + np.uint64(1) if within else np.uint64(0))
    in_set = (np.uint64(words[at]) >> (category & np.uint64(31))) & np.uint64(within)
    return np.uint64(nodes[node].left) + np.uint64(1) - in_set


@compiled
def leaf_of(root: np.uint64, nodes: Nodes, filled: Array, words: Words) -> np.uint64:
    """Position of the leaf that the row whose columns are ``filled`` reaches from ``root``."""
    node = root
    while nodes[node].column != 0:
        node = step(node, nodes[node].column, nodes, filled, words)
    return node


@compiled
def four_leaves(at: tuple, nodes: Nodes, filled: tuple, words: Words) -> tuple:  # type: ignore[type-arg]
    """Positions of the leaves of four walks at once: from ``at[i]`` with the columns ``filled[i]``."""
    a, b, c, d = at
    u, v, w, x = filled
    while True:
        e, f, g, h = nodes[a].column, nodes[b].column, nodes[c].column, nodes[d].column
        kinds = e | f | g | h  # negative if any is categorical, 0 if all are leaves
        if kinds > 0:
            a, b = numeric_step(a, e, nodes, u), numeric_step(b, f, nodes, v)
            c, d = numeric_step(c, g, nodes, w), numeric_step(d, h, nodes, x)
        elif kinds == 0:
            return a, b, c, d
        else:
            a, b = step(a, e, nodes, u, words), step(b, f, nodes, v, words)
            c, d = step(c, g, nodes, w, words), step(d, h, nodes, x, words)


@compiled
def four_numeric_leaves(at: tuple, nodes: Nodes, filled: tuple) -> tuple:  # type: ignore[type-arg]
    """`four_leaves` for a model without categorical splits, of half the instructions."""
    a, b, c, d = at
    u, v, w, x = filled
    while True:
        e, f, g, h = nodes[a].column, nodes[b].column, nodes[c].column, nodes[d].column
        if e | f | g | h == 0:
            return a, b, c, d
        a, b = numeric_step(a, e, nodes, u), numeric_step(b, f, nodes, v)
        c, d = numeric_step(c, g, nodes, w), numeric_step(d, h, nodes, x)


@compiled
def sum_trees(filled: Array, nodes: Nodes, roots: Int32s, words: Words, out: Array) -> None:
    """Add up some trees for one row.

    Parameters
    ----------
    filled
        float64, what `fill_columns` made of the row.
    nodes, words
        `layout.Tables`.
    roots
        Where the trees start, and the end: all of `layout.Tables.roots`, or a stretch of it.
    out
        float64, one entry per output; overwritten with raw scores.
    """
    out[:] = 0.0
    trees, outputs = roots.shape[0] - 1, out.shape[0]
    numeric = words.shape[0] == NO_SETS
    four = (filled, filled, filled, filled)
    tree = 0
    while tree + 4 <= trees:
        p, q = np.uint64(roots[tree]), np.uint64(roots[tree + 1])
        r, s = np.uint64(roots[tree + 2]), np.uint64(roots[tree + 3])
        if numeric:
            a, b, c, d = four_numeric_leaves((p, q, r, s), nodes, four)
        else:
            a, b, c, d = four_leaves((p, q, r, s), nodes, four, words)
        out[tree % outputs] += nodes[a].threshold
        out[(tree + 1) % outputs] += nodes[b].threshold
        out[(tree + 2) % outputs] += nodes[c].threshold
        out[(tree + 3) % outputs] += nodes[d].threshold
        tree += 4
    for last in range(tree, trees):
        out[last % outputs] += nodes[leaf_of(np.uint64(roots[last]), nodes, filled, words)].threshold


@compiled
def raw_row(row: Array, nodes: Nodes, roots: Int32s, columns: Int32s, words: Words, out: Array) -> None:
    """Add up the trees for one row.

    Parameters
    ----------
    row
        float64, one value per feature.
    nodes, roots, columns, words
        `layout.Tables`.
    out
        float64, one entry per output; overwritten with raw scores.
    """
    filled = np.empty(columns.shape[0])
    fill_columns(row, columns, filled)
    sum_trees(filled, nodes, roots, words, out)


@compiled
def raw_rows(rows: Array, nodes: Nodes, roots: Int32s, columns: Int32s, words: Words, out: Array) -> None:
    """Add up the trees for every row: ``rows`` (n, features) into ``out`` (n, outputs), as `raw_row` does for one."""
    outputs = out.shape[1]
    numeric = words.shape[0] == NO_SETS
    filled = np.empty((BLOCK, columns.shape[0]))
    out[:] = 0.0
    for first in range(0, rows.shape[0], BLOCK):
        count = min(BLOCK, rows.shape[0] - first)
        for k in range(count):
            fill_columns(rows[first + k], columns, filled[k])
        fours = count - count % 4
        for tree in range(roots.shape[0] - 1):
            root, o = np.uint64(roots[tree]), tree % outputs
            for k in range(0, fours, 4):
                four = (filled[k], filled[k + 1], filled[k + 2], filled[k + 3])
                if numeric:
                    a, b, c, d = four_numeric_leaves((root, root, root, root), nodes, four)
                else:
                    a, b, c, d = four_leaves((root, root, root, root), nodes, four, words)
                out[first + k, o] += nodes[a].threshold
                out[first + k + 1, o] += nodes[b].threshold
                out[first + k + 2, o] += nodes[c].threshold
                out[first + k + 3, o] += nodes[d].threshold
            for k in range(fours, count):
                out[first + k, o] += nodes[leaf_of(root, nodes, filled[k], words)].threshold


@compiled
def link_row(out: Array, link: int, slope: float) -> None:
    """Turn the raw scores of one row into predictions, in place, by LightGBM's own formulas in its own order.

    Parameters
    ----------
    out
        float64 raw scores.
    link
        IDENTITY, SIGMOID (each output apart) or SOFTMAX.
    slope
        The objective's ``sigmoid`` parameter.
    """
    if link == SIGMOID:
        for k in range(out.shape[0]):
            out[k] = 1.0 / (1.0 + math.exp(-slope * out[k]))
    elif link == SOFTMAX:
        top = out[0]
        for k in range(1, out.shape[0]):
            top = max(out[k], top)
        total = 0.0
        for k in range(out.shape[0]):
            out[k] = math.exp(out[k] - top)
            total += out[k]
        for k in range(out.shape[0]):
            out[k] /= total


@compiled
def predict_row(
    row: Array,
    nodes: Nodes,
    roots: Int32s,
    columns: Int32s,
    words: Words,
    out: Array,
    link: int,
    slope: float,
) -> None:
    """`raw_row`, then `link_row`."""
    raw_row(row, nodes, roots, columns, words, out)
    link_row(out, link, slope)


@compiled
def link_rows(out: Array, link: int, slope: float) -> None:
    """`link_row` on every row of ``out`` (n, outputs)."""
    for k in range(out.shape[0]):
        link_row(out[k], link, slope)
