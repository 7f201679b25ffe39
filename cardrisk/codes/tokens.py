"""Keyed tokens: the only form in which a code, an address or a device leaves the boundary.

Correct when two tokens of one key are equal exactly when field, kind and normalised code are (up to 2**-64 chance),
and without the key a token says nothing about the code.

A token is ``<key id>.<22 base64url characters>``: the first 128 bits of HMAC-SHA-256, keyed, over the *prefix*
(field, unit separator, kind, zero-padded to whole 64-byte blocks) followed by the code. The prefix is what thousands
of codes share, so its hash state is computed once.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk._later import pa
from cardrisk._ready import array_of, made_ready
from cardrisk.codes._sha256 import BLOCK, INITIAL, hmac_many, midstate
from cardrisk.codes.keys import Key
from cardrisk.codes.sealed import Codes, Sealed, Texts

TOKEN_BYTES: Final = 16
TOKEN_TEXT: Final = 22
"""Characters of a token after the key's id."""
FIELDS: Final = ("ip", "device", "number", "secret", "card", "block")
"""What is tokenised, in the order of the columns."""
TOKENS: Final = ("ip_token", "device_token", "number_token", "secret_token", "card_token", "serial_block")
"""The columns: what leaves the boundary in the stead of codes; null where unknown."""
BLOCK_TAIL: Final = 3
"""Characters: numbers that differ only in their last three share a serial block, a thousand cards of one run."""
SHORTEST_BLOCK: Final = 6
"""Characters: a shorter number has no serial block."""
OF_CARD_OUTER: Final = 6
OF_CARD_BEFORE: Final = 7
"""Rows of ``Hasher.of_card``."""
_MOST_STATES: Final = 4_096
ALPHABET: Final = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8)


def prefix(field: str, kind: str) -> bytes:
    """Return the bytes hashed before the code: ``field``, unit separator, ``kind``, zeros to whole blocks."""
    start = f"{field}\x1f{kind}".encode("utf-8", "surrogatepass")
    return start + bytes(-len(start) % BLOCK)


def token(key: Key, field: str, kind: str, code: str) -> str:
    """Return the token of one code, the plain way; the compiled road gives the same.

    Parameters
    ----------
    key
        The token key.
    field
        What is tokenised: ``"number"``, ``"secret"``, ``"card"``, ``"block"``, ``"ip"`` or ``"device"``.
    kind
        Canonical name of the card kind; empty for addresses and devices.
    code
        The normalised code.
    """
    message = prefix(field, kind) + code.encode("utf-8", "surrogatepass")
    digest = hmac.digest(key.reveal(), message, "sha256")[:TOKEN_BYTES]
    return f"{key.id}.{base64.urlsafe_b64encode(digest).decode()[:TOKEN_TEXT]}"


@cache
def _midstate() -> Callable[..., NDArray[np.uint32]]:
    return made_ready(midstate, array_of(np.uint32), array_of(np.uint8))


