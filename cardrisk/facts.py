"""The document's numbers: each with its value, unit and claim, and standing nowhere else.

Every number is a scenario band, configurable, never a law of nature: the source document gives no data
of its own. ``C1`` to ``C25`` are its claims; ``pub`` marks what public gateway and recycler documents say.
"""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One number of the domain.

    Attributes
    ----------
    value
        The number, a band ``(low, high)`` or a mapping of numbers.
    unit
        What it counts, in words.
    claim
        Where it stands: ``C1`` to ``C25``, ``pub`` for published documents, ``choice`` for a decision of ours.
    note
        What a reader must know to use it rightly.
    """

    value: T
    unit: str
    claim: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """One platform type: how much it takes in, how much it reviews, how often its cards fail.

    Attributes
    ----------
    name
        Value of the ``channel`` column.
    daily
        Cards a day that reach activation at ``scale=1``.
    failure_band
        Lowest and highest share of those cards that fail activation.
    review_band
        Lowest and highest share reviewed by people; ``(0, 0)`` where the document gives none.
    claim
        The document's claim.
    """

    name: str
    daily: int
    failure_band: tuple[float, float]
    review_band: tuple[float, float]
    claim: str


CHANNELS: Final[dict[str, Channel]] = {
    channel.name: channel
    for channel in (
        Channel("ecommerce", 100_000, (0.12, 0.18), (0.0, 0.05), "C1"),
        Channel("vertical", 60_000, (0.08, 0.12), (0.15, 0.30), "C2"),
        Channel("offline", 30_000, (0.05, 0.10), (0.0, 0.0), "C3"),
    )
}

OK: Final = "ok"
UNKNOWN: Final = "unknown"

CAUSES: Final[tuple[str, ...]] = (
    "bad_format",
    "mistyped",
    "forged",
    "already_used",
    "expired",
    "not_activated",
    "bound_to_account",
    "insufficient_balance",
    "wrong_face_value",
    "region_mismatch",
    "rate_limited",
    "batch_invalid",
    "issuer_busy",
)
"""Why an activation fails, in the order of every ``p_<cause>`` column; ``ok`` and ``unknown`` stand apart."""

RETRYABLE: Final[frozenset[str]] = frozenset({"rate_limited", "issuer_busy"})
"""Causes that leave the card good: wait and activate again."""

ENTRY_METHODS: Final[tuple[str, ...]] = ("typed", "pasted", "photo", "scanned", "api")
MEDIA: Final[tuple[str, ...]] = ("physical", "electronic")
STATUSES: Final[tuple[str, ...]] = ("success", "partial", "failed", UNKNOWN)
LABEL_SOURCES: Final[tuple[str, ...]] = ("gateway", "dispute", "manual")

CAUSE_SHARES: Final = Fact(
    {
        "forged": 0.32,
        "mistyped": 0.31,
        "already_used": 0.09,
        "expired": 0.09,
        "region_mismatch": 0.06,
        "bound_or_part_spent": 0.05,
        "wrong_face_value": 0.03,
        "rate_limited": 0.03,
        "issuer_busy": 0.01,
        "batch_invalid": 0.01,
    },
    "share of failures",
    "choice",
    "Satisfies C5-C16 together; bound_or_part_spent is bound_to_account, not_activated and insufficient_balance.",
)

ANSWER_DELAY_MEDIAN: Final = Fact(30.0, "seconds", "pub", "Gateway answers are log-normal around it.")
ANSWER_DELAY_SLOW: Final = Fact((360.0, 0.05), "seconds, share of answers slower than that", "pub")
ANSWER_NEVER: Final = Fact((0.005, 0.010), "share of cards answered after two days or never", "pub")
DISPUTED: Final = Fact((0.005, 0.030), "share of successes that flip", "pub")
DISPUTE_DELAY: Final = Fact((3_600.0, 21 * 86_400.0), "seconds after the answer", "pub")

MATURITY: Final = Fact(21.0, "days", "pub", "After it, disputes have arrived: a label is final.")
