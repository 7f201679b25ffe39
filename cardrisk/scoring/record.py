"""The record of one decision: what is needed to take it again, bit for bit, and nothing of the card's codes.

Correct when a record that was written and read back is equal in every bit, and the decision follows from it and the
bundle it names alone.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from cardrisk._version import __version__
from cardrisk.errors import StoreError
from cardrisk.facts import CAUSES
from cardrisk.features.stores.codec import decode, encode, joined
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel
from cardrisk.risk.bundle import content_digest
from cardrisk.scoring.result import Score

PROTOCOL: Final = 2
READABLE: Final = (1, 2)
"""Protocols that ``parse`` reads. The first wrote numbers in base 85, which costs Python 170 us a decision."""
_MARK: Final = "record."
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


@dataclass(frozen=True, slots=True)
class Record:
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
        """Write as bytes."""
        score = self.score
        p = _NUMBERS.pack(score.p_fail, *score.causes.values())
        own = encode(
            {
                _MARK + "context": self.context,
                _MARK + "moment": self.moment,
                _MARK + "row64": base64.b64encode(self.row).decode(),
                _MARK + "p64": base64.b64encode(p).decode(),
                _MARK + "cause": score.cause,
                _MARK + "decision": score.decision,
                _MARK + "loss": score.expected_loss,
                _MARK + "propensity": score.propensity,
                _MARK + "reasons": "\n".join(score.reasons),
                _MARK + "model": score.model_version,
            }
        )[0]
        return joined(encode(self.card)[0], own)

    @classmethod
    def parse(cls, body: bytes) -> "Record":
        """Read what ``dump`` wrote.

        Raises
        ------
        StoreError
            The bytes are no record.
        """
        values = decode(body)
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
            raise StoreError("expected the record of a decision, got none; the store is damaged") from reason


def _bytes_of(part: Mapping[str, Any], name: str) -> bytes:
    """Return bytes that were written as text, in either protocol's base."""
    text = part.get(name + "64")
    return base64.b85decode(part[name]) if text is None else base64.b64decode(text, validate=True)
