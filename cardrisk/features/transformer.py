"""History features for scikit-learn: any table with a time, keys, amounts and delayed answers.

Correct when ``transform`` gives every row exactly what was known strictly before its time: from the rows it was
fitted on, from earlier rows of the table handed in, and from answers that had arrived by then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from cardrisk.errors import BundleError, InputError, MissingColumnError
from cardrisk.features.batch import compute
from cardrisk.features.columns import LARGEST
from cardrisk.features.declare import Feature, FeatureSet, Key
from cardrisk.features.statistics import EVERYBODY, feature

PROTOCOL: Final = 1
_PARAMETERS: Final = ("time", "keys", "amounts", "windows", "answered_at", "failed")
_HUNDREDTHS: Final = 100.0
_SUM: Final = 2.0**61
"""Most that a table's amounts may come to, in hundredths: with what was fitted on, sums stay within 64 bits."""
_SECONDS: Final = 253_402_300_800
"""Seconds from 1970 to the year 10000: larger numbers are milliseconds or less."""
_DEFAULT_WINDOWS: Final = ("1h", "1d", "7d", "30d")


class HistoryFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What was known about each row's entities just before the row.

    Parameters
    ----------
    time : str or int
        Column of the row's moment: dates and times, or plain numbers, which are seconds since 1970.
    keys : sequence of str or int
        Columns that name entities, of any dtype; none: everybody is one entity.
    amounts : sequence of str or int
        Number columns, below 9e13 in size; sums and means of the past are taken to the hundredth, so give numbers
        that are all small in a smaller unit. Null counts as unknown.
    windows : sequence of str
        Of ``1h 1d 7d 30d life``.
    answered_at, failed : str or int, optional
        Columns of the moment at which the row's outcome became known (null: not yet) and of the outcome
        (true or not zero: failed). An outcome is used only after it became known, never in its own row.

    Attributes
    ----------
    history_ : pandas.DataFrame
        The columns named above of the rows fitted on.
    features_ : FeatureSet
        What is computed.
    n_features_in_, feature_names_in_
        Number of columns fitted on, and their names where all of them are texts.

    Notes
    -----
    A row handed in that equals a fitted one in every named column is the same event: it counts once, so that
    ``fit(X).transform(X)`` is ``fit_transform(X)``.
    """

    def __init__(
        self,
        time: str | int = "time",
        keys: Sequence[str | int] = (),
        amounts: Sequence[str | int] = (),
        windows: Sequence[str] = _DEFAULT_WINDOWS,
        answered_at: str | int | None = None,
        failed: str | int | None = None,
    ) -> None:
        self.time = time
        self.keys = keys
        self.amounts = amounts
        self.windows = windows
        self.answered_at = answered_at
        self.failed = failed

    def fit(self, X: Any, y: Any = None) -> HistoryFeatures:
        """Remember the named columns of ``X`` as history; ``y`` is not looked at.

        Raises
        ------
        MissingColumnError
            If a named column is not there.
        InputError
            If only one of ``answered_at`` and ``failed`` is named, a time is missing, or a time or an amount is too
            large.
        """
        self.history_ = self._named(X)
        self.features_ = self._declare()
        self.n_features_in_ = np.shape(X)[1]
        self.__dict__.pop("feature_names_in_", None)
        if isinstance(X, pd.DataFrame) and all(isinstance(column, str) for column in X.columns):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """Return one row of features per row of ``X``, in its order and index.

        Returns
        -------
        pandas.DataFrame
            Shape (rows, features): float32, sums and means float64; null as each declaration says.

        Raises
        ------
        MissingColumnError, InputError
            As for :meth:`fit`, and where a key is a number here and was a text there, or the other way round: no row
            would meet its history.
        """
        check_is_fitted(self, "history_")
        rows = self._named(X)
        for column in self.keys:
            fitted, given = (_is_text(frame[column]) for frame in (self.history_, rows))
            if None not in (fitted, given) and fitted != given:
                word = {True: "texts", False: "numbers"}
                raise InputError(
                    f"key {column!r}: expected {word[bool(fitted)]} as fitted on, got {word[bool(given)]}; convert them"
                )
        past = self.history_[_only_in_first(self.history_, rows)]
        submissions, outcomes = self._events(rows, 0)
        before = self._events(past, len(rows)) if len(past) else None
        table = compute(submissions, outcomes, history=before, features=self.features_)
        if isinstance(X, pd.DataFrame):
            table.index = X.index
        return table

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray[Any, np.dtype[Any]]:
        """Return the names of the columns that ``transform`` gives."""
        check_is_fitted(self, "features_")
        return np.asarray(self.features_.names, dtype=object)

    def save(self, folder: str | Path) -> None:
        """Write parameters and history into a folder: JSON and Parquet, nothing that can run code."""
        check_is_fitted(self, "history_")
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        said = {name: getattr(self, name) for name in _PARAMETERS}
        said = {name: list(v) if isinstance(v, (list, tuple)) else v for name, v in said.items()}
        said |= {"protocol": PROTOCOL, "n_features_in": self.n_features_in_}
        said["feature_names_in"] = list(getattr(self, "feature_names_in_", ())) or None
        (target / "parameters.json").write_text(json.dumps(said), encoding="utf-8")
        self.history_.set_axis([f"c{i}" for i in range(self.history_.shape[1])], axis=1).to_parquet(
            target / "history.parquet", index=False
        )

    @classmethod
    def load(cls, folder: str | Path) -> HistoryFeatures:
        """Read what :meth:`save` wrote.

        Raises
        ------
        BundleError
            If the folder holds another protocol.
        """
        said = json.loads((Path(folder) / "parameters.json").read_text(encoding="utf-8"))
        if said.get("protocol") != PROTOCOL:
            raise BundleError(f"expected protocol {PROTOCOL}, got {said.get('protocol')!r}; save it again")
        self = cls(**{name: said[name] for name in _PARAMETERS})
        history = pd.read_parquet(Path(folder) / "history.parquet")
        self.history_ = history.set_axis(self._columns(), axis=1)
        self.features_ = self._declare()
        self.n_features_in_ = said["n_features_in"]
        if said.get("feature_names_in"):
            self.feature_names_in_ = np.asarray(said["feature_names_in"], dtype=object)
        return self

    def _columns(self) -> list[str | int]:
        columns = [self.time, *self.keys, *self.amounts]
        columns += [column for column in (self.answered_at, self.failed) if column is not None]
        return list(dict.fromkeys(columns))

    def _named(self, X: Any) -> pd.DataFrame:
        if (self.answered_at is None) != (self.failed is None):
            raise InputError("expected both answered_at and failed or neither, got one; name the other column too")
        for name in ("keys", "amounts", "windows"):
            if isinstance(given := getattr(self, name), str):
                raise InputError(f"{name}: expected a sequence of texts, got {given!r}; write [{given!r}]")
        frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
        missing = [column for column in self._columns() if column not in frame.columns]
        if missing:
            raise MissingColumnError(f"expected columns {missing}, got {list(frame.columns)[:12]}")
        named = frame[self._columns()].reset_index(drop=True)
        if unknown := int(named[self.time].isna().sum()):
            raise InputError(f"column {self.time!r}: expected a time in every row, got none in {unknown}; drop them")
        for column in self.amounts:
            size = np.abs(named[column].to_numpy(np.float64, na_value=np.nan))
            if (size >= LARGEST / _HUNDREDTHS).any() or np.nansum(size) >= _SUM / _HUNDREDTHS:
                raise InputError(
                    f"column {column!r}: expected amounts below {LARGEST / _HUNDREDTHS:.0e} in size and "
                    f"{_SUM / _HUNDREDTHS:.0e} in all, got more; sums would not be exact: give them in a larger unit"
                )
        return named

    def _declare(self) -> FeatureSet:
        keys = [Key(str(column), (f"key {column}",)) for column in self.keys] or [EVERYBODY]
        return FeatureSet(tuple(f for key in keys for f in self._of(key)))

    def _of(self, key: Key) -> list[Feature]:
        made = [feature("since_last", key), feature("since_first", key)]
        for window in self.windows:
            made.append(feature("count", key, window))
            made += [
                feature(statistic, key, window, of=f"amount {column}", name=f"{key.name}_{statistic}_{column}_{window}")
                for column in self.amounts
                for statistic in ("sum", "mean")
            ]
            if self.failed is not None:
                made += [feature(s, key, window) for s in ("known", "failed", "failure_share")]
        return made

    def _events(self, rows: pd.DataFrame, offset: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        number = np.arange(offset, offset + len(rows))
        columns: dict[str, Any] = {"submission_id": number, "submitted_at": _moments(rows[self.time])}
        columns |= {f"key {column}": rows[column] for column in self.keys}
        columns |= {f"amount {column}": rows[column] for column in self.amounts}
        submissions = pd.DataFrame(columns)
        if self.answered_at is None or self.failed is None:
            return submissions, pd.DataFrame({"submission_id": [], "answered_at": [], "status": []}).iloc[:0]
        known = (rows[self.answered_at].notna() & rows[self.failed].notna()).to_numpy()
        failed = rows[self.failed][known].to_numpy(dtype=np.float64) != 0
        outcomes = {
            "submission_id": number[known],
            "answered_at": _moments(rows[self.answered_at][known]),
            "status": np.where(failed, "failed", "success"),
        }
        return submissions, pd.DataFrame(outcomes)


def _is_text(column: pd.Series) -> bool | None:
    """Return whether values are texts, not whether they are numbers; None for neither, or some of each."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "categorical":
        kind = pd.api.types.infer_dtype(column.cat.categories, skipna=True)
    return {"string": True, "integer": False, "floating": False, "mixed-integer-float": False}.get(kind)


def _moments(column: pd.Series) -> pd.Series:
    """Return moments; plain numbers are seconds since 1970.

    Raises
    ------
    InputError
        As seconds they would lie beyond the year 9999: most likely they count something smaller.
    """
    if column.dtype.kind in "iuf":
        if (column.abs() >= _SECONDS).any():
            raise InputError(
                f"column {column.name!r}: expected seconds since 1970, got {column.abs().max():.0f}; convert it"
            )
        return pd.to_datetime((column.astype(np.float64) * 1e6).round(), unit="us", utc=True)
    return column


def _only_in_first(first: pd.DataFrame, second: pd.DataFrame) -> Any:
    """Return which rows of ``first`` are not matched, one to one, by equal rows of ``second``."""
    both = pd.concat([second, first], ignore_index=True)
    code = both.groupby(list(both.columns), dropna=False, sort=False).ngroup().to_numpy()
    held = np.bincount(code[: len(second)], minlength=code.max(initial=-1) + 1)
    rest = pd.Series(code[len(second) :])
    return (rest.groupby(rest).cumcount().to_numpy() >= held[rest.to_numpy()]) if len(rest) else np.zeros(0, bool)
