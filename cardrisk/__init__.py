"""Before a card is paid for: will it fail activation, why, and what is the cheapest right thing to do.

Importing has no side effect and stays light: every public name is loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cardrisk._version import __version__

if TYPE_CHECKING:
    from cardrisk.codes import check
    from cardrisk.errors import CardriskError
    from cardrisk.evaluation import evaluate
    from cardrisk.features import HistoryFeatures
    from cardrisk.policy import Costs
    from cardrisk.registry import track
    from cardrisk.risk import CardRiskClassifier, RiskModel, train
    from cardrisk.scoring import Score, Scorer, score
    from cardrisk.world import World, generate

_HOME = {
    "CardRiskClassifier": "cardrisk.risk",
    "CardriskError": "cardrisk.errors",
    "Costs": "cardrisk.policy",
    "HistoryFeatures": "cardrisk.features",
    "RiskModel": "cardrisk.risk",
    "Score": "cardrisk.scoring",
    "Scorer": "cardrisk.scoring",
    "World": "cardrisk.world",
    "check": "cardrisk.codes",
    "evaluate": "cardrisk.evaluation",
    "generate": "cardrisk.world",
    "score": "cardrisk.scoring",
    "track": "cardrisk.registry",
    "train": "cardrisk.risk",
}

__all__ = [
    "CardRiskClassifier",
    "CardriskError",
    "Costs",
    "HistoryFeatures",
    "RiskModel",
    "Score",
    "Scorer",
    "World",
    "__version__",
    "check",
    "evaluate",
    "generate",
    "score",
    "track",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
