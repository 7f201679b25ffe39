"""The boundary for a few cards, without tables: the road of live services.

Correct when each card gets the values the table road gives it; both call the same compiled facts and hashes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import comb
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk._ready import BYTES, WHOLE, array_of, made_ready
from cardrisk._uncounted import uncounted
from cardrisk.codes import entities
from cardrisk.codes._anomalies import NULL, SCRATCH, facts_of_one
from cardrisk.codes._sha256 import hmac_many
from cardrisk.codes.anomalies import ANOMALIES, NAMES, PER_CARD
from cardrisk.codes.boundary import RAW
from cardrisk.codes.normalise import (
    CASE,
    CLASSES,
    DROP,
    KEEP,
    LONGEST_CODE,
    LONGEST_TEXT,
    MARK,
    OVERSIZED,
    SLOW,
    SPACING,
    SPLIT,
    normalise,
)
from cardrisk.codes.sealed import Sealed
from cardrisk.codes.shapes import NO_SHAPE, ShapeTable
from cardrisk.codes.tokens import (
    ALPHABET,
    BLOCK_TAIL,
    FIELDS,
    OF_CARD_BEFORE,
    OF_CARD_OUTER,
    SHORTEST_BLOCK,
    TOKEN_BYTES,
    TOKEN_TEXT,
    TOKENS,
    Hasher,
    base64url_one,
)
from cardrisk.codes.uniformity import ALPHABETS, LONGEST, tail_tables
from cardrisk.codes.values import as_text

_UPPER: Final = bytes(63 if CLASSES[byte] == MARK else byte - 32 if 97 <= byte < 123 else byte for byte in range(256))
_DROPPED: Final = bytes(byte for byte in range(128) if CLASSES[byte] == DROP)
_CLEAN: Final = bytes(byte for byte in range(128) if CLASSES[byte] == KEEP)
_KEPT: Final = np.array([byte in _CLEAN for byte in range(256)])
_SLOW: Final = frozenset(chr(byte) for byte in range(128) if CLASSES[byte] == SLOW)
_READ: Final[list[dict[int, Any]]] = [
    {NULL: None} | (dict(enumerate(a.categories)) if a.categories else {n: float(n) for n in range(-8, 16)})
    for a in ANOMALIES[:PER_CARD]
]
_ALONE: Final = dict.fromkeys(NAMES[PER_CARD:])
_COUNT: Final = len(FIELDS)
_ALL: Final = (1 << _COUNT) - 1
_UNKNOWN: Final = [tuple(i for i in range(_COUNT) if not known >> i & 1) for known in range(_ALL + 1)]
"""Places of the tokens that a card does not have, by those it has."""
_CODED: Final = sum(1 << FIELDS.index(field) for field in ("number", "secret", "card"))
_MOST_FACTS: Final = 4_096
AS_GIVEN: Final = -1
"""Stands for the cleaning flags of a card that nobody has looked at."""
_LONGEST_CLEAN: Final = 1_024
_MARK, _DOT, _ZERO, _SPACE, _A, _Z = b"?.0 AZ"
_TAILS: Final = len(ALPHABETS), LONGEST + 1, comb(LONGEST, 2) + 2
_TAIL_BYTES: Final = 8 * _TAILS[0] * _TAILS[1] * _TAILS[2]
_KIND_BYTES: Final = 16 + 4 + 2 + 2


class OneCard(Sealed):
    """The normalised codes of one card, gone when it goes.

    Attributes
    ----------
    number, secret
        Normalised; empty where unknown.
    flags
        What was cleaned from either.
    kind, row
        Canonical kind and its row of the shape table, -1 where unknown.
    """

    __slots__ = ("flags", "kind", "number", "row", "secret")

    def __init__(self, number: bytes, secret: bytes, flags: int, kind: str, row: int) -> None:
        self.number, self.secret, self.flags, self.kind, self.row = number, secret, flags, kind, row


def clean_one(value: Any) -> tuple[bytes, int]:
    """Return the normalised code and the cleaning flags of one cell, whatever it holds."""
    if type(value) is str and value.isascii() and len(value) <= LONGEST_CODE:
        raw = value.encode("ascii")
        if not raw.translate(None, _CLEAN):  # most codes come clean
            return raw, 0
    text = as_text(value)
    if text is None:
        return b"", 0
    if not text.isascii() or len(text) > LONGEST_TEXT or not _SLOW.isdisjoint(text):
        code, flags = normalise(text)
        return code.encode("ascii"), flags
    raw = text.encode("ascii")
    plain = raw.translate(_UPPER, _DROPPED)
    flags = (SPACING if len(plain) < len(raw) else 0) | (0 if raw.upper() == raw else CASE)
    return (b"", flags | OVERSIZED) if len(plain) > LONGEST_CODE else (plain, flags)


def read_one(card: Mapping[str, Any], kind: str, row: int, table: ShapeTable) -> OneCard:
    """Clean both fields of a card, and split them apart where both came in one."""
    number, flags = clean_one(card.get("card_no"))
    secret, more = clean_one(card.get("card_secret"))
    if number and not secret and row >= 0:
        first = split_at(len(number), row, table)
        if first >= 0:
            return OneCard(number[:first], number[first:], flags | more | SPLIT, kind, row)
    return OneCard(number, secret, flags | more, kind, row)


def split_at(length: int, row: int, table: ShapeTable) -> int:
    """Return how many of ``length`` characters are the number when the rest is the secret; -1 where unclear."""
    if table.alphabet[row, 1] == NO_SHAPE:
        return -1
    numbers = int(table.lengths[row, 0]) if table.alphabet[row, 0] != NO_SHAPE else 1
    secrets = int(table.lengths[row, 1])
    if numbers >> length & 1:
        return -1
    ways = [part for part in range(length) if numbers >> part & 1 and secrets >> (length - part) & 1]
    return ways[0] if len(ways) == 1 else -1


@cache
def _reader() -> Callable[..., int]:
    """Return `read_card`, made ready at the first card."""
    return made_ready(read_card, BYTES, *[WHOLE] * 7, array_of(np.uint8), array_of(np.uint32, 2))


class Desk(Sealed):
    """Kinds and keys made ready for card after card; safe to share between threads.

    Parameters
    ----------
    table
        The kinds' shapes.
    hashers
        By the suffix of the columns that their tokens get.
    keyed
        Whether number, secret and card get tokens.
    """

    __slots__ = ("_facts", "_hashers", "_shapes", "_wanted")

    def __init__(self, table: ShapeTable, hashers: Mapping[str, Hasher], *, keyed: bool) -> None:
        self._shapes, self._wanted = _packed(table), _ALL if keyed else _ALL & ~_CODED
        self._hashers = [
            (hasher.of_card, tuple(name + suffix for name in TOKENS), _sheet_of(f"{hasher.key_id}.".encode()))
            for suffix, hasher in hashers.items()
        ]
        self._facts: dict[bytes, dict[str, Any]] = {}

    def take(self, card: Mapping[str, Any], codes: OneCard) -> dict[str, Any]:
        """Return a card without codes, with tokens and facts; ``None`` where unknown.

        The facts about cards handed in together are unknown here.
        """
        out = dict(card)
        _, _, ip, handset = [out.pop(column, None) for column in RAW]
        ip, handset = as_text(ip), as_text(handset)
        address = b"" if ip is None else entities.address(ip).encode()
        device = b"" if handset is None else entities.device(handset).encode()
        runs = address, device, codes.number, codes.secret
        self._answer(b"%b%b%b\x1f%b" % runs, [*map(len, runs)], codes.flags, codes.kind, codes.row, out)
        return out

    def take_clean(self, card: Mapping[str, Any], kind: str, row: int) -> dict[str, Any] | None:
        """Do the same with a card that is written as it is hashed, as most are; None for any other.

        Parameters
        ----------
        kind, row
            As ``OneCard`` has them.
        """
        out = dict(card)
        pop = out.pop
        number, secret = pop("card_no", None), pop("card_secret", None)
        address, device = pop("client_ip", None), pop("device_id", None)
        number = "" if number is None else number
        secret = "" if secret is None else secret
        address = "" if address is None else address
        device = "" if device is None else device
        if not type(address) is type(device) is type(number) is type(secret) is str:
            return None
        text = f"{address}{device}{number}\x1f{secret}"
        if not text.isascii() or len(text) > _LONGEST_CLEAN or (number and not secret and row >= 0):
            return None
        lengths = len(address), len(device), len(number), len(secret)
        return out if self._answer(text.encode(), lengths, AS_GIVEN, kind, row, out) else None

    def _answer(self, run: bytes, lengths: Sequence[int], flags: int, kind: str, row: int, out: dict[str, Any]) -> bool:
        """Add tokens and facts to ``out``; returns whether the card could be read.

        All that is hashed lies in one run of bytes (address, device, number, separator, secret), of which each token
        takes a stretch; behind it is room for what the compiled code answers.
        """
        a, b, c, e = lengths
        b += a
        c += b
        e += c + 1
        facts, read = b"", _reader()
        for states, names, room in self._hashers:
            sheet = bytearray(run + room)
            known = read(sheet, a, b, c, e, flags, row, self._wanted, self._shapes, states(kind))
            if known < 0:
                return False
            facts = bytes(sheet[e : e + PER_CARD])
            tokens: list[Any] = sheet[e + PER_CARD : -1].decode("ascii").split("\n")
            for place in _UNKNOWN[known]:
                tokens[place] = None
            ip, device, number, secret, both, block = names  # a third of the time of a `zip`
            out[ip], out[device], out[number], out[secret], out[both], out[block] = tokens
        out |= self._facts.get(facts) or self._read(facts)
        return True

    def _read(self, found: bytes) -> dict[str, Any]:
        """Return facts by name; they are coarse, so most cards share theirs with others."""
        if len(self._facts) >= _MOST_FACTS:
            self._facts.clear()
        values = memoryview(found).cast("b")
        facts = {name: read[value] for name, read, value in zip(NAMES, _READ, values, strict=False)} | _ALONE
        self._facts[found] = facts
        return facts


def _packed(table: ShapeTable) -> NDArray[np.uint8]:
    """Return the shapes of k kinds as bytes in a row, as handing an array over costs a call time; see `_unpacked`."""
    parts = tail_tables(), table.lengths, table.issuer, table.alphabet, table.letters_first
    return np.concatenate([np.frombuffer(part.tobytes(), np.uint8) for part in parts])


@compiled
def _unpacked(
    packed: NDArray[np.uint8],
) -> tuple[NDArray[np.float64], NDArray[np.uint64], NDArray[np.int32], NDArray[np.int8], NDArray[np.int8]]:
    """Return tails, lengths, issuer, alphabet and letters_first as ``card_facts`` takes them."""
    kinds = (packed.shape[0] - _TAIL_BYTES) // _KIND_BYTES
    a = _TAIL_BYTES + 16 * kinds
    b = a + 4 * kinds
    c = b + 2 * kinds
    return (
        packed[:_TAIL_BYTES].view(np.float64).reshape(_TAILS),
        packed[_TAIL_BYTES:a].view(np.uint64).reshape(-1, 2),
        packed[a:b].view(np.int32),
        packed[b:c].view(np.int8).reshape(-1, 2),
        packed[c:].view(np.int8).reshape(-1, 2),
    )


@compiled
def _is_ipv4(data: NDArray[np.uint8], first: int, last: int) -> bool:
    """Whether an address is one that ``entities.address`` leaves as it is: four numbers up to 255, no zeros before."""
    parts, value, digits = 1, 0, 0
    for at in range(first, last):
        if data[at] == _DOT:
            if digits == 0:
                return False
            parts, value, digits = parts + 1, 0, 0
        elif not _ZERO <= data[at] < _ZERO + 10 or (digits > 0 and value == 0):
            return False
        else:
            value, digits = 10 * value + int(data[at]) - _ZERO, digits + 1
        if value > 255:
            return False
    return parts == 4 and digits > 0


@compiled
def _as_hashed(data: NDArray[np.uint8], a: int, b: int, c: int, e: int) -> bool:
    """Whether address, device, number and secret need no cleaning; letters of the device are made small here."""
    if a > 0 and not _is_ipv4(data, 0, a):
        return False
    if b - a > entities.LONGEST or (b > a and (data[a] <= _SPACE or data[b - 1] <= _SPACE)):
        return False
    for at in range(a, b):
        if _A <= data[at] <= _Z:
            data[at] += _SPACE
    if c - b > LONGEST_CODE or e - c - 1 > LONGEST_CODE:
        return False
    for at in range(b, e):  # noqa: SIM110 - compiled
        if not _KEPT[data[at]] and at != c:
            return False
    return True


@compiled
def _has_mark(data: NDArray[np.uint8], first: int, last: int) -> bool:
    """Whether a character of a code could not be read."""
    for at in range(first, last):  # noqa: SIM110 - compiled
        if data[at] == _MARK:
            return True
    return False


@compiled
def _known(data: NDArray[np.uint8], a: int, b: int, c: int, e: int, row: int, alphabet: NDArray[np.int8]) -> int:
    """Return as bits, in ``FIELDS`` order, what is known and wholly read."""
    numbered = c > b and not _has_mark(data, b, c)
    secured = e > c + 1 and not _has_mark(data, c + 1, e)
    if c > b and e > c + 1:
        card = numbered and secured
    else:  # a kind that has no published shape for the other field is whole without it
        card = (numbered or secured) and row >= 0 and alphabet[row, 1 if numbered else 0] == NO_SHAPE
    block = c - b >= SHORTEST_BLOCK and not _has_mark(data, b, c - BLOCK_TAIL)
    return (a > 0) | (b > a) << 1 | numbered << 2 | secured << 3 | card << 4 | block << 5


def _sheet_of(head: bytes) -> bytes:
    """Return the room for what `read_card` answers: facts, then tokens that begin with ``head``."""
    return bytes(PER_CARD) + (head + bytes(TOKEN_TEXT) + b"\n") * _COUNT


@compiled
def read_card(
    sheet: bytearray,
    a: int,
    b: int,
    c: int,
    e: int,
    flags: int,
    row: int,
    wanted: int,
    shapes: NDArray[np.uint8],
    states: NDArray[np.uint32],
) -> int:
    """Read one card's facts and tokens; return as bits, in ``FIELDS`` order, which tokens it has; -1: see ``flags``.

    Parameters
    ----------
    sheet
        Address up to ``a``, device up to ``b``, number up to ``c``, a separator, the secret up to ``e``; then, written
        here into `_sheet_of`, ``PER_CARD`` facts as int8 and the tokens it has.
    flags, row
        What was cleaned from either field, or ``AS_GIVEN``: nothing was looked at yet, and -1 is the answer where
        something needs cleaning; the kind's row of the shape table, -1 where unknown.
    wanted
        As bits, which tokens it may have.
    shapes
        See `_packed`.
    states
        Of the key, see ``Hasher.of_card``.
    """
    whole, shapes, states = uncounted(sheet), uncounted(shapes), uncounted(states)
    if flags == AS_GIVEN:
        if not _as_hashed(whole, a, b, c, e):
            return -1
        flags = 0
    data, facts, counts = whole[:e], whole[e : e + PER_CARD].view(np.int8), np.empty(SCRATCH, np.int64)
    tails, lengths, issuer, alphabet, letters_first = _unpacked(shapes)
    facts_of_one(data, b, c, data, c + 1, e, flags, row, lengths, alphabet, letters_first, issuer, tails, counts, facts)
    bits = _known(data, a, b, c, e, row, alphabet) & wanted
    bounds = (0, a), (a, b), (b, c), (c + 1, e), (b, e), (b, max(b, c - BLOCK_TAIL))
    start, stop, field, count = np.empty(_COUNT, np.int64), np.empty(_COUNT, np.int64), np.empty(_COUNT, np.int32), 0
    for i in range(_COUNT):
        if bits >> i & 1:
            start[count], stop[count] = bounds[i]
            field[count], count = i, count + 1
    digests, before = np.empty((_COUNT, TOKEN_BYTES), np.uint8), states[OF_CARD_BEFORE].astype(np.int64)
    hmac_many(data, start[:count], stop[:count], field, states, states[OF_CARD_OUTER], before, digests)
    text = whole[e + PER_CARD :].reshape(_COUNT, -1)
    for k in range(count):
        base64url_one(digests[k], ALPHABET, text.shape[1] - TOKEN_TEXT - 1, text[field[k]])
    return bits
