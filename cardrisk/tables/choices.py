"""Columns of a closed vocabulary.

Correct means: a known word, in either language, becomes its canonical value; an unknown word is refused, never
taken for the nearest one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar, Final

from cardrisk.tables.cells import Fault, folded, is_null, is_null_word, tidy
from cardrisk.tables.reader import Reader

UNKNOWN_VALUE: Final = Fault("unknown_value")


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Reader):
    """One value of a closed vocabulary.

    Attributes
    ----------
    words
        Folded word to canonical value, made by `choice`.
    exact
        Canonical values, accepted as they are.
    """

    words: Mapping[str, str]
    exact: frozenset[str]
    dtype: ClassVar[str] = "str"

    def one(self, value: object, zone: tzinfo | None = None) -> str | Fault | None:
        """Read one cell: the canonical value, Fault, or None for null."""
        if type(value) is str and value in self.exact:
            return value
        if isinstance(value, Fault):
            return value
        if not isinstance(value, str):
            return None if is_null(value) else UNKNOWN_VALUE
        text = tidy(value)
        if isinstance(text, Fault):
            return text
        return None if is_null_word(text) else self.words.get(folded(text), UNKNOWN_VALUE)


def choice(values: tuple[str, ...], aliases: Mapping[str, str]) -> Choice:
    """Make a vocabulary.

    Parameters
    ----------
    values
        Canonical values.
    aliases
        Canonical value to other words for it, separated by blanks.
    """
    words = {folded(value): value for value in values}
    for value, others in aliases.items():
        words |= {folded(word): value for word in others.split()}
    return Choice(words, frozenset(values))
