"""MLflow: runs tracked, models registered under aliases, the champion moved only when another is better."""

from cardrisk.registry.track import CHALLENGER, CHAMPION, EXPERIMENT, REGISTERED_NAME, Tracked, track

__all__ = ["CHALLENGER", "CHAMPION", "EXPERIMENT", "REGISTERED_NAME", "Tracked", "track"]
