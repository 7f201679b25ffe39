"""MLflow: runs tracked, models registered under aliases, the champion moved only when another is better."""

from cardrisk.registry.aliases import CHALLENGER, CHAMPION, Rollback, rollback
from cardrisk.registry.compare import Comparison, StabilityWarning
from cardrisk.registry.promotion import Promotion, promote
from cardrisk.registry.store import DEFAULT_STORE, using
from cardrisk.registry.track import EXPERIMENT, REGISTERED_NAME, Tracked, track

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "DEFAULT_STORE",
    "EXPERIMENT",
    "REGISTERED_NAME",
    "Comparison",
    "Promotion",
    "Rollback",
    "StabilityWarning",
    "Tracked",
    "promote",
    "rollback",
    "track",
    "using",
]
