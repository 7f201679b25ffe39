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

CAUSE_RATES: Final = Fact(
    {
        "ecommerce": {
            "forged": 0.0500,
            "mistyped": 0.0383,
            "batch_invalid": 0.0015,
            "not_activated": 0.0013,
            "expired": 0.0165,
            "region_mismatch": 0.0085,
            "already_used": 0.0128,
            "bound_to_account": 0.0038,
            "insufficient_balance": 0.0034,
            "wrong_face_value": 0.0042,
            "rate_limited": 0.0055,
            "issuer_busy": 0.0012,
        },
        "vertical": {
            "forged": 0.0387,
            "mistyped": 0.0354,
            "batch_invalid": 0.0008,
            "not_activated": 0.0006,
            "expired": 0.0053,
            "region_mismatch": 0.0037,
            "already_used": 0.0110,
            "bound_to_account": 0.0019,
            "insufficient_balance": 0.0017,
            "wrong_face_value": 0.0035,
            "rate_limited": 0.0025,
            "issuer_busy": 0.0012,
        },
        "offline": {
            "forged": 0.0040,
            "mistyped": 0.0465,
            "batch_invalid": 0.0010,
            "not_activated": 0.0004,
            "expired": 0.0040,
            "region_mismatch": 0.0110,
            "already_used": 0.0050,
            "bound_to_account": 0.0008,
            "insufficient_balance": 0.0008,
            "wrong_face_value": 0.0025,
            "rate_limited": 0.0,
            "issuer_busy": 0.0012,
        },
    },
    "share of the cards that reach activation, by channel and cause, outside incidents",
    "choice",
    "Sums to C1-C3 per channel and, at C1-C3's volumes, to CAUSE_SHARES. Offline supplies a tenth of all failures, "
    "so 'most mistyping is offline' (C14) can only mean the highest rate: mistyping also happens in the typed, "
    "photo and app entries of the other channels.",
)

SCREENING_STOPS: Final = Fact(
    {
        "ecommerce": {
            "ok": 0.02,
            "forged": 0.35,
            "mistyped": 0.25,
            "already_used": 0.30,
            "expired": 0.15,
            "other": 0.20,
        },
        "vertical": {
            "ok": 0.06,
            "forged": 0.76,
            "mistyped": 0.64,
            "already_used": 0.72,
            "expired": 0.72,
            "other": 0.65,
        },
        "offline": {
            "ok": 0.01,
            "forged": 0.30,
            "mistyped": 0.10,
            "already_used": 0.20,
            "expired": 0.20,
            "other": 0.30,
        },
    },
    "share of cards stopped before activation, by channel and true cause",
    "C6",
    "Vertical stops 70 % of bad cards at a review share of 15-30 %. Causes that waiting cures count as ok.",
)

FAMILY_MIX: Final = Fact(
    {
        "ecommerce": {"game": 0.52, "phone": 0.26, "ecommerce": 0.22},
        "vertical": {"game": 0.58, "phone": 0.12, "ecommerce": 0.30},
        "offline": {"game": 0.42, "phone": 0.48, "ecommerce": 0.10},
    },
    "share of a channel's cards by family",
    "choice",
)
FORGED_GAME_SHARE: Final = Fact(0.85, "share of forged stock that is game cards", "C12", "'mostly game cards'")

RETAIL_SHARE: Final = Fact(
    {"ecommerce": 0.35, "vertical": 0.50, "offline": 0.60},
    "share of sound stock handed in by people with a card or two, the rest by resellers",
    "choice",
)

