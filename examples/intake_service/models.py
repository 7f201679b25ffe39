"""What goes in and out, as the OpenAPI page shows it.

The service does not read requests through these: the library's own contract does (``cardrisk.tables``), which says
what is wrong with a card by a rule's name. They are kept true by tests: every answer fits its model, and the members
of a card are the columns of the contract.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cardrisk.facts import CAUSES
from cardrisk.policy import ACTIONS

_CARD: dict[str, Any] = {
    "submission_id": "order-20261122-0001",
    "submitted_at": "2026-11-22T08:15:30Z",
    "channel": "vertical",
    "card_kind": "jd_ecard",
    "submitter_id": "user-7",
    "supplier_id": "supplier-3",
    "face_value": 100,
    "asking_price": 92.5,
    "card_no": "(the number, as typed)",
    "card_secret": "(the secret, as typed)",
}


class Card(BaseModel):
    """One card. Null or absent means not known, never fine; members of other names are ignored and counted.

    At least one of the ids of a submitter, supplier, dealer, store, batch, address or device must be known.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_CARD]})

    submission_id: str = Field(max_length=128, description="the platform's own; a retry repeats it and counts once")
    submitted_at: datetime | str | None = Field(None, description="with a zone; the arrival where it is null")
    received_at: datetime | str | None = Field(None, description="read only where the clock is set to `given`")
    channel: str | None = None
    card_kind: str | None = Field(None, max_length=128)
    batch_id: str | None = Field(None, max_length=128)
    submitter_id: str | None = Field(None, max_length=128)
    submitter_registered_at: datetime | str | None = None
    submitter_credit_score: float | None = None
    supplier_id: str | None = Field(None, max_length=128)
    dealer_id: str | None = Field(None, max_length=128)
    store_id: str | None = Field(None, max_length=128)
    client_ip: str | None = Field(None, max_length=128)
    device_id: str | None = Field(None, max_length=128)
    entry_method: str | None = None
    medium: str | None = None
    photo_quality: float | None = None
    card_no: str | None = Field(None, max_length=256)
    card_secret: str | None = Field(None, max_length=256)
    face_value: float | str | None = Field(None, description="yuan")
    asking_price: float | str | None = Field(None, description="yuan")
    region_issued: str | None = None
    region_of_use: str | None = None
    valid_until: datetime | str | None = None
    account_bound: bool | str | None = None


class Cards(BaseModel):
    """Cards handed in together: they see how many they are, never each other's answers."""

    cards: list[Card] = Field(min_length=1)


class Codes(BaseModel):
    """A card's codes, for the checker; nothing of them is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"card_kind": "jd_ecard", "card_no": "(as typed)"}]})

    card_kind: str | None = None
    card_no: str | None = None
    card_secret: str | None = None


class Answer(BaseModel):
    """What a gateway, a reviewer or a dispute said of a card."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "submission_id": "order-20261122-0001",
                    "answered_at": "2026-11-22T08:16:02Z",
                    "status": "failed",
                    "gateway_code": "E07",
                }
            ]
        }
    )

    submission_id: str
    answered_at: datetime | str = Field(description="with a zone, and not ahead of the clock")
    status: str = Field(description="success, partial, failed or unknown")
    cause: str | None = None
    gateway_code: str | None = None
    gateway_message: str | None = None
    settled_value: float | str | None = None
    label_source: str | None = None


class Answers(BaseModel):
    """Answers in the order in which they became known; handing them over again is harmless."""

    answers: list[Answer] = Field(min_length=1)


class Person(BaseModel):
    """Whose history is to be removed."""

    submitter_id: str = Field(min_length=1, max_length=128)


class Versions(BaseModel):
    """Which model and which library answered."""

    model_version: str
    version: str


class Reviewed(Versions):
    """The answer for a reviewer. Card and answer stand in history unless `rule` or `degraded` say otherwise."""

    submission_id: str | None
    p_fail: float | None = Field(description="probability that activation fails; null where it was not scored")
    cause: Literal[CAUSES] | None
    causes: dict[str, float | None] = Field(description="they sum to p_fail")
    decision: Literal[ACTIONS]
    expected_loss: float | None = Field(description="yuan")
    propensity: float
    reasons: list[str] = Field(description="strongest first")
    rule: str | None = Field(description="what the card broke; it was not scored and is held")
    degraded: str | None = Field(description="why the card was held without a score; hand it in again later")
    ignored: int = Field(description="members whose names mean nothing here")


class Hint(BaseModel):
    """A question about the card in hand."""

    rule: str
    field: Literal["number", "secret", "both"]
    positions: list[int] = Field(description="counted from 1, blanks and hyphens left out")
    text: str


class Told(Versions):
    """The answer for a submitter."""

    submission_id: str | None
    action: Literal["accepted", "look_again", "pending", "bind_first", "declined", "correct"]
    hints: list[Hint]
    rule: str | None = Field(description="what the submission itself broke, where the action is `correct`")
    ignored: int


class Scores(Versions):
    """Answers in the order of the cards."""

    scores: list[Reviewed | Told]


class Checked(Versions):
    """Questions about a card; none does not mean that it is good."""

    hints: list[Hint]


class RefusedAnswer(BaseModel):
    """An answer that was not taken in."""

    position: int = Field(description="in the list, from 0")
    rule: str
    column: str


class Taken(Versions):
    """How many answers stand, and which were refused."""

    accepted: int
    refused: list[RefusedAnswer]


class Forgotten(Versions):
    """How many events were removed."""

    removed: int


class Problem(BaseModel):
    """What went wrong."""

    code: str
    message: str


class Error(Versions):
    """The one shape of every error; nothing of the request stands in it."""

    error: Problem
    request_id: str


class Health(Versions):
    """Whether the worker that answers is alive and scores."""

    live: bool
    ready: bool
    degraded: str | None = Field(description="why cards are held just now")
    workers: int = Field(description="processes alive on this host")
