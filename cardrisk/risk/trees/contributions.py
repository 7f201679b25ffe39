"""Exact contributions of features to raw scores (path-dependent Shapley values), compiled.

Correct means: equal to LightGBM's ``pred_contrib`` to 1e-9, and summing to the raw score.

For a leaf of value v whose path asks for n different features, let z be the share of training rows that follow the
path's splits on feature j, and o be 1 if the row at hand follows them all, else 0. With Shapley's weights written as
|S|! (n - 1 - |S|)! / n! = integral over t in [0, 1] of t^|S| (1 - t)^(n - 1 - |S|), feature i receives

    v (o_i - z_i) * integral of the product over j != i of (z_j + (o_j - z_j) t) dt.

The integrand is a polynomial of degree n - 1, so Gauss-Legendre quadrature with n / 2 points is exact, and every factor
is positive, so it is stable. All is kept at the quadrature points: one pass down a tree multiplies factors
z (1 - t) + o t, one pass up adds leaves, and a split's part is the product of what is above it and what is below. That
is O(leaves x points) per tree, as in Linear TreeSHAP (Yu et al., 2022), whose polynomial arithmetic the quadrature
replaces.

A feature that is asked again further down has one factor, that of its last split, and z and o shrink from split to
split. Let z and o be those of a split's feature as the path reaches the split, and z_s and o_s those beyond it, to
either side; b_s are the leaves there times the factors of what is asked further down, and ``product`` are the factors
of all other features above. With

    mean = sum of z_s b_s,    part = sum of (o_s - z_s) b_s = (b of the side the row follows, else 0) - mean

the leaves below the split count b = (mean + t part) / (z (1 - t) + o t) to what stands above, which has the divisor for
a factor, and the feature receives product (part - (o - z) b): what its earlier splits count for these leaves is taken
off. Where the feature was not asked before, z = o = 1, divisor and correction are 1 and 0 to the bit, and nothing needs
to be told apart. That is on purpose: which splits are a feature's first, and which ones a row follows, has no pattern
that a processor could guess, and guessing wrong costs more than dividing by 1.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled
from cardrisk.errors import ModelError
from cardrisk.risk.trees.eight import POINTS, Eight, many, minus, over, plus, read, times, write
from cardrisk.risk.trees.kernels import Array, Int32s, Nodes, Words, fill_columns, step
from cardrisk.risk.trees.layout import Tables

Places = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

# POINTS are handled together, in a register; 16 features on a path need no more.
WIDTH, NONE, ONE = np.uint64(POINTS), np.uint64(0), np.uint64(1)
MAX_FEATURES_ON_PATH = 256

SPLIT = np.dtype([("node", np.uint32), ("first", np.uint32), ("above", np.uint32), ("feature", np.uint32)])
"""One split: its position in its tree; that of its left child, whose sibling is the next; that of the node below the
previous split of the path on the same feature, 0 if there is none; its feature."""


class Paths(NamedTuple):
    """What contributions need beyond `Tables`.

    Attributes
    ----------
    splits
        SPLIT records, tree after tree, in each those near the root first, so that neighbours need not wait for each
        other.
    share
        float64, one per node: the share of the training rows that follow all splits of the path on the feature that was
        asked last; 1 at the root.
    deep
        bool, one per tree: whether some path asks for more than 2 * POINTS features.
    points, weights
        float64, (rows, POINTS): quadrature over [0, 1]; the first row is the rule of trees that are not deep, the
        others together are that of the deep ones.
    expected
        float64, one per output: the mean raw score over the training rows.
    """

    splits: npt.NDArray[np.void]
    share: Array
    deep: Flags
    points: Array
    weights: Array
    expected: Array


@compiled
def _trace(
    size: int, left: Int32s, feature: Int32s, cover: Int32s, latest: Int32s, parent: Int32s, above: Int32s, share: Array
) -> int:
    """Walk one tree of ``size`` nodes depth first; fill ``parent``, ``above`` and ``share`` node by node.

    ``left`` is the left child's position (0 at a leaf) and ``feature`` the split's; ``latest`` holds 0 for every
    feature, here and afterwards. Returns the largest number of different features on a path.
    """
    for p in range(size):
        if left[p] != 0:
            parent[left[p]] = parent[left[p] + 1] = p
    most, different, node, coming_up = 0, 0, 0, False
    while node >= 0:
        up = parent[node]
        if not coming_up:
            if up >= 0:
                previous = latest[feature[up]]
                share[node] = cover[node] / cover[up] * share[previous]
                above[node] = previous
                latest[feature[up]] = node
                different += previous == 0
            if left[node] != 0:
                node = left[node]
                continue
            most = max(most, different)
        # Everything below is done: undo this step, then take the sibling or, after the right one, the parent.
        if up >= 0:
            latest[feature[up]] = above[node]
            different -= above[node] == 0
            coming_up = node != left[up]
            node = up if coming_up else node + 1
        else:
            node = -1
    return most


@compiled
def _trace_all(
    nodes: Nodes, roots: Int32s, columns: Int32s, cover: Int32s, parent: Int32s, above: Int32s, share: Array
) -> Int32s:
    """`_trace` for every tree; return the answers."""
    most = np.zeros(roots.shape[0] - 1, np.int32)
    latest = np.zeros(columns[:, 0].max() + 1, np.int32)
    left, feature = np.zeros(nodes.shape[0], np.int32), np.zeros(nodes.shape[0], np.int32)
    for tree in range(roots.shape[0] - 1):
        first, end = roots[tree], roots[tree + 1]
        for p in range(first, end):
            if nodes[p].column != 0:
                left[p] = np.int64(nodes[p].left) - first
                feature[p] = columns[abs(nodes[p].column), 0]
        most[tree] = _trace(
            end - first,
            left[first:end],
            feature[first:end],
            cover[first:end],
            latest,
            parent[first:end],
            above[first:end],
            share[first:end],
        )
    return most


@compiled
def _depths(nodes: Nodes) -> Int32s:
    """Return how many splits stand above each node; children come after their parents."""
    depths = np.zeros(nodes.shape[0], np.int32)
    for p in range(nodes.shape[0]):
        if nodes[p].column != 0:
            depths[nodes[p].left] = depths[nodes[p].left + 1] = depths[p] + 1
    return depths


def _splits(tables: Tables, parent: Int32s, above: Int32s) -> npt.NDArray[np.void]:
    """Gather what `_trace` found into SPLIT records."""
    root = np.repeat(tables.roots[:-1], np.diff(tables.roots))
    left = np.flatnonzero((np.arange(root.size) - root) % 2)
    left = left[np.lexsort((_depths(tables.nodes)[left], root[left]))]
    splits = np.empty(left.size, SPLIT)
    splits["node"], splits["first"], splits["above"] = parent[left], left - root[left], above[left]
    splits["feature"] = tables.columns[np.abs(tables.nodes["column"][root[left] + parent[left]]), 0]
    return splits


def _expected(tables: Tables, cover: Int32s, outputs: int) -> Array:
    """Mean raw score over the training rows, one per output."""
    roots = tables.roots[:-1]
    size = np.diff(tables.roots)
    share = cover / np.repeat(cover[roots], size)
    values = np.where(tables.nodes["column"] == 0, share * tables.nodes["threshold"], 0.0)
    means = np.add.reduceat(values, roots)
    return np.array([means[output::outputs].sum() for output in range(outputs)])


def trace(tables: Tables, covers: npt.NDArray[np.int32], outputs: int) -> Paths:
    """Prepare contributions: which share of the training rows follows each split, path by path.

    Raises
    ------
    ModelError
        If the model does not say how many training rows reached each node, or asks for more than 256 features on one
        path.
    """
    roots, size = tables.roots, tables.nodes.size
    cover = covers.copy()
    cover[roots[:-1][np.diff(roots) == 1]] = 1  # a tree of one leaf needs no count
    if cover.min() < 1:
        raise ModelError("contributions need every node's training count, got one that is 0; train the model again")
    parent, above, share = np.full(size, -1, np.int32), np.zeros(size, np.int32), np.ones(size)
    most = _trace_all(tables.nodes, roots, tables.columns, cover, parent, above, share)
    largest = int(most.max())
    if largest > MAX_FEATURES_ON_PATH:
        raise ModelError(
            f"contributions allow {MAX_FEATURES_ON_PATH} features on a path, got {largest}; limit max_depth"
        )
    rules = [np.polynomial.legendre.leggauss(POINTS)]
    deep = most > 2 * POINTS
    if deep.any():
        rules.append(np.polynomial.legendre.leggauss(-(-largest // (2 * POINTS)) * POINTS))
    points, weights = (np.concatenate(both).reshape(-1, POINTS) for both in zip(*rules, strict=True))
    splits, expected = _splits(tables, parent, above), _expected(tables, cover, outputs)
    return Paths(splits, share, deep, (points + 1.0) / 2.0, weights / 2.0, expected)


@compiled
def _begin(root: np.uint64, end: np.uint64, nodes: Nodes, weights: Array, product: Array, below: Array) -> None:
    """Put in place what stands above the root, and below every leaf: its value, below nowhere: 0.

    A split's threshold is put below it all the same: telling it from a leaf takes longer, and `_go_up` writes over it.
    """
    write(product, NONE, read(weights, NONE))
    write(below, NONE, many(0.0))
    for k in range(ONE, end - root):
        write(below, k * WIDTH, many(nodes[root + k].threshold))


@compiled
def _factor(share: float, follows: float, t: Eight, rest: Eight) -> Eight:
    return plus(times(many(share), rest), times(many(follows), t))


@compiled
def _split_over(node: np.uint64) -> np.uint64:
    """Return the number, from 1, of the split that a node is a child of; 0 for the root."""
    return (node + ONE) >> ONE


@compiled
def _go_down(
    root: np.uint64,
    nodes: Nodes,
    splits: Nodes,
    share: Array,
    filled: Array,
    words: Words,
    points: Array,
    rest: Array,
    went: Places,
    product: Array,
    inverse: Array,
) -> None:
    """Per split: where the row goes, the product of the factors above of other features, and 1 / its own one's.

    ``went`` is the child that the row goes to, 0 if it did not follow the feature's earlier splits; as the root is at 0
    and ``went[0]`` is 0, the root is followed. ``rest`` is 1 - t.
    """
    t, left = read(points, NONE), read(rest, NONE)
    for i in range(np.uint64(splits.shape[0])):
        split = splits[i]
        node, above, own = np.uint64(split.node), np.uint64(split.above), _split_over(np.uint64(split.first))
        up, earlier = _split_over(node), _split_over(above)
        follows = went[earlier] == above
        undone = over(many(1.0), _factor(share[root + above], np.float64(follows), t, left))
        factor = _factor(share[root + node], np.float64(went[up] == node), t, left)
        write(product, own * WIDTH, times(times(read(product, up * WIDTH), factor), undone))
        write(inverse, own * WIDTH, undone)
        at = step(root + node, nodes[root + node].column, nodes, filled, words)
        went[own] = (at - root) * np.uint64(follows)


@compiled
def _go_up(
    root: np.uint64,
    splits: Nodes,
    share: Array,
    points: Array,
    went: Places,
    product: Array,
    inverse: Array,
    below: Array,
    out: Array,
) -> None:
    """Add up the leaves below each node, times the factors below it, and every split's part in ``out``.

    ``out`` has POINTS entries a feature, to be added up in the end.
    """
    count, t = np.uint64(splits.shape[0]), read(points, NONE)
    for j in range(count):
        split = splits[count - j - ONE]
        node, first, place = np.uint64(split.node), np.uint64(split.first), np.uint64(split.feature) * WIDTH
        own, right = _split_over(first), first + ONE
        to_left = times(many(share[root + first]), read(below, first * WIDTH))
        mean = plus(to_left, times(many(share[root + right]), read(below, right * WIDTH)))
        part = minus(read(below, went[own] * WIDTH), mean)
        once = times(plus(mean, times(t, part)), read(inverse, own * WIDTH))
        write(below, node * WIDTH, once)
        counted = times(many(np.float64(went[own] != NONE) - share[root + np.uint64(split.above)]), once)
        write(out, place, plus(read(out, place), times(read(product, own * WIDTH), minus(part, counted))))


@compiled
def _in_lines(size: int) -> Array:
    """Return zeros that begin with a line of the processor's cache, so that no eight of them lie in two."""
    room = np.zeros(size + POINTS)
    first = (-room.ctypes.data // 8) % POINTS
    return room[first : first + size]


@compiled
def contribution_rows(
    rows: Array,
    nodes: Nodes,
    roots: Int32s,
    columns: Int32s,
    words: Words,
    splits: Nodes,
    share: Array,
    deep: Flags,
    points: Array,
    weights: Array,
    expected: Array,
    out: Array,
) -> None:
    """Contributions of every feature to every output.

    Parameters
    ----------
    rows
        float64 (n, features).
    nodes, roots, columns, words
        `layout.Tables`.
    splits, share, deep, points, weights, expected
        `Paths`.
    out
        float64 (n, outputs, features + 1), overwritten; the last entry is the expected raw score.
    """
    outputs, trees, largest = out.shape[1], roots.shape[0] - 1, 0
    for tree in range(trees):
        largest = max(largest, roots[tree + 1] - roots[tree])
    filled = np.empty(columns.shape[0])
    numbers = largest // 2 + 1  # of splits, and 0
    went, below = np.zeros(numbers, np.uint64), _in_lines(largest * POINTS)
    product, inverse = _in_lines(numbers * POINTS), _in_lines(numbers * POINTS)
    parts = _in_lines(outputs * (out.shape[2] - 1) * POINTS).reshape(outputs, -1)
    rest = 1.0 - points
    for row in range(rows.shape[0]):
        fill_columns(rows[row], columns, filled)
        parts[:] = 0.0
        for tree in range(trees):
            root, end = np.uint64(roots[tree]), np.uint64(roots[tree + 1])
            here = splits[(roots[tree] - tree) // 2 : (roots[tree + 1] - tree) // 2]  # each tree has a leaf more
            first, last = (1, points.shape[0]) if deep[tree] else (0, 1)
            for block in range(first, last):
                at, left = points[block], rest[block]
                _begin(root, end, nodes, weights[block], product, below)
                _go_down(root, nodes, here, share, filled, words, at, left, went, product, inverse)
                _go_up(root, here, share, at, went, product, inverse, below, parts[tree % outputs])
        for output in range(outputs):
            for feature in range(out.shape[2] - 1):
                out[row, output, feature] = parts[output, feature * POINTS : (feature + 1) * POINTS].sum()
            out[row, output, -1] = expected[output]
