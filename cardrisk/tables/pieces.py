"""The contract of submissions that come in pieces: what only a whole column can say is counted, then handed in.

Correct when every piece refuses the codes that the whole column would refuse.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from cardrisk.tables.contracts import SUBMISSIONS, Contract
from cardrisk.tables.text import Text, ending_in_zeros

CODES: Final = ("card_no", "card_secret")


@dataclass(frozen=True, slots=True, eq=False)
class CountedText(Text):
    """Codes of a piece of a column: whether a spreadsheet rounded them is for the whole column to say.

    Attributes
    ----------
    rounds
        What was said of the whole column.
    counts
        What this piece adds: codes that end in zeros, and long ones.
    """

    rounds: bool = False
    counts: list[tuple[int, int]] = field(default_factory=list)

    def rounded(self, array: Any) -> Any:
        """Count; and find the codes to refuse, if the column is one that was rounded."""
        found, digits = ending_in_zeros(array)
        self.counts.append((len(found), digits))
        return found if self.rounds else found[:0]


def contract_of(rounded: Iterable[str]) -> tuple[Contract, dict[str, CountedText]]:
    """Return the contract of submissions that come in pieces, and its readers of codes.

    Parameters
    ----------
    rounded
        Names of the code columns that were rounded.
    """
    known, readers, columns = set(rounded), dict[str, CountedText](), []
    for column in SUBMISSIONS.columns:
        if column.name in CODES and isinstance(column.reader, Text):
            given: dict[str, Any] = {one.name: getattr(column.reader, one.name) for one in fields(Text)}
            readers[column.name] = CountedText(**given, rounds=column.name in known)
            column = replace(column, reader=readers[column.name])
        columns.append(column)
    return Contract(SUBMISSIONS.name, tuple(columns), SUBMISSIONS.unique), readers
