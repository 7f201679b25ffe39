"""History features: declared once, the same bits on every road, from what was known at that moment alone."""

from cardrisk.features.batch import compute
from cardrisk.features.catalogue import FEATURES
from cardrisk.features.declare import WINDOWS, Feature, FeatureSet, Key
from cardrisk.features.live.history import LiveHistory
from cardrisk.features.statistics import STATISTICS, feature

__all__ = [
    "FEATURES",
    "STATISTICS",
    "WINDOWS",
    "Feature",
    "FeatureSet",
    "Key",
    "LiveHistory",
    "compute",
    "feature",
]
