"""Reasons for one card: what :func:`cardrisk.risk.explain.reasons_for` says of it, with the topics laid out once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cardrisk.risk import RiskModel
from cardrisk.risk.evidence import topic
from cardrisk.risk.explain import TOP, Language, told


class Why:
    """A model's topics made ready; the trees' paths are traced at the first card that asks."""

    def __init__(self, model: RiskModel, language: Language) -> None:
        self._trees, self._language = model.fail, language
        declared = {feature.name: feature for feature in model.features}
        place = {name: i for i, name in enumerate(model.card.columns.names)}
        names = [name for name in model.needed if name in declared]
        self._features = [declared[name] for name in names]
        self._places = np.array([place[name] for name in names], np.intp)
        self._topics = [topic(feature) for feature in self._features]
        self._distinct = list(dict.fromkeys(self._topics))
        member = [[one == other for other in self._distinct] for one in self._topics]
        self._member = np.array(member, np.float64).reshape(len(names), -1)

    def __call__(self, inputs: NDArray[np.float64], features: Mapping[str, Any]) -> list[str]:
        """Return sentences, strongest first.

        Parameters
        ----------
        inputs
            float64, the row the trees read.
        features
            The card's features by name.
        """
        values = self._trees.contributions(inputs[None, :])[0, self._places]
        weight = (values[None, :] @ self._member)[0]
        return told(weight, values, self._distinct, self._topics, self._features, features, self._language, TOP)
