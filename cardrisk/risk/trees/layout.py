"""A tree's numbers, checked against each other and laid out for evaluation.

Correct means: a tree that passes is a proper binary tree - every split and leaf is reached from the root exactly once,
every index points at something that exists - so that walking it ends, and ends at a leaf, whatever the row.

Layout: both children of a split stand side by side (``left``, ``left + 1``), so that one comparison gives the next
node's position. What a missing value does is moved out of the nodes: a *column* is one feature with one treatment of
missing values, filled once a row, and a node only compares its column with its threshold.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cardrisk.risk.trees.text import Ints, TreeText, refuse

NODE = np.dtype([("threshold", np.float64), ("column", np.int32), ("left", np.int32)])
"""One node, 16 bytes. Leaf: ``left`` is -1 and ``threshold`` its value. Numeric split: left when the column is at most
``threshold``. Categorical split: ``column`` is stored as ``~column`` (negative) and ``threshold`` is the position of
its bit set in ``words``."""

# What fills a column, by the low bits of decision_type: missing type (0 none, 1 zero, 2 NaN) * 2 + default left.
CATEGORY = 6


class Tables(NamedTuple):
    """All trees, as arrays that compiled code reads.

    Attributes
    ----------
    nodes
        NODE records, the trees one after another.
    roots
        int32, trees + 1: where each tree starts, and the end.
    columns
        int32, (columns, 2): feature and treatment of missing values.
    words
        uint32: for each categorical split the number of words of its bit set, then the words.
    """

    nodes: npt.NDArray[np.void]
    roots: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    words: npt.NDArray[np.uint32]


def check_tree(tree: TreeText, features: int, name: str) -> None:
    """Check that ``tree`` is a proper binary tree over ``features`` inputs.

    LightGBM numbers splits in the order in which it makes them, so a child split's index is above its parent's. With
    that, and with every split and leaf named exactly once, there is no cycle and nothing is out of reach.

    Raises
    ------
    BundleError
        If not.
    """
    splits = tree.leaves - 1
    children = np.concatenate([tree.left_child, tree.right_child])
    named = np.bincount(children + tree.leaves, minlength=tree.leaves + splits)
    if splits and (named[tree.leaves] != 0 or (np.delete(named, tree.leaves) != 1).any()):
        refuse(f"{name}: expected every split and leaf to have one parent")
    own = np.arange(splits)
    for child in (tree.left_child, tree.right_child):
        if ((child >= 0) & (child <= own)).any():
            refuse(f"{name}: expected every split's children to come after it")
    if splits and tree.split_feature.max() >= features:
        refuse(f"{name}: split_feature: expected below {features}, got {tree.split_feature.max()}")
    if (tree.decision_type >> 2 == 3).any():
        refuse(f"{name}: decision_type: expected missing type none, zero or NaN")
    _check_categories(tree, name)


def _check_categories(tree: TreeText, name: str) -> None:
    bounds = tree.cat_boundaries
    if bounds[0] != 0 or (np.diff(bounds) < 1).any():
        refuse(f"{name}: cat_boundaries: expected increasing positions from 0")
    sets = np.sort(tree.threshold[(tree.decision_type & 1) == 1])
    if not np.array_equal(sets, np.arange(bounds.size - 1)):
        refuse(f"{name}: expected one categorical split for each of its {bounds.size - 1} category sets")


@dataclass
class Builder:
    """Gathers checked trees into `Tables`."""

    features: int
    nodes: list[npt.NDArray[np.void]] = field(default_factory=list)
    covers: list[Ints] = field(default_factory=list)
    roots: list[int] = field(default_factory=lambda: [0])
    words: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    words_size: int = 0
    columns: dict[int, int] = field(default_factory=dict)

    def add(self, tree: TreeText) -> None:
        """Check ``tree`` and lay it out after those before it.

        Raises
        ------
        BundleError
            If it is not a proper tree, or the whole no longer fits 32-bit positions.
        """
        name = f"tree {len(self.nodes)}"
        check_tree(tree, self.features, name)
        start = self.roots[-1]
        if start + 2 * tree.leaves >= 2**31 - 1:
            refuse(f"{name}: too many leaves in all")
        at, left, right = _positions(tree)
        nodes = np.empty(2 * tree.leaves - 1, NODE)
        nodes["threshold"][at] = tree.threshold
        nodes["column"][at] = self._columns(tree)
        nodes["left"][at] = start + 1 + 2 * np.arange(at.size)
        leaves = _leaf_positions(tree, left, right)
        nodes["threshold"][leaves] = tree.leaf_value
        nodes["column"][leaves] = 0
        nodes["left"][leaves] = -1
        self._add_sets(tree, nodes, at)
        cover = np.zeros(nodes.size, np.int32)
        cover[at] = tree.internal_count
        cover[leaves[: tree.leaf_count.size]] = tree.leaf_count
        self.nodes.append(nodes)
        self.covers.append(cover)
        self.roots.append(start + nodes.size)

    def _columns(self, tree: TreeText) -> npt.NDArray[np.int32]:
        """Give each split the number of its column, new ones numbered as they come."""
        missing = tree.decision_type >> 1
        treatment = np.where(tree.decision_type & 1, CATEGORY, np.where(missing < 2, 0, missing))
        keys, inverse = np.unique(tree.split_feature.astype(np.int64) * 8 + treatment, return_inverse=True)
        numbers = np.array([self.columns.setdefault(int(key), len(self.columns)) for key in keys], np.int32)
        column = numbers[inverse] if keys.size else np.empty(0, np.int32)
        return np.where(tree.decision_type & 1, ~column, column).astype(np.int32)

    def _add_sets(self, tree: TreeText, nodes: npt.NDArray[np.void], at: Ints) -> None:
        bounds = tree.cat_boundaries.astype(np.int64)
        if bounds.size == 1:
            return
        lengths = np.diff(bounds)
        starts = bounds[:-1] + np.arange(lengths.size)
        words = np.empty(tree.cat_threshold.size + lengths.size, np.uint32)
        words[starts] = lengths
        words[np.delete(np.arange(words.size), starts)] = tree.cat_threshold
        categorical = (tree.decision_type & 1) == 1
        nodes["threshold"][at[categorical]] = self.words_size + starts[tree.threshold[categorical].astype(np.int64)]
        self.words.append(words)
        self.words_size += words.size

    def tables(self) -> Tables:
        """Return the trees added so far."""
        columns = np.array([(key // 8, key % 8) for key in self.columns], np.int32).reshape(-1, 2)
        words = np.concatenate(self.words) if self.words else np.zeros(1, np.uint32)
        return Tables(np.concatenate(self.nodes), np.array(self.roots, np.int32), columns, words)


def _positions(tree: TreeText) -> tuple[Ints, Ints, Ints]:
    """Where each split stands, and where its children do, counted from the tree's root at 0."""
    splits = tree.leaves - 1
    left = 1 + 2 * np.arange(splits, dtype=np.int32)
    right = left + 1
    at = np.zeros(splits, np.int32)
    for child, position in ((tree.left_child, left), (tree.right_child, right)):
        inner = child >= 0
        at[child[inner]] = position[inner]
    return at, left, right


def _leaf_positions(tree: TreeText, left: Ints, right: Ints) -> Ints:
    leaves = np.zeros(tree.leaves, np.int32)
    for child, position in ((tree.left_child, left), (tree.right_child, right)):
        leaf = child < 0
        leaves[~child[leaf]] = position[leaf]
    return leaves
