"""THE list: every feature the default model knows, each with its reason and the claim it answers.

Kept by measurement on two worlds of 287,000 cards: what carried less than a fifty-thousandth of the trees' gain
left the list unless a claim needs it told; lots without a supplier brought .004 of average precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cardrisk.features.arrays import MINUTE
from cardrisk.features.declare import Feature, FeatureSet, Key
from cardrisk.features.statistics import CARD, EVERYBODY, KIND, feature

SUBMITTER: Final = Key("submitter", ("submitter_id",))
SUPPLIER: Final = Key("supplier", ("supplier_id",))
DEALER: Final = Key("dealer", ("dealer_id",))
STORE: Final = Key("store", ("store_id",))
BATCH: Final = Key("batch", ("batch_id",))
IP: Final = Key("ip", ("ip_token",))
DEVICE: Final = Key("device", ("device_token",))
NUMBER: Final = Key("number", ("number_token",))
SECRET: Final = Key("secret", ("secret_token",))
SERIAL: Final = Key("serial", ("serial_block",))
LOT: Final = Key("lot", ("card_kind", "supplier_id", "face_value", "valid_until"), lenient=("valid_until",))
DATE_LOT: Final = Key("date_lot", ("card_kind", "face_value", "valid_until"))
REGION_LOT: Final = Key(
    "region_lot", ("channel", "card_kind", "face_value", "region_issued"), lenient=("region_issued",)
)
SUBMITTER_LOT: Final = Key("submitter_lot", ("submitter_id", "card_kind", "face_value"))
STORE_LOT: Final = Key("store_lot", ("store_id", "card_kind", "face_value"))
DEALER_LOT: Final = Key("dealer_lot", ("dealer_id", "card_kind", "face_value"))
IP_KIND: Final = Key("ip_kind", ("ip_token", "card_kind"))
CHANNEL: Final = Key("channel", ("channel",))
KIND_FACE: Final = Key("kind_face", ("card_kind", "face_value"))
SUPPLIER_KIND: Final = Key("supplier_kind", ("supplier_id", "card_kind"))
SUBMITTER_BURST: Final = Key("submitter_burst", ("submitter_id",), 10 * MINUTE)
IP_BURST: Final = Key("ip_burst", ("ip_token",), 10 * MINUTE)


CLAIMS: Final = {
    "mistyped": "C14",
    "forged": "C12",
    "expired": "C5",
    "already_used": "C13",
    "bad_format": "C14",
    "batch_invalid": "C9",
    "region_mismatch": "C15",
    "wrong_face_value": "C9",
    "issuer_busy": "C11",
}
"""The claim behind each cause that is counted."""


def _card_facts() -> Iterator[Feature]:
    yield feature("category", of="channel", why="Failure bands differ by platform type.", claim="C4")
    yield feature("category", of="card_kind", why="Each issuer has rules and failures of its own.", claim="C8")
    yield feature("category", of="entry_method", why="Typing makes errors that scanning does not.", claim="C14")
    yield feature("category", of="medium", why="Only physical cards are scratched.", claim="C14")
    yield feature("category", of="region_issued", why="Diverted cards come from few regions.", claim="C15")
    yield feature("money", of="face_value", why="Thresholds and denominations differ by amount.", claim="C9")
    yield feature("price_ratio", name="price_ratio", why="Forged cards are dumped at low prices.", claim="C12")
    yield feature("days_until", of="valid_until", why="Expired cards fail, whoever hands them in.", claim="C5")
    yield feature("days_since", of="submitter_registered_at", why="New accounts carry more fraud.", claim="C12")
    yield feature("column", of="submitter_credit_score", why="Screens people, not expired lots.", claim="C5")
    yield feature("column", of="photo_quality", why="A blurred photo is read wrongly.", claim="C21")
    yield feature("flag", of="account_bound", why="A bound card cannot be bound again.", claim="C10")
    yield feature("flag", of="region_mismatch", why="Out of region always fails.", claim="C15")
    yield feature("flag", of="resubmitted", why="The same card came before.", claim="C8")
    yield feature("hour", name="hour", why="Night intake differs from day intake.")
    yield feature("weekday", name="weekday", why="Weekends differ from working days.")


def _code_facts() -> Iterator[Feature]:
    for name in ("code_kind_fit", "code_break_at", "code_cleaned"):
        yield feature("category", of=name, why="How the code departs from its kind's shape.", claim="C18")
    for name in (
        "code_kinds_fitting",
        "code_number_length_off",
        "code_secret_length_off",
        "code_stray",
        "code_lookalike",
        "code_unreadable",
        "code_fields_equal",
        "code_secret_run",
        "code_secret_sequence",
        "code_secret_periodic",
        "code_secret_surprise",
        "code_number_progression",
        "code_secret_progression",
    ):
        yield feature("column", of=name, why="Mistyped, scratched or invented codes look odd.", claim="C18")


def _together() -> Iterator[Feature]:
    yield feature("together", of="cards", name="request_cards", why="Bulk or single.", claim="C13")
    yield feature("together_repeated", of="card_token", name="request_repeated", why="One card, twice.", claim="C12")
    yield feature(
        "together_repeated", of="secret_token", name="request_same_secret", why="Reused secrets.", claim="C12"
    )
    yield feature(
        "together", of="distinct serial_block", name="request_serial_blocks", why="Spread of stock.", claim="C12"
    )
    yield feature(
        "together_surprise",
        of="code_secret_surprise",
        name="request_surprise",
        why="Secrets less random than an issuer's.",
        claim="C12",
    )


def _rings() -> Iterator[Feature]:
    yield feature("ring", of="cards", name="ring_cards", why="Size of what the card is linked to.", claim="C12")
    yield feature("ring", of="failed", name="ring_failed", why="Failures linked to the card.", claim="C12")
    yield feature("ring_failure_share", name="ring_failure_share", why="How bad the ring is.", claim="C12")


def _answers(key: Key, windows: tuple[str, ...], claim: str, why: str) -> Iterator[Feature]:
    for window in windows:
        yield feature("failed", key, window, why=why, claim=claim)
        yield feature("failure_share", key, window, why=why, claim=claim)
    yield feature("known", key, windows[-1], why="How much the shares rest on.", claim=claim)


def _counts(key: Key, windows: tuple[str, ...], claim: str, why: str) -> Iterator[Feature]:
    for window in windows:
        yield feature("count", key, window, why=why, claim=claim)


def _causes(key: Key, window: str, causes: tuple[str, ...]) -> Iterator[Feature]:
    for cause in causes:
        yield feature("cause_share", key, window, of=cause, why="Which failure repeats.", claim=CLAIMS[cause])


def _dumping(key: Key) -> Iterator[Feature]:
    yield feature("price_level", key, "7d", why="Dumping shows in prices.", claim="C12")
    yield feature("top_share", key, "7d", of="gateway_message", why="Forged lots: one message.", claim="C13")


def _people() -> Iterator[Feature]:
    for key, claim, why in (
        (SUBMITTER, "C14", "People who mistype or cheat do it again."),
        (SUPPLIER, "C12", "Forged and expired stock comes from few suppliers."),
    ):
        yield from _counts(key, ("1h", "1d", "7d", "30d"), claim, why)
        yield from _answers(key, ("1d", "7d", "30d", "life"), claim, why)
        yield feature("mean", key, "30d", of="face_value", why="The usual amount.", claim=claim)
        yield feature("since_last", key, why="Idle entities that return.", claim=claim)
        yield feature("since_first", key, why="New entities have no record.", claim=claim)
        yield feature("regularity", key, "7d", why="Machines hand in at even steps.", claim="C12")
        yield feature("unanswered", key, "life", why="Much is still open.", claim=claim)
        yield feature("flag_share", key, "7d", of="region_mismatch", why="Diversion repeats.", claim="C15")
        yield from _dumping(key)
        yield from _causes(key, "30d", ("mistyped", "forged", "expired", "already_used", "region_mismatch"))
    yield feature("flag_share", SUBMITTER, "7d", of="resubmitted", why="Tries a card again.", claim="C8")
    yield feature("sum", SUBMITTER, "7d", of="face_value", why="Money at stake.", claim="C12")
    yield from _causes(SUBMITTER, "30d", ("bad_format", "wrong_face_value"))
    for key, claim, why in (
        (DEALER, "C7", "Some dealers tamper."),
        (STORE, "C14", "Some shops type carelessly."),
    ):
        yield from _counts(key, ("1d",), claim, why)
        yield from _answers(key, ("7d", "30d", "life"), claim, why)
        yield from _causes(key, "30d", ("mistyped", "region_mismatch"))


def _lots() -> Iterator[Feature]:
    for key, claim, why in (
        (BATCH, "C13", "Cards of one batch share their fate."),
        (SERIAL, "C12", "Neighbouring serials come from one print run."),
        (LOT, "C5", "A lot expires, or is forged, as a whole."),
        (SUPPLIER_KIND, "C12", "A supplier's stock of one kind."),
    ):
        yield from _counts(key, ("1d", "7d"), claim, why)
        yield from _answers(key, ("1d", "7d"), claim, why)
        yield feature("since_first", key, why="A lot that is new.", claim=claim)
        yield from _dumping(key)
    for key in (SERIAL, LOT, SUPPLIER_KIND):
        yield from _causes(key, "7d", ("forged", "expired", "already_used"))
    yield from _causes(SERIAL, "7d", ("bad_format", "mistyped"))
    yield feature("known", LOT, "1d", why="How much the shares rest on.", claim="C5")
    for key in (BATCH, SUPPLIER_KIND):
        yield feature(
            "surprise", key, "7d", of="code_secret_surprise", why="Secrets less random than an issuer's.", claim="C12"
        )
    yield feature("distinct", LOT, "7d", of="submitter_id", why="One lot, many hands.", claim="C12")


def _lots_without_supplier() -> Iterator[Feature]:
    """Lots as they show where no supplier is named: in shops, and in what people and resellers hand in."""
    for key, windows, claim, why in (
        (SUBMITTER_LOT, ("7d",), "C12", "One person's stock of one sort."),
        (REGION_LOT, ("1d", "7d"), "C15", "Stock of one sort and region, whoever brings it."),
        (IP_KIND, ("1d", "7d"), "C8", "One address's stock of one kind."),
        (DATE_LOT, ("7d",), "C5", "Stock of one sort and date, whoever brings it."),
        (STORE_LOT, ("7d",), "C7", "A tampered lot in one shop."),
        (DEALER_LOT, ("7d",), "C7", "A tampered lot in one dealer's shops."),
    ):
        yield from _answers(key, windows, claim, why)
    for key in (SUBMITTER_LOT, REGION_LOT, IP_KIND):
        yield feature("since_first", key, why="A lot that is new.", claim="C12")
    for key in (SUBMITTER_LOT, REGION_LOT, DATE_LOT):
        yield from _causes(key, "7d", ("forged", "already_used"))


def _places() -> Iterator[Feature]:
    for key, why in (
        (IP, "Issuers lock an address that submits too fast."),
        (DEVICE, "One device behind many people."),
    ):
        yield from _counts(key, ("1h", "1d", "7d"), "C8", why)
        yield from _answers(key, ("1h", "7d"), "C8", why)
        yield feature("since_last", key, why="Pace of submission.", claim="C8")
        yield feature("regularity", key, "1d", why="Machines hand in at even steps.", claim="C8")
    yield feature("distinct", DEVICE, "1d", of="submitter_id", why="Shared by many people.", claim="C12")
    for key in (SUBMITTER_BURST, IP_BURST):
        yield feature("count", key, "life", why="Cards of this burst so far.", claim="C8")
        yield feature("failed", key, "life", why="Failures of this burst so far.", claim="C8")


def _codes_seen() -> Iterator[Feature]:
    yield feature("count", CARD, "life", why="The same card was handed in before.", claim="C8")
    yield feature("failed", CARD, "life", why="It failed before.", claim="C8")
    yield feature("known", CARD, "life", why="It was answered before.", claim="C8")
    yield feature("since_last", CARD, why="How soon it came back.", claim="C8")
    yield feature("distinct", CARD, "30d", of="submitter_id", why="Sold twice.", claim="C12")
    yield feature("distinct", NUMBER, "30d", of="secret_token", why="One number, other secrets.", claim="C12")
    yield feature("distinct", SECRET, "30d", of="number_token", why="One secret in other numbers.", claim="C12")


def _regimes() -> Iterator[Feature]:
    for key, claim, why in (
        (KIND, "C11", "Issuers change their rules: the rate steps on a date."),
        (CHANNEL, "C4", "The platform's base rate in force."),
        (EVERYBODY, "C4", "The base rate in force."),
        (KIND_FACE, "C9", "Amount thresholds of an issuer."),
    ):
        for window in ("1h", "1d", "7d"):
            yield feature("failure_share", key, window, why=why, claim=claim)
    yield feature("failure_share", KIND, "30d", why="The rate that a new rule steps away from.", claim="C11")
    yield from _causes(KIND, "1d", ("batch_invalid",))
    yield from _causes(KIND, "7d", ("mistyped", "already_used"))
    yield feature("failed", KIND, "1h", why="Failures of the kind are piling up.", claim="C11")
    yield feature("known", KIND, "1h", why="How much the share rests on.", claim="C11")
    yield feature("cause_share", KIND, "1h", of="issuer_busy", why="An outage is on now.", claim="C11")
    yield feature("pace", KIND, "1h", why="A rush on one kind.", claim="C8")
    yield feature("price_vs_usual", KIND, "7d", why="Cheaper than this kind usually is.", claim="C12")
    yield feature("price_vs_usual", KIND_FACE, "7d", why="Cheaper than such cards usually are.", claim="C12")


FEATURES: Final = FeatureSet(
    (
        *_card_facts(),
        *_code_facts(),
        *_together(),
        *_rings(),
        *_people(),
        *_lots(),
        *_lots_without_supplier(),
        *_places(),
        *_codes_seen(),
        *_regimes(),
    )
)
"""The default set."""
