"""Text columns as bytes: which cells are plain enough that nobody has to look at them one by one.

Correct means: a cell called plain is one that `cardrisk.tables.text.Text.one` returns unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cardrisk._later import compute as pc
from cardrisk._later import pa, pd
from cardrisk.tables.cells import Fault, safely

Mask: TypeAlias = npt.NDArray[np.bool_]
Positions: TypeAlias = npt.NDArray[np.int64]

_LOOKS_NUMERIC: Final = r"^(?:\d+\.0+$|\d+\.\d*[eE]|\d+[eE]\+)"
_ODD: Final = np.array([not 32 <= byte < 127 for byte in range(256)])
_FIRST_ODD: Final = _ODD | np.isin(np.arange(256), list(b" \"'="))
_NULL_WORD_STARTS: Final = np.isin(np.arange(256), list(b"nN#<\\-"))
_DOT_OR_PLUS: Final = np.isin(np.arange(256), list(b".+"))


def familiar(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a frame whose columns pandas can take cells from: those of Arrow's rarer types (views) become objects."""
    found = frame
    for place, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, pd.ArrowDtype) and not _has_a_type(dtype):
            found = found.copy(deep=False) if found is frame else found
            cells = pa.array(frame.iloc[:, place].array).to_pylist()
            found.isetitem(place, np.fromiter(cells, object, len(cells)))
    return found


def _has_a_type(dtype: pd.ArrowDtype) -> bool:
    try:
        return dtype.type is not None
    except NotImplementedError:
        return False


def strings(cells: pd.Series) -> Any | None:
    """Give a column that holds nothing but text and nulls as one Arrow large_string array, else None."""
    dtype = cells.dtype
    textual = isinstance(dtype, pd.StringDtype) or (
        isinstance(dtype, pd.ArrowDtype)
        and (pa.types.is_string(dtype.pyarrow_dtype) or pa.types.is_large_string(dtype.pyarrow_dtype))
    )
    if not textual and not (
        pd.api.types.is_object_dtype(dtype) and pd.api.types.infer_dtype(cells, skipna=True) == "string"
    ):
        return None
    try:
        found = pa.array(cells.array, from_pandas=True)
        found = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
        return found.cast(pa.large_string())
    except (pa.ArrowException, UnicodeError, TypeError):
        return None  # lone surrogates cannot be encoded: such a column is read cell by cell


def bytes_of(array: Any) -> tuple[npt.NDArray[np.uint8], Positions]:
    """Give the UTF-8 bytes of a large_string array and the n + 1 offsets of its cells in them."""
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    found = np.frombuffer(data, dtype=np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    return found[bounds[0] : bounds[-1]], bounds - bounds[0]


def plain(array: Any, longest: int) -> Mask:
    """Tell which cells are plain: printable ASCII, tidy, no null word, no number that lost digits.

    Parameters
    ----------
    array
        large_string array of n cells.
    longest
        Characters.

    Returns
    -------
    bool array of n
        False for empty cells and nulls too.
    """
    data, bounds = bytes_of(array)
    sizes = np.diff(bounds)
    good = (sizes > 0) & (sizes <= longest)
    if array.null_count:
        good &= array.is_valid().to_numpy(zero_copy_only=False)
    if not len(data):
        return good
    first, last = data[np.minimum(bounds[:-1], len(data) - 1)], data[np.maximum(bounds[1:] - 1, 0)]
    good &= ~_FIRST_ODD[first] & (last != 32)
    good &= ~(_NULL_WORD_STARTS[first] & (sizes <= 5))
    good[_rows_with(_ODD, data, bounds)] = False
    numeric = _rows_with(_DOT_OR_PLUS, data, bounds)
    numeric = numeric[(first[numeric] >= 48) & (first[numeric] <= 57)]
    if len(numeric):
        seen = pc.match_substring_regex(array.take(pa.array(numeric)), _LOOKS_NUMERIC)
        good[numeric[seen.to_numpy(zero_copy_only=False).astype(bool)]] = False
    return good


def _rows_with(table: Mask, data: npt.NDArray[np.uint8], bounds: Positions) -> Positions:
    hits = np.flatnonzero(table[data])
    if not len(hits):
        return hits
    rows = np.zeros(len(bounds) - 1, dtype=bool)
    rows[np.searchsorted(bounds, hits, side="right") - 1] = True
    return np.flatnonzero(rows)


def word_by_word(
    array: Any, one: Callable[[object, tzinfo | None], Any], zone: tzinfo | None
) -> tuple[list[Any], Positions]:
    """Read each distinct cell once.

    Returns
    -------
    tuple
        Results of ``one`` for the distinct cells, the last of them None; and for each cell its place among them.
    """
    encoded = array.dictionary_encode()
    results = [safely(one, word, zone) for word in encoded.dictionary.to_pylist()]
    places = encoded.indices.fill_null(len(results)).to_numpy(zero_copy_only=False).astype(np.int64)
    return [*results, None], places


def spread(results: list[Any], places: Positions) -> tuple[Positions, list[str]]:
    """Find the cells whose result is a `Fault`: their positions and the rules they broke."""
    faulty = np.array([type(result) is Fault for result in results], dtype=bool)
    positions = np.flatnonzero(faulty[places])
    return positions, [results[place].rule for place in places[positions]]


def kept(results: list[Any]) -> list[Any]:
    """Give results with faults as None."""
    return [None if type(result) is Fault else result for result in results]


def to_pandas(array: Any) -> Any:
    """Give a large_string array as pandas ``str`` values (null = NaN)."""
    return pd.array(array, dtype=pd.StringDtype(storage="pyarrow", na_value=np.nan))


def first_seen(array: Any) -> Mask:
    """Tell which cells hold a value that no earlier cell holds; a null counts as a value."""
    codes = array.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False)
    fresh = np.ones(len(codes), dtype=bool)
    # Arrow numbers words in order of appearance, so a word is new where it exceeds all before it.
    fresh[1:] = codes[1:] > np.maximum.accumulate(codes)[:-1]
    return fresh
