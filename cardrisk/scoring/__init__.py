"""Scoring: a table at once, or one card at a time as it is handed in."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cardrisk.scoring.live import Scorer
from cardrisk.scoring.result import Score

if TYPE_CHECKING:
    from cardrisk.scoring.batch import score, score_checked

__all__ = ["Score", "Scorer", "score", "score_checked"]


def __getattr__(name: str) -> Any:
    """Load what scores tables only when it is asked for."""
    if name in ("score", "score_checked"):
        return getattr(import_module("cardrisk.scoring.batch"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
