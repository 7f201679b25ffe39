"""The shapes of every kind as arrays, the form compiled code reads.

Correct when each row says what the kind's ``Shape`` says and nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cardrisk.kinds import CardKind, Shape, find

NO_SHAPE: Final = -1
ONLY_DIGITS: Final = 0
ALNUM: Final = 1

FIELDS: Final = ("number", "secret")
LONGEST_KIND: Final = 128
"""Characters read of a kind's name."""


class ShapeTable(NamedTuple):
    """Shapes of k kinds; the middle axis is number, secret.

    Attributes
    ----------
    lengths : uint64 array (k, 2)
        Bit n set: length n occurs. 0 where no shape is known.
    alphabet : int8 array (k, 2)
        ``NO_SHAPE``, ``ONLY_DIGITS`` or ``ALNUM``.
    letters_first : int8 array (k, 2)
        Leading letters.
    issuer : int32 array (k,)
        Equal for kinds of one issuer.
    rows : int32 array (k + 1, 1)
        Each row's own position, the last one -1 (an unknown kind): one card's kind without making an array.
    """

    lengths: NDArray[np.uint64]
    alphabet: NDArray[np.int8]
    letters_first: NDArray[np.int8]
    issuer: NDArray[np.int32]
    rows: NDArray[np.int32]


def shape_table(kinds: Sequence[CardKind]) -> ShapeTable:
    """Compile ``kinds`` into arrays, in their order."""
    lengths = np.zeros((len(kinds), 2), np.uint64)
    alphabet = np.full((len(kinds), 2), NO_SHAPE, np.int8)
    letters_first = np.zeros((len(kinds), 2), np.int8)
    issuers = sorted({kind.issuer for kind in kinds})
    for row, kind in enumerate(kinds):
        for field, shape in enumerate((kind.number, kind.secret)):
            if shape is not None:
                lengths[row, field] = sum(1 << length for length in shape.lengths)
                alphabet[row, field] = ONLY_DIGITS if shape.alphabet == "digits" else ALNUM
                letters_first[row, field] = shape.letters_first
    issuer = np.array([issuers.index(kind.issuer) for kind in kinds], np.int32)
    rows = np.append(np.arange(len(kinds), dtype=np.int32), np.int32(-1)).reshape(-1, 1)
    return ShapeTable(lengths, alphabet, letters_first, issuer, rows)


def canonical_kind(text: str, kinds: Mapping[str, CardKind]) -> str:
    """Return the name under which codes of kind ``text`` are tokenised: the kind's own, or the text, case-folded.

    Line breaks and other control characters never reach a token's prefix.
    """
    text = text[:LONGEST_KIND]
    kind = find(text, kinds)
    if kind is not None:
        return kind.name
    return "".join(character for character in text.strip().casefold() if character.isprintable())


def fits(code: str, shape: Shape) -> bool:
    """Tell whether ``code`` (normalised) may be one of ``shape``; ``?`` stands for any character."""
    if len(code) not in shape.lengths:
        return False
    letters, rest = code[: shape.letters_first], code[shape.letters_first :]
    if any(character.isdigit() for character in letters):
        return False
    return (shape.alphabet == "alnum" and not shape.letters_first) or not any(map(str.isalpha, rest))


def kinds_of_shape(number: str, secret: str, kinds: Mapping[str, CardKind]) -> frozenset[str]:
    """Return the names of every kind whose shapes allow these normalised codes: a set, for kinds share shapes.

    Parameters
    ----------
    number, secret
        Normalised codes; empty means unknown and rules nothing out.
    kinds
        The kinds to choose from.

    Returns
    -------
    frozenset of str
        Empty when nothing fits, or when neither code is known. A field without a published shape rules nothing
        out, but a kind needs one field that has a shape and fits it.
    """

    def allowed(kind: CardKind) -> bool:
        pairs = [
            (code, shape)
            for code, shape in ((number, kind.number), (secret, kind.secret))
            if code and shape is not None
        ]
        return bool(pairs) and all(fits(code, shape) for code, shape in pairs)

    return frozenset(name for name, kind in kinds.items() if allowed(kind))
