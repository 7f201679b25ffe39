"""How the cells of a column are read.

Correct means: every reader is defined on one cell (`Reader.one`); the road over whole columns (`Reader.column`)
may answer faster, but only with what `one` gives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, ClassVar

import numpy as np

from cardrisk._later import pd
from cardrisk.tables.arrow import Positions, kept, spread, strings, word_by_word
from cardrisk.tables.cells import Fault, safely


@dataclass(frozen=True, slots=True)
class Parsed:
    """One column after reading.

    Attributes
    ----------
    array
        One value per row of the input, null where the cell is null or faulty.
    positions
        int64 positions of the faulty cells.
    rules
        The rule each of those cells broke.
    """

    array: Any
    positions: Positions = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    rules: Sequence[str] = ()


class Reader(ABC):
    """How the cells of one column are read: one at a time, or all at once with the same result."""

    dtype: ClassVar[str]

    @abstractmethod
    def one(self, value: object, zone: tzinfo | None) -> Any:
        """Read one cell.

        Parameters
        ----------
        value
            Anything at all.
        zone
            The zone of times that carry none; None refuses such times.

        Returns
        -------
        object
            The value, None for null, or a `Fault`.

        Raises
        ------
        TimeZoneError
            A time carries no zone and ``zone`` is None.
        """

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column.

        Parameters
        ----------
        cells
            The column as given, any dtype.
        zone
            As in `one`.

        Returns
        -------
        Parsed
            Values of dtype ``self.dtype``.

        Raises
        ------
        TimeZoneError
            As in `one`.
        """
        if isinstance(cells.dtype, pd.CategoricalDtype):
            return self.column(cells.astype(object), zone)
        array = strings(cells)
        if array is None:
            values, positions, rules = self.each(objects(cells), zone)
            return Parsed(self.packed(values), positions, rules)
        results, places = word_by_word(array, self.one, zone)
        positions, rules = spread(results, places)
        return Parsed(self.packed(kept(results)).take(places), positions, rules)

    def packed(self, values: list[Any]) -> Any:
        """Give values that `one` returned (None for null) as an array of ``self.dtype``."""
        return pd.Series(values, dtype=self.dtype).array

    def each(self, cells: Sequence[Any], zone: tzinfo | None) -> tuple[list[Any], Positions, list[str]]:
        """Read cells one after the other: values (null where faulty), faulty positions, their rules."""
        values = [safely(self.one, cell, zone) for cell in cells]
        faulty = [i for i, value in enumerate(values) if type(value) is Fault]
        rules = [values[i].rule for i in faulty]
        for i in faulty:
            values[i] = None
        return values, np.asarray(faulty, dtype=np.int64), rules


def objects(cells: pd.Series) -> Any:
    """Give the cells as Python objects, whatever holds them."""
    return cells.astype(object).to_numpy(dtype=object)
