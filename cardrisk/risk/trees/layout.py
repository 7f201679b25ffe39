"""Checked trees, laid out for evaluation.

Correct means: walking the nodes takes every row to the leaf that the text's own indices lead to.

Both children of a split stand side by side (``left``, ``left + 1``), so that one comparison gives the next node's
position, and they stand in the order in which LightGBM made the splits, the widest first. What a missing value does is
moved out of the nodes: a *column* is one feature with one treatment of missing values, filled once a row, and a node
only compares its column with its threshold.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cardrisk.risk.trees.structure import Group, check, gather, set_numbers
from cardrisk.risk.trees.text import INT32_MAX, Longs, TreeText, refuse

NODE = np.dtype([("threshold", np.float64), ("column", np.int32), ("left", np.uint32)])
"""One node, 16 bytes.

- Numeric split: ``column`` is positive; a row goes left when its value there is at most ``threshold``.
- Categorical split: ``column`` is minus the column's number, ``threshold`` the position of its set in ``words``.
- Leaf: ``column`` is 0, ``threshold`` the leaf's value, ``left`` the leaf itself. Column 0 holds -inf, so that taking
  one more step from a leaf stays there: interleaved walks need no test of which of them have ended.
"""

# What fills a column: missing type (0 none, 1 zero, 2 NaN) * 2 + default left, as in decision_type; or one of these.
CATEGORY = 6
AT_LEAF = 7
NO_SETS = 1  # size of ``words`` where no split is categorical

GROUP_LEAVES = 4_096  # handled together; more would be no faster and need more memory at a time
GROUP_TREES = 128


class Tables(NamedTuple):
    """All trees, as arrays that compiled code reads.

    Attributes
    ----------
    nodes
        NODE records, the trees one after another.
    roots
        int32, trees + 1: where each tree starts, and the end.
    columns
        int32, (columns, 2): feature and treatment of missing values; the first is that of leaves.
    words
        uint32: for each categorical split the number of words of its set, then the words.
    """

    nodes: npt.NDArray[np.void]
    roots: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    words: npt.NDArray[np.uint32]


@dataclass
class Builder:
    """Gathers trees into `Tables`, checking them a group at a time."""

    features: int
    waiting: list[TreeText] = field(default_factory=list)
    waiting_leaves: int = 0
    trees: int = 0
    nodes: list[npt.NDArray[np.void]] = field(default_factory=list)
    covers: list[npt.NDArray[np.int32]] = field(default_factory=list)
    roots: list[npt.NDArray[np.int64]] = field(default_factory=list)
    words: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    size: int = 0
    words_size: int = 0
    columns: dict[int, int] = field(default_factory=dict)

    def add(self, tree: TreeText) -> None:
        """Take ``tree`` in after those before it.

        Raises
        ------
        BundleError
            If a tree is not proper, or the whole no longer fits 32-bit positions.
        """
        self.waiting.append(tree)
        self.waiting_leaves += tree.leaves
        if self.waiting_leaves >= GROUP_LEAVES or len(self.waiting) >= GROUP_TREES:
            self._lay_out()

    def tables(self) -> tuple[Tables, npt.NDArray[np.int32]]:
        """Return the trees and, node by node, how many training rows reached it.

        Raises
        ------
        BundleError
            As `add`.
        """
        self._lay_out()
        columns = np.array([(0, AT_LEAF), *((key // 8, key % 8) for key in self.columns)], np.int32)
        words = np.concatenate(self.words) if self.words else np.zeros(NO_SETS, np.uint32)
        roots = np.append(np.concatenate(self.roots), self.size).astype(np.int32)
        return Tables(np.concatenate(self.nodes), roots, columns, words), np.concatenate(self.covers)

    def _lay_out(self) -> None:
        if not self.waiting:
            return
        group = gather(self.waiting, self.trees)
        self.trees += len(self.waiting)
        self.waiting, self.waiting_leaves = [], 0
        check(group, self.features)
        sizes = 2 * group.leaves - 1
        roots = self.size + np.cumsum(sizes) - sizes
        if self.size + int(sizes.sum()) > INT32_MAX:
            refuse("too many leaves in all")
        self._place(group, roots - self.size, int(sizes.sum()))
        self.roots.append(roots)
        self.size += int(sizes.sum())

    def _place(self, group: Group, roots: Longs, size: int) -> None:
        """Fill the nodes of ``group``; ``roots`` and all positions here count from the group's first node."""
        left = roots[group.tree] + 1 + 2 * group.own
        at, leaves = _positions(group, roots, left)
        nodes = np.empty(size, NODE)
        nodes["threshold"][at] = group.threshold
        nodes["column"][at] = self._column_numbers(group)
        nodes["left"][at] = self.size + left
        nodes["threshold"][leaves] = group.leaf_value
        nodes["column"][leaves] = 0
        nodes["left"][leaves] = self.size + leaves
        nodes["threshold"][at[group.categorical]] = self._set_positions(group)
        cover = np.empty(size, np.int32)
        cover[at] = group.internal_count
        cover[leaves] = group.leaf_count
        self.nodes.append(nodes)
        self.covers.append(cover)

    def _column_numbers(self, group: Group) -> Longs:
        """Give each split the number of its column, new ones numbered as they come."""
        if not group.tree.size:
            return np.empty(0, np.int64)
        treatment = group.decision_type >> 1
        treatment[treatment < 2] = 0  # without missing values there is no default way
        treatment[group.categorical] = CATEGORY
        keys, inverse = np.unique(group.split_feature * 8 + treatment, return_inverse=True)
        numbers = np.array([self.columns.setdefault(key, len(self.columns) + 1) for key in keys.tolist()], np.int64)
        column = numbers[inverse]
        column[group.categorical] *= -1
        return column

    def _set_positions(self, group: Group) -> Longs:
        """Append the group's category sets to the words; return where the set of each categorical split stands."""
        sizes = group.set_sizes
        starts = np.cumsum(sizes + 1) - (sizes + 1)
        words = np.zeros(int(sizes.sum()) + sizes.size, np.uint32)
        is_size = np.zeros(words.size, np.bool_)
        is_size[starts] = True
        words[is_size] = sizes
        words[~is_size] = group.words
        if words.size:
            self.words.append(words)
        first, self.words_size = self.words_size, self.words_size + words.size
        return first + starts[set_numbers(group)]


