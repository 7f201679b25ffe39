"""Exact contributions of features to raw scores (path-dependent Shapley values), compiled.

Correct means: equal to LightGBM's ``pred_contrib`` to 1e-9, and summing to the raw score.

For a leaf of value v whose path asks for n different features, let z be the share of training rows that follow the
path's splits on feature j, and o be 1 if the row at hand follows them all, else 0. With Shapley's weights written as
|S|! (n - 1 - |S|)! / n! = integral over t in [0, 1] of t^|S| (1 - t)^(n - 1 - |S|), feature i receives

    v (o_i - z_i) * integral of the product over j != i of (z_j + (o_j - z_j) t) dt.

The integrand is a polynomial of degree n - 1, so Gauss-Legendre quadrature with n / 2 points is exact, and every factor
is positive, so it is stable. All is kept at the quadrature points: one pass down a tree multiplies factors, one pass
up adds leaves, and a split's part is the product of what is above it and what is below. That is O(leaves x points) per
tree, as in Linear TreeSHAP (Yu et al., 2022), whose polynomial arithmetic the quadrature replaces.

A feature that is asked again further down has one factor, that of its last split: the pass down replaces the factor,
and the pass up takes from the feature what its earlier split counted for the leaves below the later one.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled
from cardrisk.errors import ModelError
from cardrisk.risk.trees.eight import POINTS, Eight, many, over, plus, read, times, write
from cardrisk.risk.trees.kernels import Array, Int32s, Nodes, Words, fill_columns, step
from cardrisk.risk.trees.layout import Tables

Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Ways = npt.NDArray[np.int8]

# POINTS are handled together, in a register; 16 features on a path need no more.
WIDTH, NONE = np.uint64(POINTS), np.uint64(0)
MAX_FEATURES_ON_PATH = 256
FIRST, AGAIN, LOST = 0, 2, 4
"""What a split is to its row: the first of its feature on the path; a later one, all earlier ones followed; a later one
after one that was not. One more: the row goes right."""

SPLIT = np.dtype(
    [
        ("share_left", np.float64),
        ("share_right", np.float64),
        ("share_above", np.float64),
        ("node", np.uint32),
        ("feature", np.uint32),
        ("above", np.int64),
    ]
)
"""One split: shares of the training rows that follow this and all earlier splits of the path on the same feature, to
the left, to the right, and to the node below the previous such split (1 if none); the split's position in its tree; its
feature; the position of the node below the previous such split, -1 if none. Split i's children stand at 2 i + 1 and
2 i + 2."""


class Paths(NamedTuple):
    """What contributions need beyond `Tables`.

    Attributes
    ----------
    splits
        SPLIT records, tree after tree, in the order of the model's text.
    starts
        int64, trees + 1: where each tree's splits start, and the end.
    deep
        bool, one per tree: whether some path asks for more than 2 * POINTS features.
    points, weights
        float64, (rows, POINTS): quadrature over [0, 1]; the first row is the rule of trees that are not deep, the
        others together are that of the deep ones.
    expected
        float64, one per output: the mean raw score over the training rows.
    """

    splits: npt.NDArray[np.void]
    starts: npt.NDArray[np.int64]
    deep: Flags
    points: Array
    weights: Array
    expected: Array


@compiled
def _trace(
    size: int, left: Int32s, feature: Int32s, cover: Int32s, latest: Int32s, parent: Int32s, above: Int32s, share: Array
) -> int:
    """Walk one tree of ``size`` nodes depth first; fill ``parent``, ``above`` and ``share`` node by node.

    ``left`` is the left child's position (0 at a leaf) and ``feature`` the split's; ``latest`` holds -1 for every
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
                share[node] = cover[node] / cover[up] * (share[previous] if previous >= 0 else 1.0)
                above[node] = previous
                latest[feature[up]] = node
                different += previous < 0
            if left[node] != 0:
                node = left[node]
                continue
            most = max(most, different)
        # Everything below is done: undo this step, then take the sibling or, after the right one, the parent.
        if up >= 0:
            latest[feature[up]] = above[node]
            different -= above[node] < 0
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
    latest = np.full(columns[:, 0].max() + 1, -1, np.int32)
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


