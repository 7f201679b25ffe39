"""Why a card is risky: exact tree contributions, folded to evidence that a person can check.

Correctness: the contributions of a card and the base value sum to the raw log-odds of the trees; a reason names only
features that raise this card's risk; reasons for a submitter say what to do and never whether anything was seen
before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cardrisk._later import pd
from cardrisk.errors import InputError
from cardrisk.features import Feature, FeatureSet
from cardrisk.risk.advice import advice
from cardrisk.risk.evidence import LANGUAGES, Language, sentence, topic
from cardrisk.risk.model import RiskModel

__all__ = ["LANGUAGES", "Language", "Scope", "contributions", "reasons_for"]

Scope: TypeAlias = Literal["reviewer", "submitter"]

TOP: Final = 3
"""Reasons per card, at most."""

SMALLEST: Final = 0.05
"""Log-odds below which a topic is no reason: it changes a probability of .2 by less than .01."""


def contributions(model: RiskModel, features: pd.DataFrame) -> pd.DataFrame:
    """Exact contributions (path-dependent SHAP) of each needed feature to the raw log-odds of failure.

    Parameters
    ----------
    model
        A trained model.
    features
        Its features, n rows.

    Returns
    -------
    pandas.DataFrame
        n rows, index of ``features``, float64: one column per feature in ``model.needed``, and ``base`` last. Rows
        sum to ``model.margin(features)``.

    Raises
    ------
    FeatureMismatchError
        If a needed feature is absent.
    """
    columns = model.card.columns
    values = model.fail.contributions(columns.matrix(features, model.needed))
    place = {name: number for number, name in enumerate(columns.names)}
    chosen = [place[name] for name in model.needed] + [len(columns.names)]
    return pd.DataFrame(values[:, chosen], index=features.index, columns=[*model.needed, "base"])


def reasons_for(
    model: RiskModel,
    features: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    language: Language = "en",
    scope: Scope = "reviewer",
    top: int = TOP,
) -> list[list[str]]:
    """Reasons in words for each card.

    Parameters
    ----------
    model
        The model that scored the cards.
    features, scores
        Same rows: declared features; ``cause`` and ``decision`` of each card.
    language
        ``"en"`` or ``"zh"``.
    scope
        ``"reviewer"``: the evidence that raises the risk, strongest first. ``"submitter"``: what to do next.
    top
        Reasons per card, at most.

    Returns
    -------
    list of list of str
        One list per card; empty where nothing raises the risk.

    Raises
    ------
    InputError
        If the language or the scope is not known.
    FeatureMismatchError
        If a needed feature is absent.
    """
    if language not in LANGUAGES or scope not in ("reviewer", "submitter"):
        raise InputError(f"expected language en or zh and scope reviewer or submitter, got {language!r}, {scope!r}")
    if not len(features):
        return []
    if scope == "submitter":
        return [
            advice(cause, decision, language)
            for cause, decision in zip(scores["cause"], scores["decision"], strict=True)
        ]
    return _evidence(model, features, language, top)


def _evidence(model: RiskModel, features: pd.DataFrame, language: Language, top: int) -> list[list[str]]:
    given = contributions(model, features).drop(columns="base")
    declared = {feature.name: feature for feature in _declared(model)}
    names = [name for name in given.columns if name in declared]
    topics = [topic(declared[name]) for name in names]
    values = given[names].to_numpy(np.float64)
    distinct = list(dict.fromkeys(topics))
    member = np.array([[one == other for other in distinct] for one in topics], np.float64).reshape(len(names), -1)
    weight = values @ member
    rows: list[dict[str, object]] = [
        dict(zip(features.columns, row, strict=True)) for row in features.itertuples(index=False, name=None)
    ]
    return [
        told(weight[place], values[place], distinct, topics, [declared[name] for name in names], row, language, top)
        for place, row in enumerate(rows)
    ]


def told(
    weight: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    distinct: Sequence[str],
    topics: Sequence[str],
    features: Sequence[Feature],
    row: Mapping[str, object],
    language: Language,
    top: int,
) -> list[str]:
    """Sentences of the strongest topics of one card, each told by its strongest feature.

    Parameters
    ----------
    weight
        float64 (topics,): what each topic adds to the card's log-odds.
    values
        float64 (features,): what each feature adds.
    distinct, topics
        The topics; the topic of each feature.
    features, row
        Declarations; the card's features by name.
    language, top
        As `reasons_for`.
    """
    out: list[str] = []
    for number in np.argsort(-weight, kind="stable"):
        if weight[number] < SMALLEST or len(out) >= top:
            break
        inside = [place for place, name in enumerate(topics) if name == distinct[number]]
        for place in sorted(inside, key=lambda place: -values[place]):
            said = sentence(features[place], row, language) if values[place] > 0 else None
            if said is not None and said not in out:
                out.append(said)
                break
    return out


def _declared(model: RiskModel) -> FeatureSet:
    return model.features
