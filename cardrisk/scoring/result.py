"""The answer for one card.

Correct when every card handed in gets exactly one, whatever happened: scored, refused with its rule, or held with the
reason why it could not be scored; the last two are never accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Score:
    """The answer for one card.

    Attributes
    ----------
    submission_id
        As given; null where the card had none.
    p_fail
        Probability that activation fails; null where the card was quarantined or could not be scored.
    causes
        ``p_<cause>`` by cause; they sum to ``p_fail``; empty where it is null.
    cause
        Likeliest cause should it fail; null where ``p_fail`` is.
    decision, expected_loss, propensity
        The action, its expected loss in yuan, and the probability with which the policy lets the card through.
    reasons
        For the reviewer, strongest first.
    rule
        The rule that quarantined the card, else null.
    model_version
        Names the content of the model's bundle.
    degraded
        Null, or why the card was held without being scored: one of ``cardrisk.scoring.degraded.REASONS``. Such a
        card has not become history and is scored afresh when it is handed in again.
    """

    submission_id: str | None
    p_fail: float | None
    causes: Mapping[str, float]
    cause: str | None
    decision: str
    expected_loss: float | None
    propensity: float
    reasons: tuple[str, ...]
    rule: str | None
    model_version: str
    degraded: str | None = None


def held(card: Mapping[str, Any], version: str, *, rule: str | None = None, degraded: str | None = None) -> Score:
    """Answer for a card that is held without a probability: quarantined by a rule, or not scored for a reason."""
    name = card.get("submission_id")
    shown = name if isinstance(name, str) and len(name) <= 64 else None
    return Score(shown, None, {}, None, "hold", None, 0.0, (), rule, version, degraded)
