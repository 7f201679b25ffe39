"""Columns as they stand on disk: what stands at a place is read at once.

Correct when what is read are the values that :mod:`~cardrisk.jobs.batch.packing` laid out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cardrisk.features.parts.joined import KINDS
from cardrisk.jobs.batch.landing import unpack, words_of
from cardrisk.jobs.batch.packing import STEP, TEXT, Array, Column
from cardrisk.tables.arrow import to_pandas

_OF_TEXT: Final = -1
_KINDS: Final = {TEXT: _OF_TEXT, **{np.dtype(kind).str: number for number, kind in enumerate(KINDS)}}
_KIND, _WIDTH, _BASE = 0, 1, 2


class Layout(NamedTuple):
    """How the rows of a block are kept.

    Attributes
    ----------
    names
        Of its columns.
    kept
        As :func:`~cardrisk.jobs.batch.landing.unpack` takes it; kind -1: sizes of cells of text.
    """

    names: tuple[str, ...]
    kept: NDArray[np.int64]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Layout:
        """Return that of columns."""
        kept = [(_KINDS[c.kind], c.width, c.base, c.gaps) for c in columns]
        return cls(tuple(column.name for column in columns), np.array(kept, np.int64))

    def shifted(self, name: str, by: int) -> Layout:
        """Return one of the same rows with so much added to a column of whole numbers, all of them known."""
        kept = self.kept.copy()
        kept[self.names.index(name), _BASE] += by
        return Layout(self.names, kept)


class Stretch(NamedTuple):
    """Rows of one place as they were read."""

    rows: int
    layout: Layout
    bytes: bytes

    @property
    def data(self) -> NDArray[np.int64]:
        """The bytes as :func:`~cardrisk.jobs.batch.landing.unpack` takes them."""
        return np.frombuffer(self.bytes, np.int64)


def stacked(stretches: list[Stretch], among: Collection[str] | None = None) -> dict[str, Any]:
    """Columns of some stretches as those of one: numbers, and text as pandas holds it; at least one, all alike.

    With ``among``, those of numbers alone that are named.

    Raises
    ------
    ValueError
        They are not all alike.
    """
    names, rows = stretches[0].layout.names, sum(stretch.rows for stretch in stretches)
    told = stretches[0].layout.kept[:, _KIND]
    wanted = [j for j, name in enumerate(names) if among is None or name in among]
    kinds, into = np.maximum(told, 0), np.full((told.size, 2), -1)
    many = [0] * len(KINDS)
    for j in wanted:
        into[j] = told[j], many[kinds[j]]
        many[kinds[j]] += 1
    tables = [np.empty((count, rows), kind) for count, kind in zip(many, KINDS, strict=True)]
    place, first = np.arange(rows), 0
    for stretch in stretches:
        if stretch.layout.names != names:
            raise ValueError(f"expected columns {names}, got {stretch.layout.names}")
        unpack(stretch.data, stretch.layout.kept, into, place[first : first + stretch.rows], *tables)
        first += stretch.rows
    columns: dict[str, Any] = {names[j]: tables[kinds[j]][into[j, 1]] for j in wanted}
    texts = [j for j in wanted if told[j] == _OF_TEXT]
    ends = [STEP * words_of(stretch.data, stretch.layout.kept, stretch.rows) for stretch in stretches] if texts else []
    for j in texts:
        columns[names[j]] = _text(columns[names[j]], stretches, ends)
    return columns


def _text(sizes: Array, stretches: list[Stretch], begin: list[int]) -> Any:
    """Put together one column of text, whose bytes begin at ``begin`` in each stretch: then those of the next one."""
    size = np.maximum(sizes, 0)
    bounds = np.concatenate([[0], np.cumsum(size)])
    cells, first = [], 0
    for i, stretch in enumerate(stretches):
        many = int(bounds[first + stretch.rows] - bounds[first])
        cells.append(stretch.bytes[begin[i] : begin[i] + many])
        begin[i] += -(-many // STEP) * STEP
        first += stretch.rows
    valid = np.packbits(sizes >= 0, bitorder="little")
    buffers = (pa.py_buffer(each) for each in (bounds, b"".join(cells), valid))
    return to_pandas(pa.LargeStringArray.from_buffers(len(sizes), *buffers))