ENTRY_MIX: Final = Fact(
    {
        "ecommerce": {
            "retail": {"typed": 0.35, "pasted": 0.35, "photo": 0.25, "scanned": 0.05, "api": 0.0},
            "resale": {"typed": 0.07, "pasted": 0.55, "photo": 0.0, "scanned": 0.03, "api": 0.35},
        },
        "vertical": {
            "retail": {"typed": 0.25, "pasted": 0.30, "photo": 0.45, "scanned": 0.0, "api": 0.0},
            "resale": {"typed": 0.05, "pasted": 0.40, "photo": 0.10, "scanned": 0.0, "api": 0.45},
        },
        "offline": {
            "retail": {"typed": 0.70, "pasted": 0.0, "photo": 0.10, "scanned": 0.20, "api": 0.0},
            "resale": {"typed": 0.75, "pasted": 0.0, "photo": 0.05, "scanned": 0.20, "api": 0.0},
        },
    },
    "share of batches by entry method",
    "C3",
    "Offline cards are typed in by hand.",
)
PHYSICAL_SHARE: Final = Fact(
    {"ecommerce": 0.35, "vertical": 0.30, "offline": 0.97}, "share of batches of physical cards", "choice"
)
TYPING_RISK: Final = Fact(
    {"typed": 3.0, "pasted": 0.10, "photo": 2.2, "scanned": 0.3, "api": 0.03},
    "relative chance of a mistyped code by entry method",
    "choice",
)
PHYSICAL_TYPING_RISK: Final = Fact(
    {"physical": 1.5, "electronic": 0.7}, "relative chance of a mistyped code by medium", "choice"
)

TYPING_ERRORS: Final = Fact(
    {
        "substitution": 0.70,
        "transposition": 0.11,
        "omission": 0.09,
        "insertion": 0.06,
        "twin": 0.03,
        "truncation": 0.01,
    },
    "share of typing errors by kind",
    "pub",
    "Verhoeff's ranges; twin stands for twin, jump and phonetic errors together.",
)
SCRATCHED: Final = Fact(0.18, "share of spoilt physical codes that are scratched, not mistyped", "choice")
LOOK_ALIKES: Final = Fact(
    {
        "near": (0.55, ("17", "0O", "1I", "1L", "IL", "2Z")),
        "likely": (0.30, ("8B", "DO", "E3", "G6", "OQ", "S5", "UV", "08", "09", "38", "56")),
    },
    "share of substitutions within these pairs; the rest is uniform",
    "pub",
    "A digit that became a letter breaks a digits-only shape; see STRAY_LETTERS.",
)
STRAY_LETTERS: Final = Fact(
    0.12,
    "share of substitutions in digits-only codes that land on a letter",
    "choice",
    "Number pads leave few letters, cameras more; length alone then finds 10-20 % of digit-preserving mistypes.",
)

ANSWER_FASTER_THAN_HUMAN: Final = Fact(0.2, "seconds: no gateway answers sooner", "choice")
ANSWER_UNKNOWN: Final = Fact(0.012, "share of gateway answers that say nothing (unknown)", "choice")
MANUAL_DELAY: Final = Fact((7_200.0, 172_800.0), "seconds until people answer what a gateway left open", "C17")
CAUSE_LOST: Final = Fact(0.10, "share of failed gateway answers whose message maps to no cause", "choice")
DISPUTED_CAUSES: Final = Fact(
    {
        "forged": 0.06,
        "already_used": 0.35,
        "bound_to_account": 0.20,
        "insufficient_balance": 0.40,
        "wrong_face_value": 0.40,
        "not_activated": 0.10,
    },
    "share of failing cards that a gateway first accepts and a dispute reveals",
    "choice",
    "Together with CAUSE_RATES it keeps DISPUTED's band.",
)

HOUR_WEIGHTS: Final = Fact(
    {
        "ecommerce": (4, 5, 6, 6, 6, 5, 5, 5, 5, 6, 6, 7, 8, 9, 8, 6, 4, 2, 1, 1, 1, 1, 2, 3),
        "vertical": (5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 7, 7, 7, 6, 4, 3, 2, 2, 2, 2, 3, 4),
        "offline": (4, 7, 9, 9, 8, 6, 6, 7, 8, 8, 8, 7, 6, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1),
    },
    "relative volume by UTC hour (China is UTC+8)",
    "choice",
)
WEEK_WEIGHTS: Final = Fact(
    {
        "ecommerce": (0.97, 0.96, 0.96, 0.97, 1.01, 1.07, 1.06),
        "vertical": (0.99, 0.98, 0.98, 0.99, 1.01, 1.03, 1.02),
        "offline": (0.95, 0.94, 0.95, 0.97, 1.03, 1.10, 1.06),
    },
    "relative volume by weekday, Monday first",
    "choice",
)
HOLIDAYS: Final = Fact(
    (
        ("01-01", "01-03", 1.10),
        ("02-15", "02-23", 1.15),
        ("04-04", "04-06", 1.05),
        ("05-01", "05-05", 1.10),
        ("06-18", "06-20", 1.20),
        ("10-01", "10-07", 1.10),
        ("11-10", "11-12", 1.25),
    ),
    "first and last day (month-day), relative volume",
    "choice",
    "New Year, a Spring Festival week, Qingming, Labour Day, the two shopping festivals, National Day.",
)

