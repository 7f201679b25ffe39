"""Exact contributions of features to raw scores (path-dependent Shapley values), compiled.

Correct means: equal to LightGBM's ``pred_contrib`` to 1e-9, and summing to the raw score.

For a leaf of value v whose path asks for n different features, let z be the share of training rows that follow the
path's splits on feature j, and o be 1 if the row at hand follows them all, else 0. With Shapley's weights written as
|S|! (n - 1 - |S|)! / n! = integral over t in [0, 1] of t^|S| (1 - t)^(n - 1 - |S|), feature i receives

    v (o_i - z_i) * integral of the product over j != i of (z_j + (o_j - z_j) t) dt.

The integrand is a polynomial of degree n - 1, so Gauss-Legendre quadrature with n / 2 points is exact, and every factor
is positive, so it is stable. Products are kept at the quadrature points: one pass down a tree multiplies factors, one
pass up adds leaves and divides each split's factor out again. That is O(leaves x points) per tree, as in Linear
TreeSHAP (Yu et al., 2022), whose polynomial arithmetic the quadrature replaces.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cardrisk._compiled import compiled
from cardrisk.errors import ModelError
from cardrisk.risk.trees.kernels import Array, Int32s, Nodes, Words, fill_columns, step
from cardrisk.risk.trees.layout import Tables

MAX_POINTS = 128

EDGE = np.dtype([("share", np.float64), ("feature", np.int32), ("above", np.int32)])
"""What leads into a node, 16 bytes: share of training rows that follow this and all earlier splits of the path on the
same feature; the feature; the position in the tree of the node below the previous such split, -1 if there is none."""


class Paths(NamedTuple):
    """What contributions need beyond `Tables`.

    Attributes
    ----------
    edges
        EDGE records, one per node.
    points, weights
        Quadrature over [0, 1].
    expected
        float64, one per output: the mean raw score over the training rows.
    """

    edges: npt.NDArray[np.void]
    points: Array
    weights: Array
    expected: Array


@compiled
def _trace(nodes: Nodes, roots: Int32s, columns: Int32s, covers: Int32s, edges: Nodes) -> int:
    """Fill ``edges``; return the largest number of different features on a path, or -1 if a count is zero."""
    most = 0
    latest = np.full(columns[:, 0].max() + 1, -1, np.int32)  # per feature: node below its latest split on the path
    for tree in range(roots.shape[0] - 1):
        root, size = roots[tree], roots[tree + 1] - roots[tree]
        parent = np.full(size, -1, np.int32)
        node, different, coming_up = np.int64(0), 0, False
        for p in range(size):
            if nodes[root + p].column != 0:
                left = np.int64(nodes[root + p].left) - root
                parent[left] = parent[left + 1] = p
        while node >= 0:
            up = np.int64(parent[node])
            if not coming_up:
                if covers[root + node] <= 0:
                    return -1
                if up >= 0:
                    feature = columns[abs(nodes[root + up].column), 0]
                    above = latest[feature]
                    share = covers[root + node] / covers[root + up]
                    if above >= 0:
                        share *= edges[root + above].share
                    else:
                        different += 1
                    edges[root + node].share = share
                    edges[root + node].feature = feature
                    edges[root + node].above = above
                    latest[feature] = node
                if nodes[root + node].column != 0:
                    node = np.int64(nodes[root + node].left) - root
                    continue
                most = max(most, different)
            # Everything below is done: undo this edge, then its sibling or, after the right one, the parent.
            if up >= 0:
                above = edges[root + node].above
                latest[edges[root + node].feature] = above
                different -= above < 0
                coming_up = node != np.int64(nodes[root + up].left) - root
                node = up if coming_up else node + 1
            else:
                node = np.int64(-1)
    return most


@compiled
def _expected(nodes: Nodes, roots: Int32s, covers: Int32s, out: Array) -> None:
    for tree in range(roots.shape[0] - 1):
        root, total = roots[tree], 0.0
        if roots[tree + 1] - root == 1:
            total = nodes[root].threshold
        else:
            for p in range(root, roots[tree + 1]):
                if nodes[p].column == 0:
                    total += covers[p] / covers[root] * nodes[p].threshold
        out[tree % out.shape[0]] += total


def trace(tables: Tables, covers: npt.NDArray[np.int32], outputs: int) -> Paths:
    """Prepare contributions: which share of the training rows follows each split, path by path.

    Raises
    ------
    ModelError
        If the model does not say how many training rows reached each node, or asks for more than 256 features on one
        path.
    """
    single = np.diff(tables.roots) == 1
    covers = covers.copy()
    covers[tables.roots[:-1][single]] = 1  # a tree of one leaf needs no count
    edges = np.zeros(tables.nodes.size, EDGE)
    most = _trace(tables.nodes, tables.roots, tables.columns, covers, edges)
    if most < 0:
        raise ModelError(
            "contributions need the training count of every node, got one that is 0; train the model again"
        )
    points = max(4, -(-most // 2))
    points += -points % 4  # whole vector registers; more points than needed are exact too
    if points > MAX_POINTS:
        raise ModelError(
            f"contributions support {2 * MAX_POINTS} features on a path, got {most}; train shallower trees"
        )
    at, weights = np.polynomial.legendre.leggauss(points)
    expected = np.zeros(outputs)
    _expected(tables.nodes, tables.roots, covers, expected)
    return Paths(edges, (at + 1.0) / 2.0, weights / 2.0, expected)


@compiled
def _go_down(
    root: np.int64, nodes: Nodes, edges: Nodes, filled: Array, words: Words, points: Array, follows: Array, product: Array
) -> None:
    """Per node: whether the row follows the path's splits on the edge's feature, and the product of all factors."""
    for p in range(product.shape[0]):
        column = nodes[root + p].column
        if column == 0:
            continue
        left = np.int64(nodes[root + p].left) - root
        taken = np.int64(step(np.uint64(root + p), column, nodes, filled, words)) - root
        for child in range(left, left + 2):
            share, above = edges[root + child].share, np.int64(edges[root + child].above)
            own = 1.0 if child == taken else 0.0
            if above < 0:
                slope = own - share
                for k in range(points.shape[0]):
                    product[child, k] = product[p, k] * (share + slope * points[k])
            else:
                own *= follows[above]
                slope, share_above = own - share, edges[root + above].share
                slope_above = follows[above] - share_above
                for k in range(points.shape[0]):
                    ratio = (share + slope * points[k]) / (share_above + slope_above * points[k])
                    product[child, k] = product[p, k] * ratio
            follows[child] = own


@compiled
def _go_up(
    root: np.int64, nodes: Nodes, edges: Nodes, points: Array, follows: Array, product: Array, gathered: Array
) -> None:
    """Turn products into sums over the leaves below, and add each edge's part to its feature in ``gathered``."""
    for p in range(product.shape[0] - 1, 0, -1):
        if nodes[root + p].column == 0:
            for k in range(points.shape[0]):
                product[p, k] *= nodes[root + p].threshold
        else:
            left = np.int64(nodes[root + p].left) - root
            for k in range(points.shape[0]):
                product[p, k] = product[left, k] + product[left + 1, k]
        share, above = edges[root + p].share, np.int64(edges[root + p].above)
        feature, slope = edges[root + p].feature, follows[p] - share
        for k in range(points.shape[0]):
            gathered[feature, k] += product[p, k] * slope / (share + slope * points[k])
        if above >= 0:
            # The earlier split counts these leaves too, with its own factor; here they belong to the later one.
            share = edges[root + above].share
            slope = follows[above] - share
            for k in range(points.shape[0]):
                gathered[feature, k] -= product[p, k] * slope / (share + slope * points[k])


