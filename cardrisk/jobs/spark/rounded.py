"""Codes that a spreadsheet rounded: a verdict on a whole column, told from counts of its pieces.

Correct when every piece refuses the codes that the whole column would refuse.
"""

import pandas as pd

from cardrisk.tables.pieces import CountedText
from cardrisk.tables.text import tells_rounding


def counts_of(readers: dict[str, CountedText]) -> pd.DataFrame:
    """Return ``column, ending, long``: what a piece saw."""
    rows = [(name, *map(sum, zip(*reader.counts, strict=True))) for name, reader in readers.items() if reader.counts]
    return pd.DataFrame(rows, columns=["column", "ending", "long"]).astype({"ending": "int64", "long": "int64"})


def rounded_in(counts: pd.DataFrame) -> frozenset[str]:
    """Return the code columns that were rounded, from the counts of all pieces."""
    summed = counts.groupby("column")[["ending", "long"]].sum()
    return frozenset(str(name) for name, ending, long in summed.itertuples() if tells_rounding(int(ending), int(long)))
