"""From features to the answer of one call: probabilities, cause, decision, reasons, in one frame.

Every card that comes in goes out, in order: a quarantined one with null probabilities, decision ``hold`` and the
rule it broke.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cardrisk._later import pd
from cardrisk.facts import CAUSES
from cardrisk.policy import Costs, decide
from cardrisk.risk import RiskModel
from cardrisk.scoring.given import KINDS_THAT_BIND
from cardrisk.tables import Checked

P_CAUSES: Final = tuple(f"p_{cause}" for cause in CAUSES)
COLUMNS: Final = (
    "submission_id",
    "p_fail",
    "cause",
    *P_CAUSES,
    "decision",
    "expected_loss",
    "propensity",
    "reasons",
    "rule",
    "model_version",
)


def judge(model: RiskModel, features: pd.DataFrame, cards: pd.DataFrame, costs: Costs | None) -> pd.DataFrame:
    """Score and decide cards whose features are known.

    Parameters
    ----------
    model
        A trained model.
    features, cards
        Same rows: declared features, and the cards after intake.
    costs
        The platform's money.

    Returns
    -------
    pandas.DataFrame
        All of ``COLUMNS`` but ``reasons`` and ``rule``; probabilities float64, money in yuan.
    """
    p = model.predict(features)
    if "card_kind" not in cards:  # a column that is not there is unknown throughout
        cards = cards.assign(card_kind=None)
    decisions = decide(p, cards, costs=costs, kinds_that_bind=KINDS_THAT_BIND)
    out = pd.DataFrame({"submission_id": cards["submission_id"]}, index=cards.index)
    out["p_fail"] = p["p_fail"]
    out["cause"] = top_cause(p)
    out[list(P_CAUSES)] = p[list(P_CAUSES)]
    out[decisions.columns] = decisions
    out["model_version"] = pd.Series(model.version, index=out.index, dtype="str")
    return out


def top_cause(p: pd.DataFrame) -> pd.Series:
    """Likeliest cause, should the card fail; null where ``p_fail`` is."""
    matrix = p[list(P_CAUSES)].to_numpy(np.float64)
    best = np.array(CAUSES, dtype=object)[np.nan_to_num(matrix, nan=-1.0).argmax(axis=1)]
    best[np.isnan(p["p_fail"].to_numpy(np.float64))] = None
    return pd.Series(best, index=p.index, dtype="str")


def whole(judged: pd.DataFrame, checked: Checked, given: pd.DataFrame) -> pd.DataFrame:
    """Put judged and quarantined cards back into the order and under the index of what was given.

    Parameters
    ----------
    judged
        Result of :func:`judge` with ``reasons``, one row per valid card.
    checked
        Which rows of ``given`` those are, and which rule the others broke.
    given
        The caller's frame.

    Returns
    -------
    pandas.DataFrame
        ``COLUMNS``, one row per row of ``given``.
    """
    out = judged.set_axis(pd.Index(checked.rows), axis=0).reindex(range(len(given)))
    rules = checked.quarantined.drop_duplicates("row").set_index("row")["rule"]
    out["rule"] = rules.reindex(out.index).astype("str")
    out["decision"] = out["decision"].fillna("hold")
    out["propensity"] = out["propensity"].fillna(0.0)
    out["reasons"] = [texts if isinstance(texts, list) else [] for texts in out["reasons"]]
    out["submission_id"] = out["submission_id"].fillna(_ids(checked, given))
    return out[list(COLUMNS)].set_axis(given.index, axis=0)


def _ids(checked: Checked, given: pd.DataFrame) -> pd.Series:
    """Ids as they were given, for rows that never became a card; null where that is no text."""
    header = next((h for h, name in checked.aliases.items() if name == "submission_id"), "submission_id")
    if header not in given:
        return pd.Series(None, index=range(len(given)), dtype="str")
    cells = given[header].to_numpy(object)
    return pd.Series([c if isinstance(c, str) and len(c) <= 64 and _encodes(c) else None for c in cells], dtype="str")


def _encodes(text: str) -> bool:
    """Whether a text can stand in a column: lone surrogates cannot."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)
