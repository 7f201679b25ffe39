"""Groups of trees, checked to be proper binary trees.

Correct means: in a group that passes, every split and leaf of every tree is reached from its root exactly once and
every index points at something that exists, so that a walk ends, and ends at a leaf, whatever the row.

Trees are checked many at a time, as arrays over all their splits and leaves, since most are too small to be worth
a call of their own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cardrisk.risk.trees.text import INT32_MAX, Floats, Longs, Number, TreeText, refuse

CATEGORICAL_BIT = 1
MISSING_SHIFT = 2


@dataclass(frozen=True)
class Group:
    """Consecutive trees, their arrays one after another.

    Attributes
    ----------
    first
        Number of the first tree, for messages.
    leaves
        Leaves of each tree.
    tree
        Position in the group of each split's tree.
    own
        Index of each split in its tree.
    split_start, leaf_start, set_start
        Per tree: where its splits, leaves and category sets start.
    sets
        Per tree: its number of category sets.
    others
        As in `TreeText`.
    """

    first: int
    leaves: Longs
    tree: Longs
    own: Longs
    split_start: Longs
    leaf_start: Longs
    set_start: Longs
    sets: Longs
    split_feature: Longs
    threshold: Floats
    decision_type: Longs
    left_child: Longs
    right_child: Longs
    leaf_value: Floats
    leaf_count: Longs
    internal_count: Longs
    set_sizes: Longs
    words: Longs

    def name(self, split: int) -> str:
        """Name the tree that a split belongs to."""
        return f"tree {self.first + int(self.tree[split])}"

    @property
    def categorical(self) -> npt.NDArray[np.bool_]:
        """Which splits ask for a category."""
        return np.asarray(self.decision_type & CATEGORICAL_BIT, np.bool_)


def _starts(sizes: Longs) -> Longs:
    return np.cumsum(sizes) - sizes


def _joined(arrays: list[npt.NDArray[Number]]) -> npt.NDArray[Number]:
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def gather(trees: list[TreeText], first: int) -> Group:
    """Put ``trees``, numbered from ``first``, into one group."""
    leaves = np.array([tree.leaves for tree in trees], np.int64)
    sets = np.array([tree.set_sizes.size for tree in trees], np.int64)
    split_start = _starts(leaves - 1)
    tree = np.repeat(np.arange(leaves.size), leaves - 1)

    return Group(
        first=first,
        leaves=leaves,
        tree=tree,
        own=np.arange(tree.size) - split_start[tree],
        split_start=split_start,
        leaf_start=_starts(leaves),
        set_start=_starts(sets),
        sets=sets,
        split_feature=_joined([t.split_feature for t in trees]),
        threshold=_joined([t.threshold for t in trees]),
        decision_type=_joined([t.decision_type for t in trees]),
        left_child=_joined([t.left_child for t in trees]),
        right_child=_joined([t.right_child for t in trees]),
        leaf_value=_joined([t.leaf_value for t in trees]),
        leaf_count=_joined([t.leaf_count for t in trees]),
        internal_count=_joined([t.internal_count for t in trees]),
        set_sizes=_joined([t.set_sizes for t in trees]),
        words=_joined([t.words for t in trees]),
    )


def _require(group: Group, ok: npt.NDArray[np.bool_], expected: str) -> None:
    """Refuse the group, naming the first tree that has a split where ``ok`` is false."""
    if not ok.all():
        refuse(f"{group.name(int(np.argmin(ok)))}: expected {expected}")


def check(group: Group, features: int) -> None:
    """Check that the group's trees are proper binary trees over ``features`` inputs.

    LightGBM numbers splits in the order in which it makes them, so a child split's index is above its parent's. With
    that, and with every split and leaf named exactly once, there is no cycle and nothing is out of reach.

    Raises
    ------
    BundleError
        If not.
    """
    feature, kind = group.split_feature, group.decision_type
    _require(group, (feature >= 0) & (feature < features), f"split_feature from 0 to {features - 1}")
    _require(group, (kind >= 0) & (kind < 3 << MISSING_SHIFT), "decision_type from 0 to 11")
    _require(group, ~np.isnan(group.threshold), "thresholds that are numbers")
    for count in (group.leaf_count, group.internal_count):
        if count.size and (count.min() < 0 or count.max() > INT32_MAX):
            refuse(f"trees from {group.first}: expected counts from 0 to {INT32_MAX}")
    _check_children(group)
    _check_sets(group)


def _check_children(group: Group) -> None:
    leaves = group.leaves[group.tree]
    splits_named = np.zeros(group.tree.size, np.int64)
    leaves_named = np.zeros(group.leaf_value.size, np.int64)
    for child in (group.left_child, group.right_child):
        _require(group, (child >= -leaves) & (child < leaves - 1), "children that exist")
        _require(group, (child < 0) | (child > group.own), "every split's children to come after it")
        inner = child >= 0
        splits = group.split_start[group.tree[inner]] + child[inner]
        splits_named += np.bincount(splits, minlength=splits_named.size)
        ends = group.leaf_start[group.tree[~inner]] + ~child[~inner]
        leaves_named += np.bincount(ends, minlength=leaves_named.size)
    _require(group, splits_named == (group.own > 0), "every split to have one parent")
    parents = np.repeat(np.minimum(group.leaves - 1, 1), group.leaves)
    if (leaves_named != parents).any():
        owner = int(np.searchsorted(group.leaf_start, np.argmax(leaves_named != parents), side="right")) - 1
        refuse(f"tree {group.first + owner}: expected every leaf to have one parent")


def _check_sets(group: Group) -> None:
    categorical = group.categorical
    number = np.where(categorical, group.threshold, 0.0)
    within = (number >= 0) & (number < np.where(categorical, group.sets[group.tree], 1))
    _require(group, within & (number == np.trunc(number)), "categorical splits that name a category set")
    named = np.bincount(set_numbers(group), minlength=group.set_sizes.size)
    if (named != 1).any():
        owner = int(np.searchsorted(group.set_start, np.argmax(named != 1), side="right")) - 1
        refuse(f"tree {group.first + owner}: expected one categorical split for each category set")


def set_numbers(group: Group) -> Longs:
    """Return the group-wide number of the category set of each categorical split."""
    categorical = group.categorical
    return group.set_start[group.tree[categorical]] + group.threshold[categorical].astype(np.int64)
