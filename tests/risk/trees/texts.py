"""Model texts for tests: taken apart, changed and put together again with sizes that fit, or made up from scratch."""

from dataclasses import dataclass

import numpy as np

SPECIAL = np.array(
    [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        5e-324,
        1e-36,
        -1e-36,
        1e-35,
        -1e-35,
        float(np.float32(1e-35)),
        -float(np.float32(1e-35)),
        np.nextafter(float(np.float32(1e-35)), 1.0),
        0.5,
        -0.5,
        -0.999,
        -1.0,
        1.0,
        1.9,
        3.0,
        31.0,
        32.0,
        63.0,
        64.0,
        99.0,
        10000000000.0,
        1e19,
        1e300,
        -1e300,
        2.0**31 - 1,
        2.0**31 - 0.5,
        2.0**31,
        2.0**32 + 3,
        -(2.0**31),
    ]
)

Tree = list[tuple[bytes, bytes]]  # (key, value), in order


@dataclass
class Parts:
    header: list[bytes]
    trees: list[Tree]
    tail: bytes

    def text(self) -> bytes:
        """The whole, with tree_sizes that fit the trees."""
        blocks = [b"".join(key + b"=" + value + b"\n" for key, value in tree) + b"\n\n" for tree in self.trees]
        sizes = b"tree_sizes=" + b" ".join(b"%d" % len(block) for block in blocks)
        lines = [sizes if line.startswith(b"tree_sizes=") else line for line in self.header]
        return b"\n".join(lines) + b"\n\n" + b"".join(blocks) + self.tail


def apart(text: bytes) -> Parts:
    head, rest = text.split(b"\n\n", 1)
    body, tail = rest.split(b"end of trees", 1)
    trees = []
    for block in body.split(b"Tree=")[1:]:
        lines = [line.split(b"=", 1) for line in (b"Tree=" + block).rstrip(b"\n").split(b"\n")]
        trees.append([(key, value) for key, value in lines])
    return Parts(head.split(b"\n"), trees, b"end of trees" + tail)


def joined(values: np.ndarray) -> bytes:
    return " ".join(repr(v) for v in values.tolist()).encode()


def random_tree(rng: np.random.Generator, index: int, leaves: int, features: int) -> Tree:
    """A proper tree of any shape, with every kind of split in any mixture, as no training would give it."""
    splits = leaves - 1
    left, right = np.zeros(splits, np.int64), np.zeros(splits, np.int64)
    owner: list[tuple[np.ndarray, int] | None] = [None]  # who points at each leaf so far
    for split in range(splits):
        leaf = int(rng.integers(split + 1))
        if owner[leaf] is not None:
            side, at = owner[leaf]
            side[at] = split
        left[split], right[split] = ~leaf, ~(split + 1)
        owner[leaf] = (left, split)
        owner.append((right, split))
    kind = rng.integers(0, 12, splits)
    categorical = kind & 1 == 1
    threshold = np.where(rng.random(splits) < 0.3, 0.0, rng.normal(0, 2, splits))
    odd = SPECIAL[~np.isnan(SPECIAL) & (np.abs(SPECIAL) < np.inf)]
    threshold = np.where(rng.random(splits) < 0.3, rng.choice(odd, splits), threshold)
    threshold = np.where(rng.random(splits) < 0.1, np.inf, threshold)
    threshold[categorical] = rng.permutation(int(categorical.sum()))
    sizes = rng.integers(1, 5, int(categorical.sum()))
    words = rng.integers(0, 2**32, int(sizes.sum()))
    leaf_count = rng.integers(1, 50, leaves)
    cover = np.zeros(splits, np.int64)
    for split in reversed(range(splits)):
        cover[split] = sum(cover[c] if c >= 0 else leaf_count[~c] for c in (int(left[split]), int(right[split])))
    tree = [
        (b"Tree", b"%d" % index),
        (b"num_leaves", b"%d" % leaves),
        (b"num_cat", b"%d" % categorical.sum()),
        (b"split_feature", joined(rng.integers(0, features, splits))),
        (b"split_gain", joined(np.ones(splits))),
        (b"threshold", joined(threshold)),
        (b"decision_type", joined(kind)),
        (b"left_child", joined(left)),
        (b"right_child", joined(right)),
        (b"leaf_value", joined(rng.normal(0, 1, leaves))),
        (b"leaf_weight", joined(np.ones(leaves))),
        (b"leaf_count", joined(leaf_count)),
        (b"internal_value", joined(np.zeros(splits))),
        (b"internal_weight", joined(np.zeros(splits))),
        (b"internal_count", joined(cover)),
    ]
    if categorical.any():
        tree += [(b"cat_boundaries", joined(np.append(0, np.cumsum(sizes)))), (b"cat_threshold", joined(words))]
    return [*tree, (b"is_linear", b"0"), (b"shrinkage", b"1")]


