"""History features for scikit-learn: any table with a time, keys, amounts and delayed answers.

Correct when ``transform`` gives every row exactly what was known strictly before its time: from the rows it was
fitted on, from earlier rows of the table handed in, and from answers that had arrived by then.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from cardrisk.errors import BundleError, InputError, MissingColumnError
from cardrisk.features.batch import compute
from cardrisk.features.columns import LARGEST, coded, times
from cardrisk.features.declare import Feature, FeatureSet, Key
from cardrisk.features.statistics import EVERYBODY, feature
from cardrisk.tables.atomic import atomic_writes

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
            If only one of ``answered_at`` and ``failed`` is named, two columns have one of the names, a time is
            missing, a time or an amount is too large, or an amount or outcome is no number.
        """
        self.history_ = self._named(X)
        self.features_ = self._declare()
        self.n_features_in_ = X.shape[1] if hasattr(X, "shape") else np.shape(X)[1]
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
            As for :meth:`fit`, and where a key is of another kind than it was there, as a number and not a text: no
            row would meet its history.
        """
        check_is_fitted(self, "history_")
        rows = self._named(X)
        for column in self.keys:
            fitted, given = (_kind(frame[column]) for frame in (self.history_, rows))
            if None not in (fitted, given) and fitted != given:
                raise InputError(f"key {column!r}: expected {fitted} as fitted on, got {given}; convert them")
        past = self.history_[_only_in_first(self._compared(self.history_), self._compared(rows))]
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
        """Write parameters and history into a folder: JSON and Parquet, nothing that can run code.

        Raises
        ------
        InputError
            If a key holds values that Parquet would not give back as they are; nothing is written then.
        """
        check_is_fitted(self, "history_")
        said = {name: getattr(self, name) for name in _PARAMETERS}
        said = {name: list(v) if isinstance(v, (list, tuple)) else v for name, v in said.items()}
        said |= {"protocol": PROTOCOL, "n_features_in": self.n_features_in_}
        said["feature_names_in"] = list(getattr(self, "feature_names_in_", ())) or None
        named = self.history_.set_axis([f"c{i}" for i in range(self.history_.shape[1])], axis=1)
        said["uuids"] = [name for name, column in named.items() if _kind(column) == UUID.__name__]
        columns = {column: name for column, name in zip(self._columns(), named, strict=True) if column in self.keys}
        if lost := [column for column, name in columns.items() if not _comes_back(named[name])]:
            raise InputError(
                f"keys {lost}: expected values that Parquet gives back as they are, got others; give texts"
            )
        with atomic_writes(Path(folder) / "parameters.json", Path(folder) / "history.parquet") as (text, table):
            text.write_text(json.dumps(said), encoding="utf-8")
            named.apply(_as_kept).to_parquet(table, index=False)

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
        history = _read(Path(folder) / "history.parquet", said.get("uuids", []))
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
        frame = _frame(X)
        missing = [column for column in self._columns() if column not in frame.columns]
        if missing:
            raise MissingColumnError(f"expected columns {missing}, got {list(frame.columns)[:12]}")
        named = frame[self._columns()].reset_index(drop=True)
        if named.shape[1] > len(self._columns()):
            twice = named.columns[named.columns.duplicated()].unique().tolist()
            raise InputError(f"expected one column of each name, got several named {twice}; rename them")
        if unknown := int(named[self.time].isna().sum()):
            raise InputError(f"column {self.time!r}: expected a time in every row, got none in {unknown}; drop them")
        for column in self.amounts:
            size = np.abs(_numbers(named[column]))
            if (size >= LARGEST / _HUNDREDTHS).any() or np.nansum(size) >= _SUM / _HUNDREDTHS:
                raise InputError(
                    f"column {column!r}: expected amounts below {LARGEST / _HUNDREDTHS:.0e} in size and "
                    f"{_SUM / _HUNDREDTHS:.0e} in all, got more; sums would not be exact: give them in a larger unit"
                )
        if self.failed is not None:
            _numbers(named[self.failed])
        return named

    def _compared(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what makes two rows the same event, whatever dtype holds it."""
        moments = [column for column in (self.time, self.answered_at) if column is not None]
        numbers = [*self.amounts, *([] if self.failed is None else [self.failed])]
        columns: dict[str, Any] = {f"key {column}": rows[column] for column in self.keys}
        columns |= {f"time {column}": times(_moments(rows[column])) for column in moments}
        columns |= {f"number {column}": _numbers(rows[column]) for column in numbers}
        return pd.DataFrame(columns, index=rows.index)

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
        failed = _numbers(rows[self.failed][known]) != 0
        outcomes = {
            "submission_id": number[known],
            "answered_at": _moments(rows[self.answered_at][known]),
            "status": np.where(failed, "failed", "success"),
        }
        return submissions, pd.DataFrame(outcomes)


