"""Whether the roads that score can give a model what it reads: columns of the contract and of the intake boundary.

Correct when a model over a column that these roads keep out is refused, and never scored as if nobody knew it.
"""

from typing import Final

from cardrisk.codes import ANOMALIES, TOKENS
from cardrisk.errors import FeatureMismatchError
from cardrisk.features import FEATURES, Feature
from cardrisk.risk import RiskModel
from cardrisk.tables import OUTCOMES, SUBMISSIONS

_REACHED: Final = frozenset((*SUBMISSIONS.names, *OUTCOMES.names, *TOKENS, *(fact.name for fact in ANOMALIES)))
_DERIVED: Final = frozenset({"resubmitted", "region_mismatch"})
_NO_COLUMN: Final = ("cause", "cause_share", "ring", "together", "together_repeated", "together_surprise")
"""Statistics that are not of a column."""


def within_reach(model: RiskModel) -> RiskModel:
    """Return the model.

    Raises
    ------
    FeatureMismatchError
        It reads columns that are no part of the contract: they are kept out of what is scored.
    """
    if model.declared is not None:
        known = frozenset(FEATURES)
        own = [feature for feature in model.features if feature not in known]
        away = sorted({column for feature in own for column in _columns(feature)} - _REACHED - _DERIVED)
        if away:
            raise FeatureMismatchError(
                f"the model reads columns that are kept out of what is scored: {', '.join(away[:10])}; compute its "
                "features with `cardrisk.features.compute` or `LiveHistory` and hand them to `model.predict`"
            )
    return model


def _columns(feature: Feature) -> tuple[str, ...]:
    keys = feature.key.columns if feature.key else ()
    if feature.statistic in ("column", "category"):
        return (*keys, feature.of or feature.name)
    return (*keys, feature.of) if feature.of and feature.statistic not in _NO_COLUMN else keys
