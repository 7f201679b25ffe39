"""History features: declared once, the same bits on every road, from what was known at that moment alone."""

from typing import TYPE_CHECKING, Any

from cardrisk.features.batch import compute
from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import WINDOWS, Feature, FeatureSet, Key
from cardrisk.features.filling import backfill
from cardrisk.features.live.history import LiveHistory
from cardrisk.features.statistics import STATISTICS, feature

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

if TYPE_CHECKING:
    from cardrisk.features.transformer import HistoryFeatures


def __getattr__(name: str) -> Any:
    """Load what needs scikit-learn only when it is asked for."""
    if name == "HistoryFeatures":
        from cardrisk.features.transformer import HistoryFeatures

        return HistoryFeatures
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