def _splits(tables: Tables, parent: Int32s, above: Int32s, share: Array) -> tuple[npt.NDArray[np.void], Longs]:
    """Gather what `_trace` found into SPLIT records, and where each tree's start."""
    counts = (np.diff(tables.roots).astype(np.int64) - 1) // 2
    ends = np.cumsum(counts)
    tree = np.repeat(np.arange(counts.size), counts)
    root = tables.roots[tree].astype(np.int64)
    left = root + 1 + 2 * (np.arange(tree.size) - (ends - counts)[tree])
    splits = np.empty(tree.size, SPLIT)
    splits["share_left"], splits["share_right"] = share[left], share[left + 1]
    splits["share_above"] = np.where(above[left] >= 0, share[root + above[left]], 1.0)
    splits["node"] = parent[left]
    splits["feature"] = tables.columns[np.abs(tables.nodes["column"][root + parent[left]]), 0]
    splits["above"] = above[left]
    return splits, np.append(0, ends)


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
    parent, above, share = np.full(size, -1, np.int32), np.full(size, -1, np.int32), np.ones(size)
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
    splits, starts = _splits(tables, parent, above, share)
    return Paths(splits, starts, deep, (points + 1.0) / 2.0, weights / 2.0, _expected(tables, cover, outputs))


@compiled
def _line(a: float, b: float, t: Eight) -> Eight:
    return plus(many(a), times(many(b), t))


@compiled
def _scaled(a: float, v: Eight) -> Eight:
    return times(many(a), v)


@compiled
def _go_down(
    root: np.uint64,
    nodes: Nodes,
    splits: Nodes,
    filled: Array,
    words: Words,
    points: Array,
    rest: Array,
    follows: Flags,
    ways: Ways,
    product: Array,
) -> None:
    """Per node: does the row follow the last feature's splits on the path, and the product of factors above.

    ``ways`` says of each split where the row goes and which of the factors it has; ``rest`` is 1 - t. np.divide spares
    a test for zero: no divisor is.
    """
    t, left = read(points, NONE), read(rest, NONE)
    for i in range(np.uint64(splits.shape[0])):
        split = splits[i]
        node, first = np.uint64(split.node), np.uint64(2) * i + np.uint64(1)
        right = step(root + node, nodes[root + node].column, nodes, filled, words) - root - first
        taken, other = first + right, first + np.uint64(1) - right
        share = split.share_right if right else split.share_left
        share_other = split.share_left if right else split.share_right
        above, follows[other] = read(product, node * WIDTH), False
        if split.above < 0:
            ways[i], follows[taken] = FIRST + right, True
            write(product, taken * WIDTH, times(above, _line(share, 1.0 - share, t)))
            write(product, other * WIDTH, times(above, _scaled(share_other, left)))
        elif follows[np.uint64(split.above)]:
            ways[i], follows[taken] = AGAIN + right, True
            undone = over(above, _line(split.share_above, 1.0 - split.share_above, t))
            write(product, taken * WIDTH, times(undone, _line(share, 1.0 - share, t)))
            write(product, other * WIDTH, times(undone, _scaled(share_other, left)))
        else:
            # The feature was lost before: only the shares change, and both splits count the same, which cancels.
            ways[i], follows[taken] = LOST + right, False
            write(product, taken * WIDTH, _scaled(np.divide(share, split.share_above), above))
            write(product, other * WIDTH, _scaled(np.divide(share_other, split.share_above), above))


@compiled
def _below(node: np.uint64, at: np.uint64, nodes: Nodes, below: Array) -> Eight:
    """Return what stands below a node: a leaf's value, or what was added up."""
    leaf = nodes[node].column == 0  # a choice without a branch: whatever ``below`` holds of a leaf is finite
    value, kept = nodes[node].threshold if leaf else 0.0, 0.0 if leaf else 1.0
    return _line(value, kept, read(below, at * WIDTH))