@compiled
def contribution_rows(
    rows: Array,
    nodes: Nodes,
    roots: Int32s,
    columns: Int32s,
    words: Words,
    edges: Nodes,
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
    edges, points, weights, expected
        `Paths`.
    out
        float64 (n, outputs, features + 1), overwritten; the last entry is the expected raw score.
    """
    outputs, features, largest = out.shape[1], out.shape[2] - 1, 0
    for tree in range(roots.shape[0] - 1):
        largest = max(largest, roots[tree + 1] - roots[tree])
    filled = np.empty(columns.shape[0])
    follows = np.ones(largest)
    product = np.ones((largest, points.shape[0]))
    gathered = np.empty((features, points.shape[0]))
    for row in range(rows.shape[0]):
        fill_columns(rows[row], columns, filled)
        for output in range(outputs):
            gathered[:] = 0.0
            for tree in range(output, roots.shape[0] - 1, outputs):
                root, size = np.int64(roots[tree]), roots[tree + 1] - roots[tree]
                product[0] = 1.0
                _go_down(root, nodes, edges, filled, words, points, follows, product[:size])
                _go_up(root, nodes, edges, points, follows, product[:size], gathered)
            for feature in range(features):
                total = 0.0
                for k in range(points.shape[0]):
                    total += weights[k] * gathered[feature, k]
                out[row, output, feature] = total
            out[row, output, features] = expected[output]
