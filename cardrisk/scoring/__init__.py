"""Scoring: a table at once, or one card at a time as it is handed in."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cardrisk.scoring.result import Score

if TYPE_CHECKING:
    from cardrisk.scoring.batch import score, score_checked
    from cardrisk.scoring.live import Scorer

__all__ = ["Score", "Scorer", "score", "score_checked"]

_LATER = {"score": "batch", "score_checked": "batch", "Scorer": "live"}


def __getattr__(name: str) -> Any:
    """Load what scores tables, and what scores single cards, only when it is asked for."""
    if name in _LATER:
        return getattr(import_module(f"cardrisk.scoring.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
