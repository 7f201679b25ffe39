"""Served scores against the same scores computed again from the tables: the same bits, or it is said where not.

Correctness: a card whose tables hold what was known when it was served gives the same bits again; cards handed in
together are drawn together, because they may see each other; cards of another model version are not compared.
"""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.facts import CAUSES
from cardrisk.tables import Checked, check_submissions

if TYPE_CHECKING:
    from cardrisk.policy import Costs
    from cardrisk.risk import RiskModel

COMPARED: Final = ("p_fail", "cause", *(f"p_{cause}" for cause in CAUSES), "decision", "expected_loss", "propensity")
SHOWN: Final = 1_000
"""Rows of the list of differences, at most."""


def recompute(
    scores: pd.DataFrame,
    submissions: pd.DataFrame,
    checked: Checked,
    moments: npt.NDArray[np.int64],
    outcomes: pd.DataFrame,
    *,
    model: "RiskModel",
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    costs: "Costs | None" = None,
    key: Any = None,
    tz: str | None = None,
    sample: int = 200,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score a sample again and compare bit for bit.

    Parameters
    ----------
    scores
        Served scores.
    submissions, checked, moments
        The tables the cards came in, checked, and when each valid one became known (microseconds).
    outcomes, history, costs, key, tz
        What the scores were made from; as in ``cardrisk.score``.
    model
        The model that served.
    sample, seed
        Cards to draw, at least, and the seed.

    Returns
    -------
    tuple of pandas.DataFrame
        ``column, cards, differing`` per compared column; and the differences: ``submission_id, column, served,
        recomputed``.
    """
    from cardrisk.scoring import score

    served = scores[scores["p_fail"].notna()].drop_duplicates("submission_id")
    if "model_version" in served:
        served = served[served["model_version"] == model.version]
    chosen = _draw(checked.valid, moments, served["submission_id"], sample, seed)
    valid = submissions.iloc[checked.rows]
    past, answers = _history(valid[~chosen], outcomes, history, set(checked.valid["submission_id"][chosen]), tz)
    again = (
        score(valid[chosen], model=model, history=(past, answers), costs=costs, key=key, tz=tz, reasons="none")
        if chosen.any()
        else scores.iloc[:0]
    )
    return _compare(served.set_index("submission_id"), again.set_index("submission_id"))


def _draw(
    cards: pd.DataFrame, moments: npt.NDArray[np.int64], served: "pd.Series[str]", sample: int, seed: int
) -> npt.NDArray[np.bool_]:
    """Which cards to score again: whole requests (one batch at one moment) until the sample is full."""
    batch = cards["batch_id"] if "batch_id" in cards else pd.Series(None, index=cards.index, dtype="str")
    alone = pd.Series(np.arange(len(cards)).astype(str), index=cards.index)
    name = ("b" + batch).fillna("c" + alone).to_numpy(object)
    request = pd.MultiIndex.from_arrays([name, moments]).factorize()[0]
    may = np.unique(request[cards["submission_id"].isin(served).to_numpy()])
    order = np.random.default_rng(seed).permutation(may)
    sizes = np.bincount(request, minlength=len(cards))[order]
    full = int(np.searchsorted(np.cumsum(sizes), sample)) + 1
    return np.isin(request, order[:full])


def _history(
    rest: pd.DataFrame,
    outcomes: pd.DataFrame,
    history: tuple[pd.DataFrame, pd.DataFrame] | None,
    drawn: set[str],
    tz: str | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Everything but the drawn cards, and all answers."""
    if history is None:
        return rest, outcomes
    past, answers = history
    earlier = check_submissions(past, tz=tz)
    known = drawn | set(check_submissions(rest, tz=tz).valid["submission_id"] if len(rest) else ())
    keep = ~earlier.valid["submission_id"].isin(known).to_numpy()
    return pd.concat([past.iloc[earlier.rows[keep]], rest]), pd.concat([answers, outcomes])


def _compare(served: pd.DataFrame, again: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = again.index[again.index.isin(served.index)]
    left, right = served.loc[ids], again.loc[ids]
    counts, found = [], []
    for name in (column for column in COMPARED if column in served and column in again):
        differs = _differs(left[name], right[name])
        counts.append({"column": name, "cards": len(ids), "differing": int(differs.sum())})
        part = {"submission_id": ids[differs], "column": name}
        found.append(
            pd.DataFrame(part | {"served": _shown(left[name], differs), "recomputed": _shown(right[name], differs)})
        )
    differences = pd.concat(found, ignore_index=True).head(SHOWN) if found else pd.DataFrame()
    return pd.DataFrame(counts, columns=["column", "cards", "differing"]), differences


def _differs(left: "pd.Series[Any]", right: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    """Where two columns differ; numbers by their bits, null equal to null."""
    if pd.api.types.is_numeric_dtype(right.dtype):
        a, b = (side.to_numpy(np.float64) for side in (left, right))
        return np.asarray((a.view(np.int64) != b.view(np.int64)) & ~(np.isnan(a) & np.isnan(b)))
    a, b = (side.astype("str").fillna("").to_numpy(object) for side in (left, right))
    return np.asarray(a != b)


def _shown(column: "pd.Series[Any]", rows: npt.NDArray[np.bool_]) -> list[str]:
    return [repr(float(cell)) if isinstance(cell, float) else str(cell) for cell in column[rows]]