def _positions(group: Group, roots: Longs, left: Longs) -> tuple[Longs, Longs]:
    """Where each split and each leaf stands, given where the splits' left children do."""
    at = roots[group.tree]
    leaves = np.repeat(roots, group.leaves)
    for child, position in ((group.left_child, left), (group.right_child, left + 1)):
        inner = child >= 0
        at[group.split_start[group.tree[inner]] + child[inner]] = position[inner]
        leaves[group.leaf_start[group.tree[~inner]] + ~child[~inner]] = position[~inner]
    return at, leaves


def join(first: Tables, second: Tables) -> Tables:
    """Return the trees of both over the same features, those of ``first`` first; each column is filled once."""
    columns = {(int(feature), int(treatment)): k for k, (feature, treatment) in enumerate(first.columns)}
    place = [columns.setdefault((int(feature), int(treatment)), len(columns)) for feature, treatment in second.columns]
    nodes = second.nodes.copy()
    column = second.nodes["column"]
    nodes["column"] = np.sign(column) * np.array(place, np.int32)[np.abs(column)]
    nodes["left"] += len(first.nodes)
    if first.words.size > NO_SETS:
        nodes["threshold"][column < 0] += first.words.size
    sets = [tables.words for tables in (first, second) if tables.words.size > NO_SETS]
    words = np.concatenate(sets) if sets else first.words
    return Tables(
        np.concatenate([first.nodes, nodes]),
        np.concatenate([first.roots[:-1], second.roots + len(first.nodes)]).astype(np.int32),
        np.array(list(columns), np.int32),
        words,
    )
