"""A text is read whole and exactly, or refused with one line; whatever the bytes, nothing crashes, hangs or swells."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest

from cardrisk.errors import BundleError
from cardrisk.risk.trees import parse
from tests.risk.trees.texts import Parts, apart, chain, random_model, trained


@pytest.fixture(scope="module")
def texts() -> list[bytes]:
    """A trained model with categories, one of several classes, one of trees with a single leaf, a made-up one."""
    return [
        trained(1, rounds=4)[0].model_to_string().encode(),
        trained(1, rounds=2, objective="multiclass", num_class=3)[0].model_to_string().encode(),
        trained(1, rounds=2, min_data_in_leaf=10_000)[0].model_to_string().encode(),
        random_model(np.random.default_rng(3), "binary sigmoid:1", 1),
    ]


def changed(parts: Parts, key: bytes, value: Callable[[bytes], bytes], tree: int = 0) -> bytes:
    trees = [list(t) for t in parts.trees]
    trees[tree] = [(k, value(v) if k == key else v) for k, v in trees[tree]]
    return Parts(parts.header, trees, parts.tail).text()


def headed(parts: Parts, key: bytes, line: bytes | None) -> bytes:
    lines = [line if old.startswith(key) else old for old in parts.header]
    return Parts([one for one in lines if one is not None], parts.trees, parts.tail).text()


def first(token: bytes) -> Callable[[bytes], bytes]:
    return lambda value: b" ".join([token, *value.split(b" ")[1:]])


BREAKS = [
    (b"split_feature", first(b"6"), "tree 0: expected split_feature from 0 to 5"),
    (b"split_feature", first(b"-1"), "split_feature from 0"),
    (b"split_feature", first(b"99999999999999999999"), "split_feature from 0"),
    (b"left_child", first(b"0"), "children to come after it"),
    (b"left_child", first(b"31"), "children that exist"),
    (b"left_child", first(b"-32"), "children that exist"),
    (b"right_child", first(b"1_0"), "right_child: expected numbers"),
    (b"right_child", first(b"1-1"), "right_child: expected numbers"),
    (b"threshold", first(b"nan"), "threshold: expected numbers"),
    (b"threshold", first(b"0x1p3"), "threshold: expected numbers"),
    (b"threshold", lambda v: v.replace(b" ", b"  ", 1), "threshold: expected 30 numbers, got 31"),
    (b"leaf_value", first(b"1e999"), "leaf_value: expected finite numbers"),
    (b"leaf_value", first(b"inf"), "leaf_value: expected numbers"),
    (b"leaf_value", lambda v: v + b" 1", "leaf_value: expected 31 numbers, got 32"),
    (b"leaf_value", lambda _: b"", "leaf_value: expected 31 numbers, got 0"),
    (b"leaf_count", first(b"-1"), "expected counts from 0"),
    (b"internal_count", first(b"2147483648"), "expected counts from 0"),
    (b"decision_type", first(b"12"), "decision_type from 0 to 11"),
    (b"decision_type", lambda v: v.replace(b"9", b"8").replace(b"1 ", b"0 "), "each category set"),
    (b"num_leaves", lambda _: b"131073", "num_leaves: expected an integer from 1 to 131072"),
    (b"num_leaves", lambda _: b"0", "num_leaves: expected an integer"),
    (b"num_cat", lambda _: b"31", "num_cat: expected an integer from 0 to 30"),
    (b"cat_boundaries", first(b"1"), "cat_boundaries: expected increasing positions from 0"),
    (b"cat_boundaries", lambda v: v + b"0", "cat_threshold: expected"),
    (b"cat_threshold", first(b"4294967296"), "cat_threshold: expected 32-bit words"),
    (b"is_linear", lambda _: b"1", "linear trees are not supported"),
    (b"Tree", lambda _: b"1", "Tree: expected an integer from 0 to 0"),
]


@pytest.mark.parametrize(("key", "value", "message"), BREAKS)
def test_a_broken_tree_is_refused(
    texts: list[bytes], key: bytes, value: Callable[[bytes], bytes], message: str
) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        parse(changed(apart(texts[0]), key, value))
    assert "\n" not in str(caught.value)


HEADS = [
    (b"tree", b"forest", "starts with 'tree'"),
    (b"version", b"version=v3", "version: expected v4"),
    (b"version", None, "no version line"),
    (b"num_class", b"num_class=2", "num_tree_per_iteration: expected num_class"),
    (b"max_feature_idx", b"max_feature_idx=6", "feature_names: expected 7"),
    (b"max_feature_idx", b"max_feature_idx=1000000000", "max_feature_idx: expected an integer"),
    (b"objective", b"objective=poisson", "objective: expected binary"),
    (b"objective", b"objective=binary sigmoid:nan", "objective: expected binary"),
    (b"objective", b"objective=multiclass num_class:3", "does not fit num_class 1"),
    (b"objective", None, "no objective line"),
    (b"label_index", b"average_output", "averaged trees"),
    (b"label_index", b"version=v4", "expected each known key once"),
    (b"feature_names", b"feature_names=a a b c d e", "6 different names"),
    (b"feature_names", b"feature_names=a \xff b c d e", "expected UTF-8"),
]


@pytest.mark.parametrize(("key", "line", "message"), HEADS)
def test_a_broken_header_is_refused(texts: list[bytes], key: bytes, line: bytes | None, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        parse(headed(apart(texts[0]), key, line))


def test_sizes_must_lead_from_tree_to_tree(texts: list[bytes]) -> None:
    text = texts[0]
    start = text.index(b"tree_sizes=") + len(b"tree_sizes=")
    for sizes in (b"", b"0", b"1 2 3", b"9" * 19, b"-200 400", b"200 " * 4 + b"200", b" ".join([b"100"] * 10_000)):
        with pytest.raises(BundleError, match="tree_sizes"):
            parse(text[:start] + sizes + text[text.index(b"\n", start) :])


def test_a_missing_repeated_or_swapped_tree_is_refused(texts: list[bytes]) -> None:
    parts = apart(texts[0])
    for order in ([1, 2, 3], [0, 0, 1, 2], [0, 2, 1, 3]):
        with pytest.raises(BundleError, match="Tree: expected an integer"):
            parse(Parts(parts.header, [parts.trees[k] for k in order], parts.tail).text())


def test_cycles_are_refused(texts: list[bytes]) -> None:
    parts = apart(texts[0])
    tree = dict(parts.trees[0])
    left, right = (np.array(tree[k].split(), int) for k in (b"left_child", b"right_child"))
    child = int(left[0]) if left[0] > 0 else int(right[0])
    side = left if left[child] < 0 else right
    grown = left if left[0] == child else right
    side[child], grown[0] = child, side[child]  # the child now holds itself, and nothing else does
    tree |= {b"left_child": b" ".join(b"%d" % v for v in left), b"right_child": b" ".join(b"%d" % v for v in right)}
    with pytest.raises(BundleError, match="children to come after it"):
        parse(Parts(parts.header, [list(tree.items()), *parts.trees[1:]], parts.tail).text())


def test_a_chain_too_long_is_refused_at_once(full_or: Callable[[int, int], int]) -> None:
    with pytest.raises(BundleError, match="num_leaves: expected an integer from 1 to 131072"):
        parse(chain(full_or(1_000_000, 131_073)))


NUMBERS = [b"-1", b"0", b"1", b"7", b"-2147483648", b"2147483647", b"4294967295", b"9" * 19, b"nan", b"inf", b"-inf"]
NUMBERS += [
    b"1e308",
    b"1e999",
    b"-0",
    b"0.5",
    b"",
    b" ",
    b"x",
    b"\x00",
    b"\xff\xfe",
    b"1" * 400,
    b"1_0",
    b"0x10",
    b"+1",
]


def malformed(text: bytes, rng: np.random.Generator) -> bytes:
    """One hostile variant: a token, a line, a tree, some bytes or the length changed; sizes usually made to fit."""
    parts = apart(text)
    kind = rng.integers(8)
    at = int(rng.integers(len(parts.trees)))
    tree = parts.trees[at]
    line = int(rng.integers(len(tree)))
    key, value = tree[line]
    tokens = value.split(b" ")
    if kind <= 2:  # most damage is a single wrong number
        tokens[int(rng.integers(len(tokens)))] = NUMBERS[int(rng.integers(len(NUMBERS)))]
        tree[line] = (key, b" ".join(tokens))
    elif kind == 3:
        i, j = rng.integers(len(tokens), size=2)
        tokens[i], tokens[j] = tokens[j], tokens[i]
        tree[line] = (key, b" ".join(tokens))
    elif kind == 4:
        tree[line : line + 1] = [] if rng.random() < 0.5 else [tree[line], tree[line]]
    elif kind == 5:
        line = int(rng.integers(1, len(parts.header)))
        key = parts.header[line].split(b"=")[0]
        parts.header[line] = key + b"=" + NUMBERS[int(rng.integers(len(NUMBERS)))]
    elif kind == 6:
        data = bytearray(text)
        for place in rng.integers(len(data), size=int(rng.integers(1, 4))):
            data[place] ^= 1 << int(rng.integers(8))
        return bytes(data)
    else:
        return text[: int(rng.integers(len(text)))]
    return parts.text()


def variants(texts: list[bytes], count: int) -> Iterator[bytes]:
    rng = np.random.default_rng(6)
    for _ in range(count):
        yield malformed(texts[int(rng.integers(len(texts)))], rng)


def outcome(text: bytes) -> str:
    """The refusal, or "" for a text that is accepted and then gives an answer for any row."""
    try:
        ensemble = parse(text)
    except BundleError as error:
        return str(error)
    rows = np.array([[0.0], [np.nan], [np.inf], [-np.inf], [1e300]]) * np.ones(ensemble.n_features)
    return "" if ensemble.predict(rows).shape[0] == 5 else "no answer"


def test_malformed_texts_are_refused_or_harmless(texts: list[bytes], full_or: Callable[[int, int], int]) -> None:
    """What is accepted all the same is a changed value or a line that is not read."""
    count = full_or(5_000, 600)
    messages = [outcome(text) for text in variants(texts, count)]
    refusals = [message for message in messages if message]
    assert len(refusals) > count / 2
    for message in refusals:
        assert message.startswith("model text refused: ")
        assert "\n" not in message
        assert len(message) < 300


def peak_memory(text: bytes) -> int:
    tracemalloc.start()
    with suppress(BundleError):
        parse(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_is_at_most_twice_the_text(texts: list[bytes], full_or: Callable[[int, int], int]) -> None:
    slack = 300_000  # the objects of one small group of trees
    hostile = [*variants(texts, full_or(300, 30)), b"tree\n" + b"9 " * 500_000, b"tree\n\n" * 100_000]
    hostile.append(headed(apart(texts[0]), b"tree_sizes", b"tree_sizes=" + b"1 " * 500_000))
    hostile.append(changed(apart(texts[0]), b"threshold", lambda _: b"1 " * 500_000))
    hostile.append(changed(apart(texts[0]), b"cat_boundaries", lambda _: b"0 2147483647"))
    for text in hostile:
        assert peak_memory(text) <= 2 * len(text) + slack


def test_memory_of_the_tersest_tree_is_bounded() -> None:
    """One huge tree in the fewest characters costs more than twice its text, by a bound per leaf.

    LightGBM writes about 110 characters a leaf; a tree has at most 131,072 leaves.
    """
    assert peak_memory(chain(20_000)) <= 220 * 20_000
