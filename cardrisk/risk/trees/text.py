"""LightGBM's text model format (version 4), read strictly.

Correct means: whatever the bytes, either every number of every tree is returned exactly as LightGBM would read it,
or `BundleError` is raised with one line that says what was expected; no byte is executed, followed or trusted, and
memory and time stay proportional to the text.

LightGBM writes a header of ``key=value`` lines, an empty line, one block per tree whose lengths the header lists in
``tree_sizes``, and ``end of trees``. What follows (importances, training parameters) says nothing about predictions
and is not read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from cardrisk.errors import BundleError

Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Number = TypeVar("Number", np.int64, np.float64)

MAX_LEAVES = 131_072  # LightGBM's own upper bound of num_leaves
MAX_FEATURES = 20_000
MAX_HEADER = 1 << 21  # bytes: a hundred for each feature
MIN_TREE_BYTES = 100  # the keys of an empty tree are longer
MAX_CLASSES = 10_000
INT32_MAX = 2**31 - 1
UINT32_MAX = 2**32 - 1

_INTEGER_BYTES = b"0123456789- "
_FLOAT_BYTES = b"0123456789-+.eE "
_HEADER_KEYS = frozenset(
    {
        b"version",
        b"num_class",
        b"num_tree_per_iteration",
        b"label_index",
        b"max_feature_idx",
        b"objective",
        b"feature_names",
        b"monotone_constraints",
        b"feature_infos",
        b"tree_sizes",
    }
)


@dataclass(frozen=True)
class Header:
    """What the first lines of a model text say.

    Attributes
    ----------
    num_class
        Outputs per row: 1, or the number of classes; trees take turns over them.
    objective
        The objective line, e.g. ``binary sigmoid:1``.
    feature_names
        One name per input column, in order.
    tree_sizes
        Bytes of each tree block.
    end
        Offset of the first tree block.
    """

    num_class: int
    objective: str
    feature_names: tuple[str, ...]
    tree_sizes: Longs
    end: int


@dataclass(frozen=True)
class TreeText:
    """The numbers of one tree, read and counted but not yet checked against each other.

    Arrays have one entry per split (n - 1 for n leaves) or per leaf (``leaf_*``, n entries); counts are rows seen in
    training. A child is a split's index, or ``~leaf``. ``set_sizes`` are the words of each category set, ``words``
    the sets one after another, bit c of a set saying that category c goes left.
    """

    leaves: int
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


def refuse(what: str) -> NoReturn:
    """Raise `BundleError` saying in one line what is wrong with the model text."""
    raise BundleError(f"model text refused: {what}; restore the bundle or train it again")


def _shown(value: bytes) -> str:
    return repr(value[:40])[1:]


def integer(value: bytes, name: str, low: int, high: int) -> int:
    """Read one decimal integer of the closed range [low, high].

    Raises
    ------
    BundleError
        If it is not one, or lies outside.
    """
    if not re.fullmatch(rb"-?[0-9]{1,10}", value) or not low <= int(value) <= high:
        refuse(f"{name}: expected an integer from {low} to {high}, got {_shown(value)}")
    return int(value)


def _numbers(value: bytes, count: int, name: str, dtype: type[Number], allowed: bytes) -> npt.NDArray[Number]:
    """Exactly ``count`` numbers, single spaces between them."""
    if count == 0 and not value:
        return np.empty(0, dtype)
    written = value.count(b" ") + 1
    if written != count or not value:
        refuse(f"{name}: expected {count} numbers, got {written if value else 0}")
    if value.translate(None, allowed) or b"  " in value or value[0] == 32 or value[-1] == 32:
        refuse(f"{name}: expected numbers with single spaces, got {_shown(value)}")
    try:
        found = np.fromstring(value, dtype, sep=" ")
    except (ValueError, DeprecationWarning):
        found = np.empty(0, dtype)
    # Every token gives at least one number or stops the reading, so equal counts mean that each was read whole.
    if found.size != count:
        refuse(f"{name}: expected numbers, got {_shown(value)}")
    return found


def integers(value: bytes, count: int, name: str) -> Longs:
    """Read ``count`` integers; beyond int64 the nearest int64 comes back, for the caller's range check to refuse.

    Raises
    ------
    BundleError
        If there are more, fewer, or other tokens.
    """
    return _numbers(value, count, name, np.int64, _INTEGER_BYTES)


def floats(value: bytes, count: int, name: str, *, infinite: bool = False) -> Floats:
    """Read ``count`` numbers, finite unless ``infinite`` values are allowed; never NaN.

    Raises
    ------
    BundleError
        If there are more, fewer, or other tokens, one is NaN, or infinite without leave.
    """
    found = _numbers(value, count, name, np.float64, _FLOAT_BYTES + (b"inf" if infinite else b""))
    if not infinite and not np.isfinite(found).all():
        refuse(f"{name}: expected finite numbers, got one beyond float64")
    return found


def _header_values(lines: Sequence[bytes]) -> dict[bytes, bytes]:
    values: dict[bytes, bytes] = {}
    for line in lines:
        key, separator, value = line.partition(b"=")
        if key == b"average_output":
            refuse("averaged trees (boosting=rf) are not supported, expected boosting=gbdt")
        if not separator or key not in _HEADER_KEYS or key in values:
            refuse(f"header: expected each known key once, got {_shown(line)}")
        values[key] = value
    missing = _HEADER_KEYS - values.keys() - {b"monotone_constraints"}
    if missing:
        refuse(f"header: no {min(missing).decode()} line")
    return values


def _names(value: bytes, count: int) -> tuple[str, ...]:
    given = value.count(b" ") + 1
    if given != count:  # before any name costs memory
        refuse(f"feature_names: expected {count} different names, got {given}")
    try:
        names = tuple(value.decode("utf-8").split(" "))
    except UnicodeDecodeError:
        refuse("feature_names: expected UTF-8")
    if len(set(names)) != count or "" in names:
        refuse(f"feature_names: expected {count} different names, got {len(set(names))}")
    return names


def read_header(text: bytes) -> Header:
    """Read the lines before the first tree.

    Raises
    ------
    BundleError
        If a line is missing, unknown, repeated or out of its range, or the trees' sizes do not tile the text up to
        ``end of trees``.
    """
    end = text.find(b"\n\n", 0, MAX_HEADER)
    lines = text[: max(end, 0)].split(b"\n")
    if lines[0] != b"tree":
        refuse(f"expected a LightGBM text model that starts with 'tree', got {_shown(text[:20])}")
    values = _header_values(lines[1:])
    if values[b"version"] != b"v4":
        refuse(f"version: expected v4, got {_shown(values[b'version'])}")
    num_class = integer(values[b"num_class"], "num_class", 1, MAX_CLASSES)
    if integer(values[b"num_tree_per_iteration"], "num_tree_per_iteration", 1, MAX_CLASSES) != num_class:
        refuse(f"num_tree_per_iteration: expected num_class ({num_class})")
    features = integer(values[b"max_feature_idx"], "max_feature_idx", 0, MAX_FEATURES - 1) + 1
    names = _names(values[b"feature_names"], features)
    sizes_text = values[b"tree_sizes"]
    trees = sizes_text.count(b" ") + 1
    if trees > len(text) // MIN_TREE_BYTES:
        refuse(f"tree_sizes: expected at least {MIN_TREE_BYTES} bytes a tree, got {trees} trees in {len(text)} bytes")
    sizes = integers(sizes_text, trees, "tree_sizes")
    if sizes.min() < MIN_TREE_BYTES or sizes.max() > len(text):
        refuse(f"tree_sizes: expected from {MIN_TREE_BYTES} to {len(text)}")
    if sizes.size % num_class:
        refuse(f"tree_sizes: expected a multiple of {num_class} trees, got {sizes.size}")
    if not text.startswith(b"end of trees\n", end + 2 + int(sizes.sum())):
        refuse("tree_sizes: the sizes do not lead to 'end of trees'")
    return Header(num_class, values[b"objective"].decode("ascii", "replace"), names, sizes, end + 2)


class _Lines:
    """The lines of one tree block, taken in order; each is copied only when taken."""

    def __init__(self, text: bytes, start: int, end: int, name: str) -> None:
        self.text, self.at, self.end, self.name = text, start, end, name

    def _next(self) -> bytes:
        stop = self.text.find(b"\n", self.at, self.end)
        if stop < 0:
            refuse(f"{self.name}: the block ends too early")
        line = self.text[self.at : stop]
        self.at = stop + 1
        return line

    def take(self, key: bytes) -> bytes:
        """Return the value of the next line, which must be ``key``'s."""
        line = self._next()
        if not line.startswith(key + b"="):
            refuse(f"{self.name}: expected {key.decode()}=, got {_shown(line)}")
        return line[len(key) + 1 :]

    def skip(self, *keys: bytes) -> None:
        """Pass over lines that predictions do not depend on."""
        for key in keys:
            self.take(key)

    def whole(self, key: bytes, count: int) -> Longs:
        """Return the next line's integers; see `integers`."""
        return integers(self.take(key), count, f"{self.name}: {key.decode()}")

    def real(self, key: bytes, count: int, *, infinite: bool = False) -> Floats:
        """Return the next line's numbers; see `floats`."""
        return floats(self.take(key), count, f"{self.name}: {key.decode()}", infinite=infinite)

    def one(self, key: bytes, low: int, high: int) -> int:
        """Return the next line's one integer; see `integer`."""
        return integer(self.take(key), f"{self.name}: {key.decode()}", low, high)

    def finish(self) -> None:
        """Check that two empty lines end the block."""
        if self.text[self.at : self.end] != b"\n\n":
            refuse(f"{self.name}: expected two empty lines after shrinkage")


