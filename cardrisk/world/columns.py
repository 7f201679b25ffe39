"""From NumPy arrays to Arrow columns, without a Python object per row.

Correct when a column's values are those of the arrays and nulls stand exactly where ``shown`` is false.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from cardrisk.world.codetext import WIDTH, Texts
from cardrisk.world.hashing import Array

TIME: Final = pa.timestamp("us", tz="UTC")


def _validity(shown: Array | None) -> tuple[pa.Buffer | None, int]:
    if shown is None or shown.all():
        return None, 0
    return pa.py_buffer(np.packbits(shown, bitorder="little").tobytes()), int((~shown).sum())


def texts(text: Texts) -> pa.Array:
    """Return a string column out of right-aligned characters; null where the length is 0."""
    given = text.lengths > 0
    inside = np.arange(WIDTH)[None, :] >= (WIDTH - text.lengths)[:, None]
    offsets = np.zeros(len(given) + 1, dtype=np.int32)
    np.cumsum(text.lengths, out=offsets[1:])
    valid, nulls = _validity(given)
    data = pa.py_buffer(text.characters[inside].tobytes())
    return pa.Array.from_buffers(pa.string(), len(given), [valid, pa.py_buffer(offsets), data], nulls)


def names(prefix: str, numbers: Array, digits: int, shown: Array | None = None) -> pa.Array:
    """Return a string column of ``prefix`` and a number of fixed digits."""
    head = len(prefix)
    out = np.empty((head + digits, len(numbers)), dtype=np.uint8)
    out[:head] = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)[:, None]
    rest = numbers.astype(np.int64)
    for column in range(head + digits - 1, head - 1, -1):
        less = rest // 10
        out[column] = rest - less * 10 + ord("0")
        rest = less
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * (head + digits)
    valid, nulls = _validity(shown)
    data = pa.py_buffer(np.ascontiguousarray(out.T))
    return pa.Array.from_buffers(pa.string(), len(numbers), [valid, pa.py_buffer(offsets), data], nulls)


def coded(values: Sequence[str], index: Array) -> pa.Array:
    """Return a plain string column that takes ``values`` by index; null at -1."""
    return pa.array(list(values), pa.string()).take(pa.array(index.astype(np.int32), mask=index < 0))


def chosen(values: Sequence[str], index: Array) -> pa.DictionaryArray:
    """Return a dictionary-encoded string column that takes ``values`` by index; null at -1."""
    missing = index < 0
    codes = pa.array(index.astype(np.int32), mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(codes, pa.array(list(values), pa.string()))


def spread(column: pa.Array, index: pa.Array) -> pa.Array:
    """Return one entry per card out of one per batch; text stays encoded."""
    if pa.types.is_string(column.type):
        # encoding first keeps nulls out of the dictionary
        encoded = column.dictionary_encode()
        return pa.DictionaryArray.from_arrays(encoded.indices.take(index), encoded.dictionary)
    return column.take(index)


def numbers(values: Array, shown: Array | None = None) -> pa.Array:
    """Return a float64 column; null where NaN or not ``shown``."""
    missing = np.isnan(values) if shown is None else np.isnan(values) | ~shown
    return pa.array(values, mask=missing if missing.any() else None)


def times(microseconds: Array, shown: Array | None = None) -> pa.Array:
    """Return a UTC timestamp column out of microseconds since 1970."""
    return pa.array(microseconds, pa.int64(), mask=None if shown is None else ~shown).cast(TIME)


def flags(values: Array, shown: Array | None = None) -> pa.Array:
    """Return a boolean column."""
    return pa.array(values.astype(bool), mask=None if shown is None else ~shown)