@compiled
def _go_up(
    root: np.uint64,
    nodes: Nodes,
    splits: Nodes,
    points: Array,
    rest: Array,
    ways: Ways,
    product: Array,
    below: Array,
    out: Array,
) -> None:
    """Add up the leaves below each node, times the factors below it, and every split's part in ``out``.

    A split's part are the leaves below it times (o - z) times all factors but its feature's own: those above it stand
    in ``product``, so that nothing is divided out. Where the feature was asked before, what that earlier split counts
    for these leaves is taken off. ``out`` has POINTS entries a feature, to be added up in the end.
    """
    count, t, left = np.uint64(splits.shape[0]), read(points, NONE), read(rest, NONE)
    for j in range(count):
        i = count - np.uint64(1) - j
        split = splits[i]
        node, place, right = np.uint64(split.node), np.uint64(split.feature) * WIDTH, np.uint64(ways[i] & 1)
        taken = np.uint64(2) * i + np.uint64(1) + right
        other = np.uint64(4) * i + np.uint64(3) - taken
        share = split.share_right if right else split.share_left
        share_other = split.share_left if right else split.share_right
        gone, lost = _below(root + taken, taken, nodes, below), _below(root + other, other, nodes, below)
        if ways[i] >= LOST:
            ratio, ratio_other = np.divide(share, split.share_above), np.divide(share_other, split.share_above)
            write(below, node * WIDTH, plus(_scaled(ratio, gone), _scaled(ratio_other, lost)))
            continue
        lift, lift_above = 1.0 - share, 1.0 - split.share_above
        here = plus(times(_line(share, lift, t), gone), times(_scaled(share_other, left), lost))
        part = plus(_scaled(lift, gone), _scaled(-share_other, lost))
        if ways[i] < AGAIN:
            write(below, node * WIDTH, here)
            write(out, place, plus(read(out, place), times(read(product, node * WIDTH), part)))
        else:
            asked = _line(split.share_above, lift_above, t)
            once = over(here, asked)
            rest_of_it = over(plus(part, _scaled(-lift_above, once)), asked)
            write(below, node * WIDTH, once)
            write(out, place, plus(read(out, place), times(read(product, node * WIDTH), rest_of_it)))


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
    starts: Longs,
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
    splits, starts, deep, points, weights, expected
        `Paths`.
    out
        float64 (n, outputs, features + 1), overwritten; the last entry is the expected raw score.
    """
    outputs, largest = out.shape[1], 0
    for tree in range(roots.shape[0] - 1):
        largest = max(largest, roots[tree + 1] - roots[tree])
    filled = np.empty(columns.shape[0])
    follows, ways = np.zeros(largest, np.bool_), np.empty(largest, np.int8)
    product, below = _in_lines(largest * POINTS), _in_lines(largest * POINTS)
    parts = _in_lines(outputs * (out.shape[2] - 1) * POINTS).reshape(outputs, -1)
    rest = 1.0 - points
    for row in range(rows.shape[0]):
        fill_columns(rows[row], columns, filled)
        parts[:] = 0.0
        for tree in range(roots.shape[0] - 1):
            root, here = np.uint64(roots[tree]), splits[starts[tree] : starts[tree + 1]]
            first, end = (1, points.shape[0]) if deep[tree] else (0, 1)
            for block in range(first, end):
                product[:POINTS] = weights[block]
                at, left = points[block], rest[block]
                _go_down(root, nodes, here, filled, words, at, left, follows, ways, product)
                _go_up(root, nodes, here, at, left, ways, product, below, parts[tree % outputs])
        for output in range(outputs):
            for feature in range(out.shape[2] - 1):
                out[row, output, feature] = parts[output, feature * POINTS : (feature + 1) * POINTS].sum()
            out[row, output, -1] = expected[output]