class Hasher(Sealed):
    """The hash states of one key, ready for each (field, kind).

    Parameters
    ----------
    key
        The token key.
    """

    __slots__ = ("_card", "_inner", "_states", "key_id", "outer")

    def __init__(self, key: Key) -> None:
        material = key.reveal()
        if len(material) > BLOCK:
            import hashlib

            material = hashlib.sha256(material).digest()
        pad = np.frombuffer(material.ljust(BLOCK, b"\0"), np.uint8)
        self._inner = _midstate()(INITIAL, pad ^ np.uint8(0x36))
        self.outer = _midstate()(INITIAL, pad ^ np.uint8(0x5C))
        self._states: dict[tuple[str, str], tuple[NDArray[np.uint32], int]] = {}
        self._card: dict[str, NDArray[np.uint32]] = {}
        self.key_id = key.id

    def of_card(self, kind: str) -> NDArray[np.uint32]:
        """Return the hash states of a card's tokens.

        uint32 (8, 8): the inner state of each in ``FIELDS`` order, the outer state, and the bytes that each inner
        state has hashed so far.
        """
        known = self._card.get(kind)
        if known is None:
            if len(self._card) > _MOST_STATES:
                self._card.clear()
            known = self._card[kind] = np.zeros((8, 8), np.uint32)
            for i, field in enumerate(FIELDS):
                known[i], known[OF_CARD_BEFORE, i] = self._state(field, "" if field in ("ip", "device") else kind)
            known[OF_CARD_OUTER] = self.outer
        return known

    def states(self, field: str, kinds: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return inner states (p, 8) and bytes hashed so far (p,) of ``field`` with each of ``kinds``."""
        pairs = [self._state(field, kind) for kind in kinds]
        return np.stack([state for state, _ in pairs]), np.array([size for _, size in pairs], np.int64)

    def _state(self, field: str, kind: str) -> tuple[NDArray[np.uint32], int]:
        known = self._states.get((field, kind))
        if known is not None:
            return known
        blocks = np.frombuffer(prefix(field, kind), np.uint8).copy()
        state = self._inner
        for at in range(0, blocks.size, BLOCK):
            state = _midstate()(state, blocks[at : at + BLOCK])
        if len(self._states) > _MOST_STATES:
            self._states.clear()
        self._states[field, kind] = state, BLOCK + blocks.size
        return self._states[field, kind]

    def digests(
        self, codes: Codes | Texts, field: str, kinds: Sequence[str], kind: NDArray[np.int32]
    ) -> NDArray[np.uint8]:
        """Return the 128-bit tokens of n codes, bytes (n, 16); ``kind[i]`` picks from ``kinds``."""
        inner, before = self.states(field, kinds)
        out = np.empty((len(codes), TOKEN_BYTES), np.uint8)
        hmac_many(codes.data, codes.start, codes.stop, kind, inner, self.outer, before, out)
        return out


def texts(digests: NDArray[np.uint8], key_id: str, known: NDArray[np.bool_]) -> pa.Array:
    """Write digests (n, 16) as token texts, null where ``known`` is false."""
    head = np.frombuffer(f"{key_id}.".encode(), np.uint8)
    width = head.size + TOKEN_TEXT
    count = int(np.count_nonzero(known))
    data = np.empty((count, width), np.uint8)
    data[:, : head.size] = head
    base64url(digests, known, ALPHABET, head.size, data)
    offsets = np.zeros(known.size + 1, np.int64)
    np.cumsum(known * np.int64(width), out=offsets[1:])
    mask = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(
        pa.large_string(), known.size, [mask, pa.py_buffer(offsets), pa.py_buffer(data)], known.size - count
    )


@compiled
def base64url(
    digests: NDArray[np.uint8],
    known: NDArray[np.bool_],
    alphabet: NDArray[np.uint8],
    at: int,
    out: NDArray[np.uint8],
) -> None:
    """Write base64url (RFC 4648, section 5) of each known digest into its row of ``out``, from column ``at`` on."""
    row = 0
    for i in range(known.size):
        if known[i]:
            base64url_one(digests[i], alphabet, at, out[row])
            row += 1


@compiled
def base64url_one(digest: NDArray[np.uint8], alphabet: NDArray[np.uint8], at: int, out: NDArray[np.uint8]) -> None:
    """Write base64url of one digest into ``out`` from place ``at`` on."""
    bits, held, position = np.uint32(0), 0, at
    for byte in digest:
        bits = ((bits << np.uint32(8)) | np.uint32(byte)) & np.uint32(0xFFFF)
        held += 8
        while held >= 6:
            held -= 6
            out[position] = alphabet[(bits >> np.uint32(held)) & np.uint32(63)]
            position += 1
    if held:
        out[position] = alphabet[(bits << np.uint32(6 - held)) & np.uint32(63)]
