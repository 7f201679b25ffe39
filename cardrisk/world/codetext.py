"""The codes on cards, as text: number and secret.

Correct when a code is a function of lot and serial alone, fits its kind's shape, numbers of a lot follow its
serials, and secrets are uniform over their alphabet. Nothing here resembles a real prefix or check digit.

Texts are right-aligned ``uint8`` matrices: row i holds its characters in the last ``lengths[i]`` columns.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cardrisk.world.cards import SERIALS, Group
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array, bits, integer

WIDTH: Final = 24
"""Columns of a text matrix: the longest code and room for inserted characters."""
ALPHABET: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)

_SERIAL_DIGITS: Final = 6
_LENGTH, _LOT_BASE, _SECRET, _OFFSET = range(600, 604)


@dataclass
class Texts:
    """Codes as right-aligned matrices (rows, WIDTH) of characters, with their lengths; 0 for no code."""

    characters: Array
    lengths: Array

    def take(self, rows: Array) -> "Texts":
        """Return the texts at ``rows``."""
        return Texts(np.take(self.characters, rows, axis=0), np.take(self.lengths, rows))


def lengths(ground: Ground, group: Group) -> tuple[Array, Array]:
    """Return the true lengths of each card's number (0 where its kind has none) and secret, in characters."""
    number, secret = lengths_of_batches(ground, group)
    return number[group.cards.batch], secret[group.cards.batch]


def _pick_length(table: tuple[tuple[int, ...], ...], kind: Array, draw: Array) -> Array:
    count = np.array([max(1, len(row)) for row in table])
    padded = np.zeros((len(table), count.max()), dtype=np.int64)
    for index, row in enumerate(table):
        padded[index, : len(row)] = row
    return np.asarray(padded[kind, draw % count[kind]])


def digits_of(words: Array, radix: Array, columns: int) -> Array:
    """Return characters of 64-bit words in a radix per row, shape (rows, columns); at most 12 in radix 36."""
    out = np.empty((columns, len(words)), dtype=np.uint8)
    for column in range(columns):
        words, digit = np.divmod(words, radix)
        out[column] = ALPHABET[digit.astype(np.int64)]
    return out.T


def numbers(ground: Ground, group: Group, length: Array) -> Texts:
    """Return card numbers: a random base of the lot, then the serial in the last digits."""
    batches = group.batches
    alnum = ground.kinds.number_alnum[batches.kind] & (ground.kinds.number_letters[batches.kind] == 0)
    radix = np.where(alnum, 36, 10).astype(np.uint64)
    half = WIDTH // 2
    base = np.hstack([digits_of(bits(ground.seed, _LOT_BASE, batches.lot, part), radix, half) for part in (0, 1)])
    of_lot, _ = lengths_of_batches(ground, group)
    for row in np.flatnonzero(ground.kinds.number_letters[batches.kind]):
        first = WIDTH - of_lot[row]
        letters = slice(first, first + ground.kinds.number_letters[batches.kind[row]])
        base[row, letters] = ALPHABET[10:][base[row, letters] % 26]
    out = base[group.cards.batch]
    offset = integer(SERIALS, ground.seed, _OFFSET, batches.lot)[group.cards.batch]
    serial = ((offset + group.cards.serial) % SERIALS).astype(np.uint32)
    for column in range(WIDTH - 1, WIDTH - 1 - _SERIAL_DIGITS, -1):
        serial, digit = np.divmod(serial, np.uint32(10))
        out[:, column] = digit + ord("0")
    return Texts(out, length.copy())


def lengths_of_batches(ground: Ground, group: Group) -> tuple[Array, Array]:
    """Return number and secret lengths per batch."""
    batches = group.batches
    draw = integer(1 << 20, ground.seed, _LENGTH, batches.lot)
    kinds = ground.kinds
    return (
        _pick_length(kinds.number_lengths, batches.kind, draw),
        _pick_length(kinds.secret_lengths, batches.kind, draw),
    )


def secrets(ground: Ground, group: Group, length: Array) -> Texts:
    """Return secrets, uniform over the kind's alphabet."""
    radix = np.where(ground.kinds.secret_alnum[group.cards.kind], 36, 10).astype(np.uint64)
    half = WIDTH // 2
    lot, serial = group.cards.lot, group.cards.serial
    halves = [digits_of(bits(ground.seed, _SECRET, lot, serial, part), radix, half) for part in (0, 1)]
    return Texts(np.hstack(halves), length.copy())
