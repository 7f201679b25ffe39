"""Scoring: a table at once, or one card at a time as it is handed in."""

from cardrisk.scoring.batch import score, score_checked
from cardrisk.scoring.live import Score, Scorer

__all__ = ["Score", "Scorer", "score", "score_checked"]