def random_model(rng: np.random.Generator, objective: str, classes: int, features: int = 5) -> bytes:
    """A model of random trees that LightGBM itself would load."""
    trees = [
        random_tree(rng, index, int(rng.integers(1, 40)), features)
        for index in range(classes * int(rng.integers(1, 8)))
    ]
    header = [
        b"tree",
        b"version=v4",
        b"num_class=%d" % classes,
        b"num_tree_per_iteration=%d" % classes,
        b"label_index=0",
        b"max_feature_idx=%d" % (features - 1),
        b"objective=" + objective.encode(),
        b"feature_names=" + b" ".join(b"f%d" % k for k in range(features)),
        b"feature_infos=" + b" ".join([b"[-1:1]"] * features),
        b"tree_sizes=",
    ]
    tail = b"end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n\npandas_categorical:null\n"
    return Parts(header, trees, tail).text()


def chain(leaves: int) -> bytes:
    """One tree that is a single line of splits on one feature: the deepest that many leaves can be."""
    rng = np.random.default_rng(0)
    parts = apart(random_model(rng, "regression", 1, 1))
    splits = np.arange(leaves - 1)
    values = dict(random_tree(rng, 0, 2, 1))
    values |= {
        b"num_leaves": b"%d" % leaves,
        b"num_cat": b"0",
        b"split_feature": joined(splits * 0),
        b"threshold": joined(splits[::-1] + 0.5),
        b"decision_type": joined(splits * 0 + 2),
        b"left_child": joined(np.append(splits[1:], ~splits[-1:])),
        b"right_child": joined(~np.append(leaves - 1, splits[:-1])),
        b"leaf_value": joined(np.arange(leaves, dtype=float)),
        b"leaf_count": joined(np.ones(leaves, np.int64)),
        b"internal_count": joined(leaves - splits),
    }
    values.pop(b"cat_boundaries", None)
    values.pop(b"cat_threshold", None)
    return Parts(parts.header, [list(values.items())], parts.tail).text()


def trained(
    seed: int, *, rounds: int = 8, rows: int = 800, categorical: tuple[int, ...] = (0, 1), **settings: object
) -> tuple[object, np.ndarray]:
    """A small booster with two categorical and four numeric features, values missing, and its training rows."""
    import lightgbm

    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.integers(0, 90, rows),
            rng.integers(0, 5, rows),
            rng.normal(size=rows),
            np.round(2 * rng.normal(size=rows)),
            rng.exponential(size=rows) ** 3,
            rng.integers(0, 2, rows),
        ]
    ).astype(float)
    signal = (X[:, 0] * 7 % 13 > 6).astype(int) + (X[:, 2] > 0.3) + (X[:, 3] == 0) + (X[:, 4] > 2)
    objective = str(settings.get("objective", "binary"))
    y = signal % 3 if objective.startswith("multi") else signal if objective == "regression" else signal % 2
    if seed % 3:
        X[rng.random(X.shape) < 0.15] = np.nan
    fixed = {"objective": objective, "verbose": -1, "num_threads": 1, "seed": seed, "num_leaves": 31}
    data = lightgbm.Dataset(X, y, categorical_feature=list(categorical))
    return lightgbm.train(fixed | settings, data, rounds), X
