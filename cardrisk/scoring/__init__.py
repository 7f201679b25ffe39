"""Scoring: a table at once, or one card at a time as it is handed in."""

from cardrisk.scoring.batch import score, score_checked
from cardrisk.scoring.live import Scorer
from cardrisk.scoring.result import Score

__all__ = ["Score", "Scorer", "score", "score_checked"]