REGIONS: Final[tuple[str, ...]] = (
    *("AH", "BJ", "CQ", "FJ", "GD", "GS", "GX", "GZ", "HA", "HB", "HE", "HI", "HL", "HN", "JL", "JS"),
    *("JX", "LN", "NM", "NX", "QH", "SC", "SD", "SH", "SN", "SX", "TJ", "XJ", "XZ", "YN", "ZJ"),
)
"""Provinces that stock is issued for and used in, as two letters."""

KIND_REGIONS: Final[dict[str, str]] = {
    "china_mobile_jiangsu": "JS",
    "china_mobile_fujian": "FJ",
    "china_mobile_zhejiang": "ZJ",
    "china_mobile_liaoning": "LN",
}
"""Kinds that exist in one province only."""

REGION_LABELLED: Final = Fact(
    {"ecommerce": 0.55, "vertical": 0.60, "offline": 0.45},
    "share of region-limited cards whose region is recorded",
    "C16",
)
EXPIRY_SHOWN: Final = Fact(
    {"ecommerce": 0.40, "vertical": 0.50, "offline": 0.30}, "share of expiring cards with a date given", "choice"
)
EXPIRY_HONEST: Final = Fact(0.45, "share of given dates of expired cards that are the true ones", "choice")
BINDING_SHOWN: Final = Fact(0.40, "share of binding kinds' cards with the binding looked up", "C10")
BINDING_HONEST: Final = Fact(0.60, "share of bound cards, looked up, that show as bound", "C10")

VELOCITY_LIMIT: Final = Fact(
    (30, 600.0), "game cards of one issuer from one IP, within seconds", "C8", "What comes above reads as invalid."
)
VELOCITY_TRIP: Final = Fact(0.9, "chance that a card above the limit is refused", "choice")
RESUBMITTED: Final = Fact(0.6, "share of refused good cards handed in again, slowly, the same day", "choice")

KIND_WEIGHTS: Final = Fact(
    {
        "qq": 6.0,
        "junnet": 3.0,
        "steam": 2.0,
        "china_mobile": 5.0,
        "china_unicom": 3.0,
        "china_telecom": 3.0,
        "jd_ecard": 6.0,
        "tmall": 2.0,
        "apple": 3.0,
        "amazon": 0.5,
    },
    "relative volume inside the family; 1 where not named",
    "choice",
)
AMOUNT_THRESHOLD: Final = Fact(
    (300.0, 4.0), "yuan of a phone card, relative chance of a failed batch check from there on", "C9"
)
PHOTO_QUALITY: Final = Fact((0.68, 0.15), "mean and spread of a photo's quality, 0 to 1", "choice")
PHOTO_RISK: Final = Fact(3.0, "how fast, in the logarithm, a mistype gets likelier as quality falls", "C21")
SHOWN: Final = Fact(
    {
        "received_at": (0.97, 0.97, 0.97),
        "client_ip": (0.95, 0.95, 0.95),
        "device_id": (0.80, 0.85, 0.60),
        "supplier_id": (0.88, 0.88, 0.0),
        "submitter_credit_score": (0.85, 0.80, 0.40),
        "submitter_registered_at": (0.90, 0.90, 0.50),
        "asking_price": (0.90, 0.92, 0.65),
        "entry_method": (0.96, 0.96, 0.90),
        "medium": (0.94, 0.94, 0.97),
        "region_of_use": (0.92, 0.92, 0.92),
    },
    "share of batches with a column filled in, per channel in CHANNELS' order",
    "choice",
    "Forgetting is blind to the card's fate (C16).",
)
ASKING: Final = Fact(
    {"game": 0.88, "phone": 0.95, "ecommerce": 0.93}, "usual asking price as a share of face value", "choice"
)
BUSY_HOURS: Final = Fact((0.006, 0.20), "share of an issuer's hours with trouble, chance of a failure in one", "choice")
