"""Compiled evaluation of trees: the same bits as LightGBM's own.

Correct means: for every row of float64, each output is the sum of its trees' leaf values in file order, from 0.0, and
the leaf of a tree is the one that LightGBM's decision rules reach:

- a value within 1e-35 (as float32) of zero is zero;
- numeric split: missing type none reads NaN as 0; missing type zero sends 0 and NaN the default way; missing type NaN
  sends NaN the default way; all else goes left when at most the threshold;
- categorical split: NaN, values at or below -1 and values of 2**31 or more go right; others are cut to an integer and
  go left when it is in the split's set.

Eight trees are walked at a time, so that the memory latency of one walk hides behind the others; many rows are
handled by `cardrisk.risk.trees.batch`. No value of a row is used as an index before it is checked to lie in its set.
"""

import math

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled
from cardrisk.risk.trees.layout import AT_LEAF, CATEGORY

Array = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.void]
Int32s = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint32]

ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold is a float

IDENTITY, SIGMOID, SOFTMAX = 0, 1, 2


@compiled
def fill_value(value: float, treatment: int) -> float:
    """Return a feature's value after its treatment of missing ones, see `layout.Tables`.

    A value that must go left at every threshold becomes -inf, one that must go right NaN; a category becomes its
    integer, or -1 where it goes right at every split.
    """
    if -ZERO <= value <= ZERO:
        value = 0.0
    if treatment == AT_LEAF:
        return -math.inf
    if treatment == CATEGORY:
        # NaN fails both comparisons.
        return math.trunc(value) if value > -1.0 and value < 2147483648.0 else -1.0
    if treatment == 0:
        return 0.0 if math.isnan(value) else value
    if math.isnan(value) or (treatment < 4 and value == 0.0):
        return -math.inf if treatment & 1 else math.nan
    return value


@compiled
def fill_columns(row: Array, columns: Int32s, out: Array) -> None:
    """Write the columns of one row.

    Parameters
    ----------
    row
        float64 features of one row.
    columns
        (columns, 2): feature and treatment, see `layout.Tables`.
    out
        float64, one entry per column, as `fill_value` has it.
    """
    for k in range(columns.shape[0]):
        out[k] = fill_value(row[columns[k, 0]], columns[k, 1])


@compiled
def numeric_step(node: np.uint64, column: np.int32, nodes: Nodes, filled: Array) -> np.uint64:
    """Return the node after ``node``, a leaf or numeric split on ``column``, for the row whose columns are ``filled``.

    Positions are unsigned, which spares the test for counting from the end.
    """
    return np.uint64(nodes[node].left) + np.uint64(not filled[np.uint64(column)] <= nodes[node].threshold)


@compiled
def in_set(value: float, start: np.uint64, words: Words) -> np.uint64:
    """Return 1 if the category that a column holds is in the set at ``start``, else 0."""
    # Choices rather than branches: whether a category lies beyond the set is anybody's guess. -1 wraps beyond any set.
    category = np.uint64(np.int64(value))
    word = category >> np.uint64(5)
    within = word < np.uint64(words[start])
    at = start + (word + np.uint64(1) if within else np.uint64(0))
    return (np.uint64(words[at]) >> (category & np.uint64(31))) & np.uint64(within)


@compiled
def step(node: np.uint64, column: np.int32, nodes: Nodes, filled: Array, words: Words) -> np.uint64:
    """Return the node after ``node``, of any kind."""
    if column >= 0:
        return numeric_step(node, column, nodes, filled)
    inside = in_set(filled[np.uint64(-column)], np.uint64(nodes[node].threshold), words)
    return np.uint64(nodes[node].left) + np.uint64(1) - inside


@compiled
def leaf_of(root: np.uint64, nodes: Nodes, filled: Array, words: Words) -> np.uint64:
    """Position of the leaf that the row whose columns are ``filled`` reaches from ``root``."""
    node = root
    while nodes[node].column != 0:
        node = step(node, nodes[node].column, nodes, filled, words)
    return node


@compiled
def eight_leaves(at: tuple, nodes: Nodes, filled: Array, words: Words) -> tuple:  # type: ignore[type-arg]
    """Positions of the leaves of eight walks at once, all for the row whose columns are ``filled``."""
    a, b, c, d, e, f, g, h = at
    while True:
        p, q, r, s = nodes[a].column, nodes[b].column, nodes[c].column, nodes[d].column
        t, u, v, w = nodes[e].column, nodes[f].column, nodes[g].column, nodes[h].column
        kinds = p | q | r | s | t | u | v | w  # negative if any is categorical, 0 if all are leaves
        if kinds > 0:
            a, b = numeric_step(a, p, nodes, filled), numeric_step(b, q, nodes, filled)
            c, d = numeric_step(c, r, nodes, filled), numeric_step(d, s, nodes, filled)
            e, f = numeric_step(e, t, nodes, filled), numeric_step(f, u, nodes, filled)
            g, h = numeric_step(g, v, nodes, filled), numeric_step(h, w, nodes, filled)
        elif kinds == 0:
            return a, b, c, d, e, f, g, h
        else:
            a, b = step(a, p, nodes, filled, words), step(b, q, nodes, filled, words)
            c, d = step(c, r, nodes, filled, words), step(d, s, nodes, filled, words)
            e, f = step(e, t, nodes, filled, words), step(f, u, nodes, filled, words)
            g, h = step(g, v, nodes, filled, words), step(h, w, nodes, filled, words)


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
    trees, outputs, tree = roots.shape[0] - 1, out.shape[0], 0
    while tree + 8 <= trees:
        p, q = np.uint64(roots[tree]), np.uint64(roots[tree + 1])
        r, s = np.uint64(roots[tree + 2]), np.uint64(roots[tree + 3])
        t, u = np.uint64(roots[tree + 4]), np.uint64(roots[tree + 5])
        v, w = np.uint64(roots[tree + 6]), np.uint64(roots[tree + 7])
        for leaf in eight_leaves((p, q, r, s, t, u, v, w), nodes, filled, words):
            out[tree % outputs] += nodes[leaf].threshold
            tree += 1
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
