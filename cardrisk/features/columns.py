"""From a frame's columns to whole numbers and codes; a column that is not there is unknown throughout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cardrisk._compiled import compiled
from cardrisk._later import pa, pd
from cardrisk.features.arrays import F64, I32, I64, NULL

LARGEST = 2.0**53
"""Numbers whose whole-number form reaches beyond this are treated as unknown: floats hold no such number exactly, and
fewer than a thousand of them would make a sum of 64 bits wrap around."""


def times(values: pd.Series) -> I64:
    """Return microseconds since 1970 (UTC), ``NULL`` where unknown; naive times are taken as UTC.

    What comes back may be the column's own memory: it is only read.
    """
    if isinstance(values.dtype, pd.ArrowDtype):
        values = _of_arrow(values) if values.dtype.kind == "M" else values.astype(object)
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
        values = pd.to_datetime(values, utc=True, format="ISO8601")
    if not isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.astype("datetime64[us]").dt.tz_localize("UTC")
    micro = np.require(values.to_numpy("datetime64[us]"), requirements=("C", "W"))  # one kind, for compiled code
    whole: I64 = micro.view(np.int64)  # not-a-time is NULL already
    return whole


def _of_arrow(values: pd.Series) -> pd.Series:
    """Return Arrow's moments as pandas' own, microseconds."""
    given = pa.array(values.array)
    zone = getattr(given.type, "tz", None)
    micro = given.cast(pa.timestamp("us", zone), safe=False).cast(pa.int64()).fill_null(NULL)
    moments = pd.Series(micro.to_numpy(zero_copy_only=False).view("datetime64[us]"))
    return moments.dt.tz_localize("UTC") if zone else moments


def scaled(values: pd.Series, scale: int) -> I64:
    """Return numbers times ``scale``, rounded to whole ones (half to even), ``NULL`` where unknown."""
    plain = isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf"  # pandas copies what may hold its nulls
    numbers: F64 = (values.to_numpy(np.float64) if plain else values.to_numpy(np.float64, na_value=np.nan)) * scale
    whole: I64 = numbers.view(np.int64)
    _round(numbers, whole)
    return whole


@compiled
def _round(numbers: F64, whole: I64) -> None:
    """Write each number as a whole one, in its own place or another one."""
    for i in range(numbers.size):
        number = numbers[i]
        whole[i] = np.int64(np.rint(number)) if abs(number) < LARGEST else NULL


def flags(values: pd.Series) -> I64:
    """Return 1 where true or not zero, 0 where false or zero, ``NULL`` where unknown."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(numbers), NULL, (numbers != 0).astype(np.int64))


def coded(parts: Sequence[pd.Series]) -> tuple[I32, int]:
    """Return one code per distinct value over all parts (-1 where unknown), and how many there are.

    Any hashable dtype will do: texts, whole numbers, categories, Arrow-backed columns.
    """
    if all(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
        categories = parts[0].cat.categories
        if all(part.cat.categories.equals(categories) for part in parts):
            return np.concatenate([part.cat.codes.to_numpy(np.int32) for part in parts]), len(categories)
    if any(isinstance(part.dtype, pd.CategoricalDtype) for part in parts):
        parts = [part.astype(object) for part in parts]
    whole = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    if isinstance(whole.dtype, np.dtype) and whole.dtype.kind == "i" and len(whole):
        low, high = int(whole.min()), int(whole.max())
        if high - low < 2 * len(whole):  # dense whole numbers are their own codes
            return (whole.to_numpy() - low).astype(np.int32), high - low + 1
    codes, values = pd.factorize(whole)
    return codes.astype(np.int32), len(values)


def combined(columns: Sequence[tuple[I32, int]]) -> tuple[I32, int]:
    """Return one code per combination of several coded columns; unknown where any of them is."""
    codes, size = columns[0]
    for more, count in columns[1:]:
        pairs = np.where((codes < 0) | (more < 0), -1, codes.astype(np.int64) * count + more)
        found, values = pd.factorize(pairs)
        unknown = pairs < 0
        codes, size = np.where(unknown, -1, found).astype(np.int32), len(values)
    return codes, size
