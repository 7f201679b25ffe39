"""From NumPy arrays to Arrow columns, without a Python object per row.

Correct when a column's values are those of the arrays and nulls stand exactly where ``shown`` is false.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from cardrisk.world.codetext import WIDTH, Texts
from cardrisk.world.hashing import Array

TIME = pa.timestamp("us", tz="UTC")


def _validity(shown: Array | None) -> tuple[pa.Buffer | None, int]:
    if shown is None or shown.all():
        return None, 0
    return pa.py_buffer(np.packbits(shown, bitorder="little").tobytes()), int((~shown).sum())


def texts(text: Texts, shown: Array | None = None) -> pa.Array:
    """Return a string column out of right-aligned characters; null where the length is 0 or not ``shown``."""
    given = text.lengths > 0 if shown is None else shown & (text.lengths > 0)
    lengths = np.where(given, text.lengths, 0)
    inside = np.arange(WIDTH)[None, :] >= (WIDTH - lengths)[:, None]
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    valid, nulls = _validity(given)
    data = pa.py_buffer(text.characters[inside].tobytes())
    return pa.Array.from_buffers(pa.string(), len(lengths), [valid, pa.py_buffer(offsets), data], nulls)


def names(prefix: str, numbers: Array, digits: int, shown: Array | None = None) -> pa.Array:
    """Return a string column of ``prefix`` and a number of fixed digits."""
    head = len(prefix)
    out = np.empty((head + digits, len(numbers)), dtype=np.uint8)
    out[:head] = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)[:, None]
    rest = numbers.astype(np.uint64)
    for column in range(head + digits - 1, head - 1, -1):
        rest, digit = np.divmod(rest, np.uint64(10))
        out[column] = digit + np.uint64(ord("0"))
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * (head + digits)
    valid, nulls = _validity(shown)
    data = pa.py_buffer(np.ascontiguousarray(out.T).tobytes())
    return pa.Array.from_buffers(pa.string(), len(numbers), [valid, pa.py_buffer(offsets), data], nulls)


def chosen(values: Sequence[str | None], index: Array) -> pa.Array:
    """Return a string column that takes ``values`` by index; null at -1."""
    return pa.DictionaryArray.from_arrays(
        pa.array(index.astype(np.int32), mask=index < 0), pa.array(list(values), pa.string())
    ).cast(pa.string())


def spread(column: pa.Array, rows: Array, shown: Array | None = None) -> pa.Array:
    """Return ``column`` taken at ``rows``; null where not ``shown``."""
    index = pa.array(rows.astype(np.int32), mask=None if shown is None else ~shown)
    return column.take(index)


def numbers(values: Array, shown: Array | None = None) -> pa.Array:
    """Return a float64 column; null where NaN or not ``shown``."""
    given = ~np.isnan(values) if shown is None else shown & ~np.isnan(values)
    return pa.array(values, mask=None if given.all() else ~given)


def times(microseconds: Array, shown: Array | None = None) -> pa.Array:
    """Return a UTC timestamp column out of microseconds since 1970."""
    return pa.array(microseconds, pa.int64(), mask=None if shown is None else ~shown).cast(TIME)


def flags(values: Array, shown: Array | None = None) -> pa.Array:
    """Return a boolean column."""
    return pa.array(values.astype(bool), mask=None if shown is None else ~shown)
