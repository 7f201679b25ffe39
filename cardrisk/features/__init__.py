"""History features: declared once, the same bits on every road, from what was known at that moment alone."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import WINDOWS, Feature, FeatureSet, Key
from cardrisk.features.statistics import STATISTICS, feature

if TYPE_CHECKING:
    from cardrisk.features.batch import compute
    from cardrisk.features.filling import backfill
    from cardrisk.features.live.history import LiveHistory
    from cardrisk.features.transformer import HistoryFeatures

__all__ = [
    "FEATURES",
    "STATISTICS",
    "WINDOWS",
    "Feature",
    "FeatureSet",
    "HistoryFeatures",
    "Key",
    "LiveHistory",
    "backfill",
    "compute",
    "feature",
]

_LATER = {
    "HistoryFeatures": "transformer",
    "LiveHistory": "live.history",
    "backfill": "filling",
    "compute": "batch",
}


def __getattr__(name: str) -> Any:
    """Load what works on tables, and what works on single cards, only when it is asked for."""
    if name in _LATER:
        return getattr(import_module(f"cardrisk.features.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
