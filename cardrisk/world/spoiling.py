"""How codes get spoilt: typing errors by Verhoeff's kinds, look-alike characters, scratches.

Correct when a spoilt text differs from the true one, and breaks its kind's shape exactly where its error is one of
``BREAKING``: a character too few or too many, a letter among digits, a scratched place.
"""

from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import Group
from cardrisk.world.codetext import ALPHABET, WIDTH, Texts, lengths
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array, pick

NONE, LOOK_NEAR, LOOK_LIKELY, ANY, STRAY, SWAP, OMIT, INSERT, TWIN, TRUNCATE, SCRATCH = range(11)
"""Errors: substitutions by a near look-alike, a likely one, any character, a letter among digits; and the rest."""

BREAKING: Final = (STRAY, OMIT, INSERT, TRUNCATE, SCRATCH)
CUT: Final = 3
"""Characters that a truncated paste loses."""


def digits_only(ground: Ground, kind: Array) -> tuple[Array, Array]:
    """Return whether number and secret of each kind allow digits alone where a typist errs."""
    kinds = ground.kinds
    return (~kinds.number_alnum | (kinds.number_letters > 0))[kind], ~kinds.secret_alnum[kind]


def breaking(ground: Ground, group: Group) -> Array:
    """Return the chance that a spoilt code breaks its shape, per card."""
    number, secret = lengths(ground, group)
    digits_number, digits_secret = digits_only(ground, group.cards.kind)
    digits = (number * digits_number + secret * digits_secret) / np.maximum(number + secret, 1)
    share = facts.TYPING_ERRORS.value
    length_errors = share["omission"] + share["insertion"] + share["truncation"]
    typed = length_errors + share["substitution"] * facts.STRAY_LETTERS.value * digits
    scratched = facts.SCRATCHED.value * group.cards.physical
    return np.asarray(scratched + (1.0 - scratched) * typed)


