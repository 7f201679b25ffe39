"""The record of one decision: what is needed to take it again, bit for bit, and nothing of the card's codes.

Correct when a record that was written and read back is equal in every bit, and the decision follows from it and the
bundle it names alone.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct, error
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cardrisk._version import __version__
from cardrisk.errors import StoreError
from cardrisk.facts import CAUSES
from cardrisk.features.stores.base import Decided
from cardrisk.features.stores.codec import decode, encode, text_of
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel
from cardrisk.risk.bundle import content_digest
from cardrisk.scoring.result import Score

PROTOCOL: Final = 3
READABLE: Final = (1, 2, 3)
"""Protocols that ``parse`` reads. The first two wrote numbers as text, in base 85 and 64."""
_MARK: Final = "record."
_DAMAGED: Final = "expected the record of a decision, got none; the store is damaged"
_NUMBERS: Final = Struct(f"<{1 + len(CAUSES)}d")
"""p(fail) and p(cause) in order."""


@dataclass(frozen=True)
class Context:
    """What many decisions share.

    Attributes
    ----------
    version
        Version of this library.
    model_version, bundle
        The model's short name and the SHA-256 of its bundle's content.
    features
        Digest of the definitions of its features.
    names
        Number features, in the order of a record's row.
    costs
        The platform's money, as ``Costs.to_dict``.
    reasons, language
        For which cards reasons were given, and in which language.
    protocol
        Of the record's form.
    """

    version: str
    model_version: str
    bundle: str
    features: str
    names: tuple[str, ...]
    costs: Mapping[str, Any]
    reasons: Literal["stopped", "all", "none"]
    language: Literal["en", "zh"]
    protocol: int = PROTOCOL

    @classmethod
    def of(
        cls,
        model: RiskModel,
        names: tuple[str, ...],
        costs: Costs,
        reasons: Literal["stopped", "all", "none"],
        language: Literal["en", "zh"],
    ) -> "Context":
        """Describe a scorer."""
        digest = content_digest(model.files)
        return cls(__version__, model.version, digest, model.features.digest, names, costs.to_dict(), reasons, language)

    def dump(self) -> bytes:
        """Write as JSON; equal contexts give equal bytes."""
        return json.dumps(self.__dict__, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, body: bytes) -> "Context":
        """Read what ``dump`` wrote.

        Raises
        ------
        StoreError
            The bytes are none, or of another protocol.
        """
        try:
            values = json.loads(body)
            found = cls(**{**values, "names": tuple(values["names"])})
        except (ValueError, TypeError, KeyError) as reason:
            raise StoreError("expected the context of a decision, got none; the store is damaged") from reason
        if found.protocol not in READABLE:
            raise StoreError(f"expected records of protocol 1 to {PROTOCOL}, got {found.protocol}; update cardrisk")
        return found


def name_of_context(body: bytes) -> str:
    """Sixteen hexadecimal digits that name a context."""
    return hashlib.sha256(body).hexdigest()[:16]


def key_of(name: str) -> bytes:
    """Return the bytes that stand for a ``submission_id``, as they do in the journal."""
    return name.encode("utf-8", "surrogatepass")


class Record(NamedTuple):
    """One decision.

    Attributes
    ----------
    context
        Name of the :class:`Context` it was taken in.
    moment
        When the card became known, in microseconds: its features are of just before.
    card
        The card after intake: tokens, never codes.
    row
        Its number features as bytes of float64, little-endian, in the order of the context's names.
    score
        The answer given.
    """

    context: str
    moment: int
    card: Mapping[str, Any]
    row: bytes
    score: Score

    @property
    def numbers(self) -> NDArray[np.float64]:
        """Number features, float64."""
        return np.frombuffer(self.row, "<f8").astype(np.float64)

    def dump(self) -> bytes:
        """Write as bytes: the card as its store writes it, a zero byte, and what was decided."""
        _, _, row, decided = self.parts()
        return b"%b\0%b" % (row, decided)

    def parts(self) -> Decided:
        """Write apart: the moment, the card's name and row, and the decision's own few values and its numbers."""
        score, card = self.score, self.card
        own = text_of(
            (
                self.context,
                self.moment,
                score.cause,
                score.decision,
                score.expected_loss,
                score.propensity,
                score.reasons,
                score.model_version,
            )
        )
        p = _NUMBERS.pack(score.p_fail, *score.shares)
        return self.moment, key_of(card["submission_id"]), encode(card)[0], b"%b\0%b%b" % (own, p, self.row)

    @classmethod
    def parse(cls, body: bytes) -> "Record":
        """Read what ``dump`` wrote.

        Raises
        ------
        StoreError
            The bytes are no record.
        """
        first, apart, rest = body.partition(b"\0")  # no byte 0 stands in a text
        card = decode(first)
        if not apart:
            return cls._of_older(card)
        try:
            own, _, numbers = rest.partition(b"\0")
            values = json.loads(own.decode("utf-8", "surrogatepass"))
            context, moment, cause, decision, loss, propensity, reasons, model = values
            p = _NUMBERS.unpack_from(numbers)
            if (len(numbers) - _NUMBERS.size) % 8:
                raise ValueError("a number is cut short")
            causes, row = dict(zip(CAUSES, p[1:], strict=True)), numbers[_NUMBERS.size :]
            found = card["submission_id"], p[0], causes, cause, decision, loss, propensity, tuple(reasons), None, model
            return cls(context, moment, card, row, Score(*found))
        except (ValueError, KeyError, TypeError, error) as reason:
            raise StoreError(_DAMAGED) from reason

    @classmethod
    def _of_older(cls, values: Mapping[str, Any]) -> "Record":
        """Read what one of the first two protocols wrote: one row of columns."""
        card = {name: value for name, value in values.items() if not name.startswith(_MARK)}
        try:
            part = {name.removeprefix(_MARK): v for name, v in values.items() if name.startswith(_MARK)}
            p = np.frombuffer(_bytes_of(part, "p"), "<f8").tolist()
            score = Score(
                card["submission_id"],
                p[0],
                dict(zip(CAUSES, p[1:], strict=True)),
                part["cause"],
                part["decision"],
                part["loss"],
                part["propensity"],
                tuple(part["reasons"].split("\n")) if part["reasons"] else (),
                None,
                part["model"],
            )
            return cls(part["context"], part["moment"], card, _bytes_of(part, "row"), score)
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            raise StoreError(_DAMAGED) from reason


def _bytes_of(part: Mapping[str, Any], name: str) -> bytes:
    """Return bytes that were written as text, in either protocol's base."""
    text = part.get(name + "64")
    return base64.b85decode(part[name]) if text is None else base64.b64decode(text, validate=True)
