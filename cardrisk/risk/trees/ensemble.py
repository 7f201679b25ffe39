"""Trees that LightGBM trained, evaluated without LightGBM.

Correct means: `Ensemble.raw` and `Ensemble.predict` give the same bits as `lightgbm.Booster.predict` on a float64
array, for every row; `Ensemble.contributions` equals its ``pred_contrib`` to 1e-9.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cardrisk.errors import FeatureMismatchError
from cardrisk.risk.trees import kernels
from cardrisk.risk.trees.batch import raw_rows
from cardrisk.risk.trees.layout import Builder, Tables
from cardrisk.risk.trees.text import read_header, read_tree, refuse

if TYPE_CHECKING:
    from lightgbm import Booster

    from cardrisk.risk.trees.contributions import Paths

Array = npt.NDArray[np.float64]

CHUNK = 16_384  # rows converted to float64 at a time, so that a frame of float32 is never held twice

_SLOPE = r"(?:[0-9]{1,9}(?:\.[0-9]{1,17})?(?:e[+-]?[0-9]{1,2})?)"
_OBJECTIVES = (
    (re.compile(r"regression"), kernels.IDENTITY),
    (re.compile(rf"binary sigmoid:({_SLOPE})"), kernels.SIGMOID),
    (re.compile(r"cross_entropy"), kernels.SIGMOID),
    (re.compile(r"multiclass num_class:([0-9]{1,5})"), kernels.SOFTMAX),
    (re.compile(rf"multiclassova num_class:([0-9]{{1,5}}) sigmoid:({_SLOPE})"), kernels.SIGMOID),
)


def _link(objective: str, num_class: int) -> tuple[int, float]:
    """Return the link and slope that LightGBM applies for ``objective``."""
    for pattern, link in _OBJECTIVES:
        found = pattern.fullmatch(objective)
        if not found:
            continue
        name, values = objective.split(" ")[0], list(found.groups())
        classes = int(values.pop(0)) if name.startswith("multiclass") else 1
        slope = float(values.pop(0)) if values else 1.0
        if classes != num_class or (name.startswith("multiclass") and num_class < 2) or not 0 < slope < 1e9:
            refuse(f"objective: {objective!r} does not fit num_class {num_class}")
        return link, slope
    return refuse(
        f"objective: expected binary, cross_entropy, multiclass, multiclassova or regression, got {objective[:40]!r}"
    )


class Ensemble:
    """An immutable set of trees; safe to share between threads and to inherit over a fork.

    Attributes
    ----------
    feature_names
        Names of the input columns, in order.
    n_features, num_class, n_trees
        Inputs per row, outputs per row, trees in all.
    objective
        LightGBM's objective line, e.g. ``binary sigmoid:1``.
    covers
        int32, one entry per node of ``tables``: how many training rows reached it.
    tables
        The arrays that compiled code reads; with ``link`` and ``slope`` they are the arguments of
        `kernels.predict_row`, so that other compiled code can evaluate the trees without coming back to Python.
    """

    def __init__(
        self,
        tables: Tables,
        covers: npt.NDArray[np.int32],
        feature_names: tuple[str, ...],
        num_class: int,
        objective: str,
    ) -> None:
        self.link, self.slope = _link(objective, num_class)
        self.tables = tables
        self.feature_names = feature_names
        self.n_features = len(feature_names)
        self.num_class = num_class
        self.n_trees = tables.roots.size - 1
        self.objective = objective
        self.covers = covers
        self._paths: Paths | None = None

    @classmethod
    def from_booster(cls, booster: "Booster") -> "Ensemble":
        """Take over a booster's trees, up to its best iteration where it has one (as its `predict` does)."""
        return parse(booster.model_to_string().encode())

    def __repr__(self) -> str:
        return f"Ensemble({self.n_trees} trees, {self.n_features} features, {self.objective!r})"

    def raw(self, X: npt.ArrayLike, *, threads: int = 1) -> Array:
        """Return the sums of the trees, before the objective's link.

        Parameters
        ----------
        X
            (n, n_features) numbers, NaN where unknown; categories as their codes.
        threads
            How many threads share the rows; the bits do not depend on it.

        Returns
        -------
        ndarray
            float64, (n,) or, for several classes, (n, num_class).

        Raises
        ------
        FeatureMismatchError
            If the number of columns is not ``n_features``.
        """
        return self._over_rows(X, self._raw_chunk, self.num_class, threads)

    def predict(self, X: npt.ArrayLike, *, threads: int = 1) -> Array:
        """Return predictions: probabilities for the classifying objectives; see `raw` for the rest.

        Raises
        ------
        FeatureMismatchError
            If the number of columns is not ``n_features``.
        """
        return self._over_rows(X, self._predict_chunk, self.num_class, threads)

    def predict_row(self, row: npt.ArrayLike) -> Array:
        """Return the predictions for one row: float64 (num_class,), the same bits as `predict`.

        Raises
        ------
        FeatureMismatchError
            If ``row`` is not (n_features,).
        """
        values = np.ascontiguousarray(row, np.float64)
        if values.shape != (self.n_features,):
            raise FeatureMismatchError(self._expected(values.shape))
        out = np.empty(self.num_class)
        t = self.tables
        kernels.predict_row(values, t.nodes, t.roots, t.columns, t.words, out, self.link, self.slope)
        return out

    @property
    def paths(self) -> "Paths":
        """What contributions need beyond ``tables``; made at the first use.

        Raises
        ------
        ModelError
            If the model lacks training counts, or asks for more than 256 features on one path.
        """
        from cardrisk.risk.trees.contributions import trace

        if self._paths is None:  # two threads may both make it, with the same result
            self._paths = trace(self.tables, self.covers, self.num_class)
        return self._paths

    def contributions(self, X: npt.ArrayLike, *, threads: int = 1) -> Array:
        """Return each feature's exact contribution to the raw score (LightGBM's ``pred_contrib`` to 1e-9).

        Parameters
        ----------
        X, threads
            As in `raw`; for one row pass (1, n_features).

        Returns
        -------
        ndarray
            float64, (n, n_features + 1) or, for several classes, (n, num_class, n_features + 1): one entry per
            feature, then the mean raw score over the training rows. Entries of a row sum to its raw score.

        Raises
        ------
        FeatureMismatchError
            If the number of columns is not ``n_features``.
        ModelError
            As `paths`.
        """
        from cardrisk.risk.trees.contributions import contribution_rows

        paths = self.paths
        width = self.num_class * (self.n_features + 1)

        def evaluate(rows: Array, out: Array) -> None:
            cells = out.reshape(-1, self.num_class, self.n_features + 1)
            p = paths
            contribution_rows(rows, *self.tables, p.splits, p.share, p.deep, p.points, p.weights, p.expected, cells)

        out = self._over_rows(X, evaluate, width, threads)
        return out if self.num_class == 1 else out.reshape(-1, self.num_class, self.n_features + 1)

    def _raw_chunk(self, rows: Array, out: Array) -> None:
        raw_rows(rows, *self.tables, out)

    def _predict_chunk(self, rows: Array, out: Array) -> None:
        raw_rows(rows, *self.tables, out)
        kernels.link_rows(out, self.link, self.slope)

    def _expected(self, shape: tuple[int, ...]) -> str:
        return f"expected {self.n_features} features a row, got shape {shape}; pass the model's feature_names in order"

    def _over_rows(self, X: npt.ArrayLike, evaluate: Callable[[Array, Array], None], width: int, threads: int) -> Array:
        """Run ``evaluate`` on chunks of rows and gather (n, width), or (n,) for one output."""
        values = np.asarray(X)
        if values.ndim != 2 or values.shape[1] != self.n_features:
            raise FeatureMismatchError(self._expected(values.shape))
        out = np.empty((values.shape[0], width))

        def one(first: int) -> None:
            rows = np.ascontiguousarray(values[first : first + CHUNK], np.float64)
            evaluate(rows, out[first : first + CHUNK])

        starts = range(0, values.shape[0], CHUNK)
        if threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, starts))
        else:
            for first in starts:
                one(first)
        return out[:, 0] if width == 1 else out


def parse(text: bytes) -> Ensemble:
    """Read and check a model in LightGBM's text format, version 4.

    Parameters
    ----------
    text
        What ``Booster.model_to_string()`` gives, as bytes. It may come from anywhere: nothing in it is trusted.

    Returns
    -------
    Ensemble
        The trees, ready to evaluate.

    Raises
    ------
    BundleError
        If anything that predictions depend on is missing, malformed, contradictory or outside what this reader
        supports (no linear trees, no averaged forests, a closed list of objectives).
    """
    header = read_header(text)
    _link(header.objective, header.num_class)
    builder = Builder(len(header.feature_names))
    start = header.end
    for index, size in enumerate(header.tree_sizes.tolist()):
        builder.add(read_tree(text, start, size, index))
        start += size
    tables, covers = builder.tables()
    return Ensemble(tables, covers, header.feature_names, header.num_class, header.objective)