def choose(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return, per card, the error (``NONE`` where spared) and whether it strikes the secret."""
    error, in_secret = np.zeros(len(group.cards), dtype=np.int64), np.zeros(len(group.cards), dtype=bool)
    rows = np.flatnonzero(struck)
    number, secret = (length[rows] for length in lengths(ground, group))
    draws = rng.random((len(rows), 5))
    on_secret = draws[:, 0] * (number + secret) >= number
    digits = np.where(on_secret, *reversed(digits_only(ground, group.cards.kind[rows])))
    share = facts.TYPING_ERRORS.value
    names = ("substitution", "transposition", "omission", "insertion", "twin", "truncation")
    drawn = pick(np.array([share[name] for name in names]), draws[:, 1])
    kinds = np.array([ANY, SWAP, OMIT, INSERT, TWIN, TRUNCATE])[drawn]
    near, likely = facts.LOOK_ALIKES.value["near"][0], facts.LOOK_ALIKES.value["likely"][0]
    looks = pick(np.array([near, likely, 1.0 - near - likely]), draws[:, 2]) + LOOK_NEAR
    stray = digits & (draws[:, 3] < facts.STRAY_LETTERS.value)
    kinds = np.where(kinds == ANY, np.where(stray, STRAY, looks), kinds)
    scratched = group.cards.physical[rows] & (draws[:, 4] < facts.SCRATCHED.value)
    error[rows], in_secret[rows] = np.where(scratched, SCRATCH, kinds), on_secret
    return error, in_secret


def _alternatives() -> dict[int, Array]:
    """Return, per sort of look-alike, the characters each may turn into: (128, 4), 0 for none."""
    tables = {}
    for sort, name in ((LOOK_NEAR, "near"), (LOOK_LIKELY, "likely")):
        table = np.zeros((128, 4), dtype=np.uint8)
        for one, other in facts.LOOK_ALIKES.value[name][1]:
            for a, b in ((one, other), (other, one)):
                table[ord(a), np.count_nonzero(table[ord(a)])] = ord(b)
        tables[sort] = table
    return tables


_LOOKS: Final = _alternatives()


def _options(sort: int, digits: bool, letters: bool) -> Array:
    """Return the alternatives of one sort, kept to digits or to letters where asked."""
    both = np.hstack([_LOOKS[LOOK_NEAR], _LOOKS[LOOK_LIKELY]])
    table = both if sort == STRAY else _LOOKS[sort]
    is_digit = (table >= ord("0")) & (table <= ord("9"))
    kept = np.where((table > 0) & (is_digit if digits else True) & (~is_digit if letters else True), table, 0)
    if letters or digits:
        kept[ord("A") :] = 0
    return kept


def spoil(
    texts: Texts,
    error: Array,
    digits: Array,
    valid: tuple[tuple[int, ...], ...],
    kind: Array,
    rng: np.random.Generator,
) -> None:
    """Spoil every row of ``texts`` by its error.

    Parameters
    ----------
    texts
        Changed in place.
    error
        One of the errors above, per row.
    digits
        Whether the row's field is digits only.
    valid
        Lengths that each kind's shape allows.
    kind
        Index into ``valid``, per row.
    rng
        Draws positions and characters.
    """
    allowed = np.zeros((len(valid), WIDTH + 2), dtype=bool)
    for index, lengths_of_kind in enumerate(valid):
        allowed[index, list(lengths_of_kind)] = True
    # one character less may be another length of the same kind: then cut deeper, so that it shows
    hidden = (error == OMIT) & allowed[kind, texts.lengths - 1] | (error == INSERT) & allowed[kind, texts.lengths + 1]
    error = np.where(hidden, TRUNCATE, error)
    for sort in (LOOK_NEAR, LOOK_LIKELY, STRAY):
        for only in (True, False):
            rows = np.flatnonzero((error == sort) & (digits == only))
            _look_alike(texts, rows, _options(sort, only and sort != STRAY, sort == STRAY), only, rng)
    _substitute(texts, np.flatnonzero(error == ANY), rng)
    _swap(texts, np.flatnonzero(error == SWAP), rng)
    _twin(texts, np.flatnonzero(error == TWIN), rng)
    _shift(texts, error, rng)
    _scratch(texts, np.flatnonzero(error == SCRATCH), rng)


def _place(texts: Texts, rows: Array, rng: np.random.Generator, keep: int = 1) -> Array:
    """Return a random column of each row's text, at least ``keep - 1`` before its end."""
    room = texts.lengths[rows] - keep + 1
    start = WIDTH - texts.lengths[rows]
    return np.asarray(start + np.floor(rng.random(len(rows)) * room).astype(np.int64))


def _look_alike(texts: Texts, rows: Array, options: Array, digits: bool, rng: np.random.Generator) -> None:
    if not len(rows):
        return
    text = texts.characters[rows]
    inside = np.arange(WIDTH) >= WIDTH - texts.lengths[rows, None]
    able = inside & (options[text] > 0).any(axis=2)
    where = np.argmax(able * (0.01 + rng.random(text.shape)), axis=1)
    old = text[np.arange(len(rows)), where]
    choices = options[old]
    count = (choices > 0).sum(axis=1)
    ranked = -np.sort(-choices.astype(np.int64), axis=1)
    new = ranked[np.arange(len(rows)), np.floor(rng.random(len(rows)) * count).astype(np.int64)]
    found = able.any(axis=1)
    texts.characters[rows[found], where[found]] = new[found]
    lost = rows[~found]
    if digits and (options[ord("1")] >= ord("A")).any():
        texts.characters[lost, _place(texts, lost, rng)] = ord("O")
    else:
        _substitute(texts, lost, rng)


def _substitute(texts: Texts, rows: Array, rng: np.random.Generator, where: Array | None = None) -> None:
    """Replace a character by another of its own sort (digit by digit, letter by letter)."""
    column = _place(texts, rows, rng) if where is None else where
    old = texts.characters[rows, column].astype(np.int64)
    digit = old < ord("A")
    first, size = np.where(digit, ord("0"), ord("A")), np.where(digit, 10, 26)
    step = 1 + np.floor(rng.random(len(rows)) * (size - 1)).astype(np.int64)
    texts.characters[rows, column] = first + (old - first + step) % size


def _swap(texts: Texts, rows: Array, rng: np.random.Generator) -> None:
    """Swap two neighbours that differ and are of one sort; where they do not, replace the first."""
    column = _place(texts, rows, rng, keep=2)
    one, other = texts.characters[rows, column], texts.characters[rows, column + 1]
    good = (one != other) & ((one < ord("A")) == (other < ord("A")))
    texts.characters[rows[good], column[good]] = other[good]
    texts.characters[rows[good], column[good] + 1] = one[good]
    _substitute(texts, rows[~good], rng, column[~good])


def _twin(texts: Texts, rows: Array, rng: np.random.Generator) -> None:
    """Turn two neighbours into twins of the second (aa for ba); where they are, replace the first."""
    column = _place(texts, rows, rng, keep=2)
    one, other = texts.characters[rows, column], texts.characters[rows, column + 1]
    good = (one != other) & ((one < ord("A")) == (other < ord("A")))
    texts.characters[rows[good], column[good]] = other[good]
    _substitute(texts, rows[~good], rng, column[~good])


def _shift(texts: Texts, error: Array, rng: np.random.Generator) -> None:
    """Drop a character, double one, or cut the end off."""
    rows = np.flatnonzero(np.isin(error, (OMIT, INSERT, TRUNCATE)))
    if not len(rows):
        return
    what, column = error[rows], _place(texts, rows, rng)
    columns = np.arange(WIDTH)
    before = columns <= column[:, None]
    source = np.where((what == OMIT)[:, None] & before, columns - 1, columns)
    source = np.where((what == INSERT)[:, None] & (columns < column[:, None]), columns + 1, source)
    source = np.where((what == TRUNCATE)[:, None], columns - CUT, source)
    text = np.take_along_axis(texts.characters[rows], np.clip(source, 0, WIDTH - 1), axis=1)
    texts.characters[rows] = text
    texts.lengths[rows] += np.select([what == OMIT, what == INSERT], [-1, 1], -CUT)


def _scratch(texts: Texts, rows: Array, rng: np.random.Generator) -> None:
    """Make one to three neighbouring characters unreadable."""
    size = rng.integers(1, 4, len(rows))
    column = _place(texts, rows, rng, keep=3)
    for step in range(3):
        reach = rows[size > step]
        texts.characters[reach, column[size > step] + step] = ord("*")


__all__ = ["ALPHABET", "BREAKING", "NONE", "breaking", "choose", "spoil"]
