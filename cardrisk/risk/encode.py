"""From a feature frame to the matrix that the trees read.

Correctness: the matrix depends on the values of the named columns alone - not on their order, on extra columns, on
the frame's index or on how the values are stored (NumPy, Arrow, categories). Numbers are rounded to float32, the
precision the trees are trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cardrisk._later import pd
from cardrisk.errors import FeatureMismatchError, InputError

OTHER: Final = 0
"""Code of a category that was rare or absent in training: unlike null it was given, only not known."""

MIN_CATEGORY: Final = 20
"""Fewest training cards of a category that gets a code of its own."""

MAX_CATEGORIES: Final = 250

ABREAST: Final = 16
"""Columns written at a time: together they fill a cache line of a row; one by one each would fetch every row anew."""

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Columns:
    """The columns of the matrix, in order.

    Attributes
    ----------
    names
        Feature names; the position is the tree's feature index.
    categories
        For each categorical feature its known values; value number i has code i + 1.
    dropped
        Features left out because no training card had a value.
    """

    names: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()

    @classmethod
    def learn(cls, frame: pd.DataFrame) -> Columns:
        """Learn the columns of a training frame: text and category columns are categorical, others numeric.

        Raises
        ------
        InputError
            If no column has a value, or a column holds neither numbers nor text.
        """
        dropped = tuple(str(name) for name in frame.columns if frame[name].isna().all())
        names = tuple(str(name) for name in frame.columns if str(name) not in set(dropped))
        if not names:
            raise InputError("expected at least one feature with a value, got none; give at least an entity column")
        categories = {name: _known(frame[name]) for name in names if _is_text(frame[name])}
        return cls(names, categories, dropped)

    @property
    def categorical(self) -> list[int]:
        """Positions of the categorical features."""
        return [place for place, name in enumerate(self.names) if name in self.categories]

    def matrix(self, frame: pd.DataFrame, needed: Sequence[str] | None = None) -> Matrix:
        """Encode a frame.

        Parameters
        ----------
        frame
            One column per feature, any order; further columns are ignored.
        needed
            Names that must be there; the others are read as null where absent. None: all names.

        Returns
        -------
        numpy.ndarray
            float32 (rows, features), C order; null and unknown are NaN.

        Raises
        ------
        FeatureMismatchError
            If needed columns are absent, doubled, or hold text where numbers are expected.
        """
        self.check(frame, needed)
        out = np.empty((len(frame), len(self.names)), np.float32)
        unknown = np.full(len(frame), np.nan, np.float32)
        for first in range(0, len(self.names), ABREAST):
            part = self.names[first : first + ABREAST]
            columns = [self._encode(name, frame[name]) if name in frame.columns else unknown for name in part]
            out[:, first : first + ABREAST] = np.array(columns).T
        return out

    def check(self, frame: pd.DataFrame, needed: Sequence[str] | None = None) -> None:
        """Refuse a frame that lacks needed columns or has one of them twice; see `matrix`."""
        wanted = self.names if needed is None else needed
        missing = [name for name in wanted if name not in frame.columns]
        if missing:
            raise FeatureMismatchError(
                f"the model needs {len(missing)} feature(s) that were not given: {', '.join(missing[:10])}"
                f"{' ...' if len(missing) > 10 else ''}; compute them with the model's `features`"
            )
        if not frame.columns.is_unique:
            twice = [name for name in wanted if (frame.columns == name).sum() > 1]
            if twice:
                raise FeatureMismatchError(f"expected each feature once, got several of: {', '.join(twice[:10])}")

    def row(self, values: Mapping[str, Any]) -> npt.NDArray[np.float64]:
        """Encode one card; the same values as `matrix` gives, as float64 (features,).

        Raises
        ------
        FeatureMismatchError
            If a number is expected and something else is given.
        """
        out = np.full(len(self.names), np.nan, np.float32)
        for place, name in enumerate(self.names):
            value = values.get(name)
            if value is None or value is pd.NA or value != value:
                continue
            known = self._codes.get(name)
            try:
                out[place] = value if known is None else known.get(str(value), OTHER)
            except (TypeError, ValueError):
                raise FeatureMismatchError(
                    f"expected a number for feature {name}, got {type(value).__name__}; see the model's `features`"
                ) from None
        return out.astype(np.float64)

    @property
    def _codes(self) -> dict[str, dict[str, int]]:
        cached: dict[str, dict[str, int]] | None = self.__dict__.get("_cached_codes")
        if cached is None:
            cached = {
                name: {value: code + 1 for code, value in enumerate(values)} for name, values in self.categories.items()
            }
            self.__dict__["_cached_codes"] = cached
        return cached

    def _encode(self, name: str, column: pd.Series[Any]) -> Matrix:
        if name not in self.categories:
            try:
                return column.to_numpy(dtype=np.float32, na_value=np.nan)
            except (TypeError, ValueError):
                raise FeatureMismatchError(
                    f"expected numbers in feature {name}, got {column.dtype}; see the model's `features`"
                ) from None
        codes, seen = pd.factorize(column)
        known = self._codes[name]
        table = np.array([*(known.get(str(value), OTHER) for value in seen), np.nan], np.float32)
        return table[codes]


def _is_text(column: pd.Series[Any]) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column.dtype):
        return True
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return False
    raise InputError(f"expected numbers or text in feature {column.name}, got {column.dtype}; declare its type")


def _known(column: pd.Series[Any]) -> tuple[str, ...]:
    counts = column.dropna().astype(str).value_counts()
    frequent = counts[counts >= MIN_CATEGORY]
    kept = sorted(frequent.items(), key=lambda item: (-item[1], str(item[0])))[:MAX_CATEGORIES]
    return tuple(str(value) for value, _ in kept)