def _frame(X: Any) -> pd.DataFrame:
    """Return a table as pandas holds it: frames of Polars and Arrow bring the way with them."""
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas") and hasattr(X, "columns"):
        return pd.DataFrame(X.to_pandas())
    cells = np.asarray(X)
    if cells.ndim != 2:
        raise InputError(f"expected a table of rows and columns, got an array of shape {cells.shape}; reshape it")
    return pd.DataFrame(cells)


def _kind(column: pd.Series) -> str | None:
    """Return what values are: texts, numbers, or the name of their one type; None for others or some of each."""
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "mixed":
        types = {type(value) for value in values.dropna()}
        return types.pop().__name__ if len(types) == 1 else None
    numbers = ("integer", "floating", "mixed-integer-float")
    return {"string": "texts", "bytes": "bytes", **dict.fromkeys(numbers, "numbers")}.get(kind)


def _as_kept(column: pd.Series) -> pd.Series:
    """Return a column as Parquet can hold it, so that :func:`_read` gives it back."""
    if _kind(column) == UUID.__name__:
        return column.astype("str")
    if isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_dictionary(column.dtype.pyarrow_dtype):
        return column.astype(pd.ArrowDtype(column.dtype.pyarrow_dtype.value_type))
    return column


def _read(path: Path | BytesIO, uuids: Sequence[str]) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    return frame.assign(**{name: frame[name].map(UUID, na_action="ignore").astype(object) for name in uuids})


def _comes_back(column: pd.Series) -> bool:
    """Return whether the values of a key equal themselves once they were kept."""
    if column.dtype.kind in "iufbM":
        return True
    uuids = ["key"] if _kind(column) == UUID.__name__ else []
    kept = BytesIO()
    try:
        _as_kept(column).to_frame("key").to_parquet(kept, index=False)
    except (pa.ArrowException, NotImplementedError):
        return False
    codes, _ = coded([column, _read(kept, uuids)["key"]])
    return bool((codes[: len(column)] == codes[len(column) :]).all())


def _numbers(column: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column as floats, NaN where unknown.

    Raises
    ------
    InputError
        They are no numbers.
    """
    try:
        return column.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as reason:
        raise InputError(
            f"column {column.name!r}: expected numbers or true and false, got {column.dtype}; convert them"
        ) from reason


def _moments(column: pd.Series) -> pd.Series:
    """Return moments; plain numbers are seconds since 1970.

    Raises
    ------
    InputError
        As seconds they would lie beyond the year 9999: most likely they count something smaller.
    """
    if column.dtype == object:  # rows of a table that holds texts too come like this
        column = column.infer_objects()
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
    short = both.dtypes[both.dtypes == np.float16].index  # pandas compares no numbers as short as these
    both = both.astype(dict.fromkeys(short, np.float32))
    code = both.groupby(list(both.columns), dropna=False, sort=False).ngroup().to_numpy()
    held = np.bincount(code[: len(second)], minlength=code.max(initial=-1) + 1)
    rest = pd.Series(code[len(second) :])
    return (rest.groupby(rest).cumcount().to_numpy() >= held[rest.to_numpy()]) if len(rest) else np.zeros(0, bool)
