"""The risk model: trained on what was known, calibrated, by cause, measured against the ceiling, safe to load."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cardrisk.risk.estimator import CardRiskClassifier
    from cardrisk.risk.evaluation import Evaluation, evaluate
    from cardrisk.risk.locate import load_model
    from cardrisk.risk.model import RiskModel
    from cardrisk.risk.rolling import prequential
    from cardrisk.risk.training import train
    from cardrisk.risk.tuning import Tuned, tune

_HOME = {
    "CardRiskClassifier": "cardrisk.risk.estimator",
    "Evaluation": "cardrisk.risk.evaluation",
    "RiskModel": "cardrisk.risk.model",
    "Tuned": "cardrisk.risk.tuning",
    "evaluate": "cardrisk.risk.evaluation",
    "load_model": "cardrisk.risk.locate",
    "prequential": "cardrisk.risk.rolling",
    "train": "cardrisk.risk.training",
    "tune": "cardrisk.risk.tuning",
}

__all__ = [
    "CardRiskClassifier",
    "Evaluation",
    "RiskModel",
    "Tuned",
    "evaluate",
    "load_model",
    "prequential",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