def _category_sets(lines: _Lines, count: int) -> tuple[Longs, Longs]:
    """Sizes in words and words of ``count`` sets."""
    if count == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    bounds = lines.whole(b"cat_boundaries", count + 1)
    sizes = np.diff(bounds)
    if bounds[0] != 0 or sizes.min() < 1 or bounds[-1] > INT32_MAX:
        refuse(f"{lines.name}: cat_boundaries: expected increasing positions from 0")
    words = lines.whole(b"cat_threshold", int(bounds[-1]))
    if words.min() < 0 or words.max() > UINT32_MAX:
        refuse(f"{lines.name}: cat_threshold: expected 32-bit words")
    return sizes, words


def read_tree(text: bytes, start: int, size: int, index: int) -> TreeText:
    """Read the numbers of tree ``index`` from the ``size`` bytes at ``start``.

    Raises
    ------
    BundleError
        If a line is missing, unknown or out of order, or a list has the wrong length.
    """
    lines = _Lines(text, start, start + size, f"tree {index}")
    lines.one(b"Tree", index, index)
    leaves = lines.one(b"num_leaves", 1, MAX_LEAVES)
    splits = leaves - 1
    categorical = lines.one(b"num_cat", 0, splits)
    split_feature = lines.whole(b"split_feature", splits)
    lines.skip(b"split_gain")
    threshold = lines.real(b"threshold", splits, infinite=True)  # inf: all that is known goes left
    decision_type = lines.whole(b"decision_type", splits)
    left_child = lines.whole(b"left_child", splits)
    right_child = lines.whole(b"right_child", splits)
    leaf_value = lines.real(b"leaf_value", leaves)
    lines.skip(b"leaf_weight")
    counts = lines.take(b"leaf_count")
    if leaves == 1 and not counts:  # LightGBM may leave it out where nothing was split
        counts = b"0"
    leaf_count = integers(counts, leaves, f"{lines.name}: leaf_count")
    lines.skip(b"internal_value", b"internal_weight")
    internal_count = lines.whole(b"internal_count", splits)
    set_sizes, words = _category_sets(lines, categorical)
    if lines.take(b"is_linear") != b"0":
        refuse(f"{lines.name}: linear trees are not supported, expected is_linear=0")
    lines.skip(b"shrinkage")
    lines.finish()
    return TreeText(
        leaves,
        split_feature,
        threshold,
        decision_type,
        left_child,
        right_child,
        leaf_value,
        leaf_count,
        internal_count,
        set_sizes,
        words,
    )
