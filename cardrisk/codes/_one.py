"""The boundary for a few cards, without tables: the road of live services.

Correct when each card gets the values the table road gives it; both call the same compiled facts and hashes.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cardrisk.codes import entities
from cardrisk.codes._anomalies import NULL, card_facts
from cardrisk.codes._sha256 import hmac_many
from cardrisk.codes.anomalies import ANOMALIES, NAMES, PER_CARD
from cardrisk.codes.normalise import (
    CASE,
    CLASSES,
    DROP,
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
from cardrisk.codes.tokens import BLOCK_TAIL, FIELDS, SHORTEST_BLOCK, TOKEN_BYTES, Hasher
from cardrisk.codes.uniformity import tail_tables
from cardrisk.codes.values import as_text

_UPPER: Final = bytes(63 if CLASSES[byte] == MARK else byte - 32 if 97 <= byte < 123 else byte for byte in range(256))
_DROPPED: Final = bytes(byte for byte in range(128) if CLASSES[byte] == DROP)
_SLOW: Final = frozenset(chr(byte) for byte in range(128) if CLASSES[byte] == SLOW)
_READ: Final[list[dict[int, Any]]] = [
    {NULL: None} | (dict(enumerate(a.categories)) if a.categories else {n: float(n) for n in range(-8, 16)})
    for a in ANOMALIES[:PER_CARD]
]
_ALONE: Final = dict.fromkeys(NAMES[PER_CARD:])
_FLAGS: Final = np.arange(256, dtype=np.uint8).reshape(256, 1)
_EACH: Final[NDArray[np.int32]] = np.arange(len(FIELDS), dtype=np.int32)
_PAD: Final = bytes(-TOKEN_BYTES % 3)
"""Zeros after each token, so that base64 of many in a row falls into rows of whole characters."""
_ROW: Final = (TOKEN_BYTES + len(_PAD)) // 3 * 4
_TEXT: Final = 22


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


def facts_and_tokens(
    codes: OneCard, card: Mapping[str, Any], table: ShapeTable, hashers: list[Hasher]
) -> tuple[dict[str, Any], list[list[str | None]]]:
    """Return one card's facts by name, and its tokens in ``FIELDS`` order under each key; ``None`` where unknown.

    The facts about cards handed in together are unknown here. All that is hashed lies in one run of bytes
    (address, device, number, separator, secret), of which each token takes a stretch.
    """
    ip, device = as_text(card.get("client_ip")), as_text(card.get("device_id"))
    address = b"" if ip is None else entities.address(ip).encode()
    handset = b"" if device is None else entities.device(device).encode()
    number, secret = codes.number, codes.secret
    data = np.frombuffer(bytearray(b"%b%b%b\x1f%b" % (address, handset, number, secret)), np.uint8)
    a = len(address)
    b = a + len(handset)
    c = b + len(number)
    d = c + 1
    e = d + len(secret)
    at = np.array((0, a, b, d, b, b, a, b, c, e, e, max(b, c - BLOCK_TAIL)), np.int64)
    out = np.empty((1, PER_CARD), np.int8)
    row = table.rows[codes.row]
    spans = at[2:3], at[8:9], data, at[3:4], at[9:10]
    card_facts(data, *spans, _FLAGS[codes.flags], row, *table[:4], tail_tables(), out)
    facts = {name: read[value] for name, read, value in zip(NAMES, _READ, out[0].tolist(), strict=False)}
    known = (*map(bool, (address, handset)), *_known(codes, table))
    return facts | _ALONE, [_texts(data, at, codes.kind, known, hasher) for hasher in hashers]


def _known(codes: OneCard, table: ShapeTable) -> tuple[bool, bool, bool, bool]:
    """Tell which of number, secret, card and serial block are known and wholly read."""
    number, secret = codes.number, codes.secret
    numbered, secured = bool(number) and b"?" not in number, bool(secret) and b"?" not in secret
    block = len(number) >= SHORTEST_BLOCK and b"?" not in number[:-BLOCK_TAIL]
    if number and secret:
        return numbered, secured, numbered and secured, block
    # A kind that has no published shape for the other field is whole without it.
    whole = codes.row >= 0 and table.alphabet[codes.row, 1 if numbered else 0] == NO_SHAPE
    return numbered, secured, whole and (numbered or secured), block


def _texts(
    data: NDArray[np.uint8], at: NDArray[np.int64], kind: str, known: tuple[bool, ...], hasher: Hasher
) -> list[str | None]:
    inner, before = hasher.of_card(kind)
    out = np.empty((len(FIELDS), TOKEN_BYTES), np.uint8)
    hmac_many(data, at[:6], at[6:], _EACH, inner, hasher.outer, before, out)
    raw = out.tobytes()
    whole = _PAD.join([raw[i : i + TOKEN_BYTES] for i in range(0, len(raw), TOKEN_BYTES)]) + _PAD
    text = base64.urlsafe_b64encode(whole).decode()
    return [
        f"{hasher.key_id}.{text[_ROW * i : _ROW * i + _TEXT]}" if is_known else None for i, is_known in enumerate(known)
    ]
