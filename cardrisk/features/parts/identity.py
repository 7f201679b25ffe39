"""Values as 64-bit identities: equal values have equal numbers in every process, frame and chunk.

Unequal values share a number with the chance of two random 64-bit numbers: for 20 million distinct values about
one in 90,000 that any two do. Null is ``NULL``.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, NULL
from cardrisk.features.columns import times
from cardrisk.tables.arrow import bytes_of, strings

U64 = NDArray[np.uint64]
_A: Final = np.uint64(0x9E3779B97F4A7C15)
_B: Final = np.uint64(0xBF58476D1CE4E5B9)
_C: Final = np.uint64(0x94D049BB133111EB)
_27, _30, _31 = np.uint64(27), np.uint64(30), np.uint64(31)
_8: Final = np.uint64(8)
_EXACT: Final = 2**53
"""Floats hold every whole number nearer to zero than this."""


@compiled
def stirred(x: Any) -> Any:
    """Return a 64-bit number whose every bit depends on every bit of ``x`` (splitmix64's last steps)."""
    x = (x ^ (x >> _30)) * _B
    x = (x ^ (x >> _27)) * _C
    return x ^ (x >> _31)


@compiled
def _texts(data: NDArray[np.uint8], bounds: I64, out: U64) -> None:
    """Write one number per text, eight bytes at a time."""
    for i in range(out.size):
        word, filled = np.uint64(0), 0
        h = stirred(np.uint64(bounds[i + 1] - bounds[i]) + _A)
        for k in range(bounds[i], bounds[i + 1]):
            word = (word << _8) | np.uint64(data[k])
            filled += 1
            if filled == 8:
                h = stirred(h ^ word) + _A
                word, filled = np.uint64(0), 0
        out[i] = stirred(h ^ word)


@compiled
def _numbers(bits: U64, out: U64) -> None:
    for i in range(out.size):
        out[i] = stirred(bits[i] + _A)


@compiled
def _pairs(one: I64, other: I64, out: U64) -> None:
    for i in range(out.size):
        out[i] = stirred(stirred(np.uint64(one[i]) + _A) ^ np.uint64(other[i]))


def numbered(*columns: pd.Series) -> list[I64]:
    """Return one number per value of each column, equal where values are, in whichever column; -1 where unknown.

    Unlike identities these are exact, count from zero, and hold among these columns alone.
    """
    arrays = [strings(column) for column in columns]
    if any(array is None for array in arrays):
        codes = pd.factorize(pd.concat([column.astype(object) for column in columns]))[0].astype(np.int64)
    else:
        indices = pa.concat_arrays(arrays).dictionary_encode().indices
        codes = indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.split(codes, np.cumsum([len(column) for column in columns])[:-1])


def identities(values: pd.Series) -> I64:
    """Return one number per value, ``NULL`` where unknown; shape (rows,).

    Parameters
    ----------
    values
        Texts, numbers, times, flags, categories or any hashable objects. Equal whole and floating numbers have
        equal identities, whatever column type holds them.
    """
    array = strings(values)
    if array is not None:
        data, bounds = bytes_of(array)
        out = np.empty(len(array), np.uint64)
        _texts(data, bounds, out)
        return _with_null(out, array.is_valid().to_numpy(zero_copy_only=False))
    if isinstance(values.dtype, pd.DatetimeTZDtype) or (
        isinstance(values.dtype, np.dtype) and values.dtype.kind == "M"
    ):
        micro = times(values)
        return _of_bits(micro.view(np.uint64), micro != NULL)
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_float_dtype(values.dtype):
        return _of_floats(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_integer_dtype(values.dtype):
        return _of_whole(values)
    return _one_by_one(values)


def _of_whole(values: pd.Series) -> I64:
    """Return the identities of whole numbers; those that floats do not hold exactly are looked at one by one."""
    kind: Any = getattr(values.dtype, "numpy_dtype", values.dtype)
    known = values.notna().to_numpy(bool)
    whole = (values if known.all() else values.fillna(0)).to_numpy(kind)
    far = (whole >= _EXACT) | (whole <= -_EXACT)
    out = _of_floats(np.where(known, whole, np.nan))
    if far.any():
        out[far] = _one_by_one(pd.Series(whole[far]))
    return out


def _one_by_one(values: pd.Series) -> I64:
    codes, distinct = pd.factorize(values)
    table = np.array([*(_of_one(value) for value in distinct), NULL], np.int64)
    return table[codes]


def identity(value: str) -> int:
    """Return the identity of one text."""
    return int(identities(pd.Series([value], dtype="str"))[0])


def together(columns: list[I64]) -> I64:
    """Return one identity per combination; ``NULL`` where any part is."""
    found = columns[0]
    for more in columns[1:]:
        out = np.empty(found.size, np.uint64)
        _pairs(found, more, out)
        found = _with_null(out, (found != NULL) & (more != NULL))
    return found


def mixed_with(numbers: I64, salt: int) -> I64:
    """Return numbers that look random, one for each whole number and salt."""
    out = np.empty(numbers.size, np.uint64)
    _numbers(numbers.astype(np.uint64) ^ np.uint64(salt << 48), out)
    return out.view(np.int64)


def _of_one(value: Any) -> int:
    """Identity of a single object that stands in no typed column."""
    if isinstance(value, str):
        return identity(value)
    if isinstance(value, np.generic):  # NumPy's whole numbers equal their nearest float, Python's do not
        value = value.item()
    if isinstance(value, bool | int | float) and float(value) == value:
        return int(_of_floats(np.array([value], np.float64))[0])
    digest = hashlib.blake2b(repr(value).encode(), digest_size=8).digest()
    return max(int.from_bytes(digest, "little", signed=True), NULL + 1)


def _of_floats(numbers: NDArray[np.float64]) -> I64:
    return _of_bits((numbers + 0.0).view(np.uint64), ~np.isnan(numbers))  # + 0.0 makes one zero of two


def _of_bits(bits: U64, known: NDArray[np.bool_]) -> I64:
    out = np.empty(bits.size, np.uint64)
    _numbers(bits, out)
    return _with_null(out, known)


def _with_null(out: U64, known: NDArray[np.bool_]) -> I64:
    whole = out.view(np.int64)
    whole[whole == NULL] += 1
    whole[~known] = NULL
    return whole
