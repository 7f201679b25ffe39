"""Answers as bytes, in two scopes: everything for a reviewer; an action and questions for a submitter.

Correct when what a submitter gets follows from the action and the card in hand alone: no probability, no cause, no
reason, nothing of any other card. Every answer names the versions that gave it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cardrisk
from cardrisk.codes import Hints, check
from cardrisk.codes.hints import Language
from cardrisk.scoring import Score

ACTIONS: Final = {
    "accept": "accepted",
    "recheck": "look_again",
    "review": "pending",
    "hold": "pending",
    "reroute": "pending",
    "wait": "pending",
    "bind_first": "bind_first",
    "reject": "declined",
}
"""What a submitter is told of a decision. Why a card waits is nobody's business but the platform's."""

dump: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str).encode


def reviewer(score: Score, ignored: int) -> dict[str, Any]:
    """Show everything about one answer.

    Parameters
    ----------
    score
        The answer; null where something is not known.
    ignored
        How many members of the card have names that mean nothing here.
    """
    return {
        "submission_id": score.submission_id,
        "p_fail": _known(score.p_fail),
        "cause": score.cause,
        "causes": {name: p if p == p else None for name, p in score.causes.items()},
        "decision": score.decision,
        "expected_loss": _known(score.expected_loss),
        "propensity": score.propensity,
        "reasons": score.reasons,
        "rule": score.rule,
        "degraded": score.degraded,
        "ignored": ignored,
        "model_version": score.model_version,
        "version": cardrisk.__version__,
    }


def submitter(score: Score, card: Mapping[str, Any], language: Language, ignored: int) -> dict[str, Any]:
    """Show the action and the questions about the card in hand."""
    action = "correct" if score.rule is not None else ACTIONS[score.decision]
    return {
        "submission_id": score.submission_id,
        "action": action,
        "hints": hints_of(card, language, doubt=action == "look_again"),
        "rule": score.rule,
        "ignored": ignored,
        "model_version": score.model_version,
        "version": cardrisk.__version__,
    }


def hints_of(card: Mapping[str, Any], language: Language, *, doubt: bool) -> list[dict[str, Any]]:
    """Return the questions about a card, the surest first."""
    found: Hints = check(card, doubt=doubt, language=language)
    return [
        {"rule": hint.rule, "field": hint.field, "positions": hint.positions, "text": getattr(hint, language)}
        for hint in found.hints
    ]


def _known(value: float | None) -> float | None:
    return None if value is None or value != value else value


def error(code: str, message: str, request_id: str, model_version: str, **more: Any) -> dict[str, Any]:
    """Show what went wrong: the one shape of every error."""
    return {
        "error": {"code": code, "message": message, **more},
        "request_id": request_id,
        "model_version": model_version,
        "version": cardrisk.__version__,
    }


def body(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """Write as JSON, ASCII only."""
    return dump(value).encode("ascii")
