"""What a table holds, in one line: a digest of values, not of how they are stored.

Correct when equal values give equal digests whatever encoding, chunking or file format they came through.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DECIMALS = 4
"""Floats count to so many decimals: processors differ in the last bit of an exponential."""


def digest(table: pa.Table) -> str:
    """Return the SHA-256 of a table's columns: names, lengths, values and nulls, in order."""
    out = hashlib.sha256()
    for name in table.column_names:
        out.update(f"{name}:{table.num_rows};".encode())
        for part in _parts(table.column(name).combine_chunks()):
            out.update(part)
    return out.hexdigest()


def _parts(column: pa.Array) -> list[bytes]:
    """Return the bytes that stand for a column."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    nulls = np.packbits(column.is_null().to_numpy(zero_copy_only=False)).tobytes()
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type):
        text = column.fill_null("")
        return [nulls, pc.binary_length(text).cast(pa.int64()).to_numpy().tobytes(), "".join(_joined(text)).encode()]
    if pa.types.is_floating(column.type):
        values = np.round(column.fill_null(0.0).to_numpy() * 10**DECIMALS).astype(np.int64)
    elif pa.types.is_boolean(column.type):
        values = column.fill_null(False).to_numpy(zero_copy_only=False).astype(np.int8)
    else:
        values = column.cast(pa.int64()).fill_null(0).to_numpy()
    return [nulls, values.tobytes()]


def _joined(text: pa.Array) -> list[str]:
    whole = pc.binary_join(pa.ListArray.from_arrays([0, len(text)], text), "")
    return [str(whole[0].as_py() or "")]
