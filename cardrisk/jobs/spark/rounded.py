"""Codes that a spreadsheet rounded: a verdict on a whole column, told from counts of its pieces.

Correct when every piece refuses the codes that the whole column would refuse.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cardrisk.tables.contracts import SUBMISSIONS, Contract
from cardrisk.tables.text import Text, ending_in_zeros, tells_rounding

CODES: Final = ("card_no", "card_secret")


@dataclass(frozen=True, slots=True, eq=False)
class Counting(Text):
    """Codes of one piece of a column.

    Attributes
    ----------
    rounded_column
        What was said of the whole column.
    counts
        What this piece adds: codes that end in zeros, and long ones.
    """

    rounded_column: bool = False
    counts: list[tuple[int, int]] = field(default_factory=list)

    def rounded(self, array: Any) -> Any:
        """Count; and find the codes to refuse, if the column was rounded."""
        found, digits = ending_in_zeros(array)
        self.counts.append((len(found), digits))
        return found if self.rounded_column else np.empty(0, np.int64)


def contract_of(rounded: Iterable[str]) -> tuple[Contract, dict[str, Counting]]:
    """Return the contract of submissions that come in pieces, and its readers of codes.

    Parameters
    ----------
    rounded
        Names of the code columns that were rounded.
    """
    known, readers = set(rounded), {}
    columns = []
    for column in SUBMISSIONS.columns:
        reader = column.reader
        if column.name in CODES and isinstance(reader, Text):
            given = {one.name: getattr(reader, one.name) for one in fields(Text)}
            readers[column.name] = Counting(**given, rounded_column=column.name in known)
            column = replace(column, reader=readers[column.name])
        columns.append(column)
    return Contract(SUBMISSIONS.name, tuple(columns), SUBMISSIONS.unique), readers


def counts_of(readers: dict[str, Counting]) -> pd.DataFrame:
    """Return ``column, ending, long``: what a piece saw."""
    rows = [(name, *map(sum, zip(*reader.counts, strict=True))) for name, reader in readers.items() if reader.counts]
    return pd.DataFrame(rows, columns=["column", "ending", "long"]).astype({"ending": "int64", "long": "int64"})


def rounded_in(counts: pd.DataFrame) -> frozenset[str]:
    """Return the code columns that were rounded, from the counts of all pieces."""
    summed = counts.groupby("column")[["ending", "long"]].sum()
    return frozenset(str(name) for name, ending, long in summed.itertuples() if tells_rounding(int(ending), int(long)))
