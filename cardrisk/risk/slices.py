"""Evaluation by part: segments, causes, incidents, days and decisions.

Correctness: every table counts each labelled card in exactly one of its rows (incidents: cards of an incident only).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.facts import CAUSES
from cardrisk.kinds import KINDS
from cardrisk.risk.labels import DAY, Labels, microseconds
from cardrisk.risk.metrics import TINY, wilson

Floats = npt.NDArray[np.float64]

MINUTE: Final = 60_000_000
TENURES: Final = ((30, "under 30 days"), (365, "30 days to a year"))
BIG_SEGMENT: Final = 2_000
"""Cards from which on a segment's bias is held to its bound."""


def scored(cards: pd.DataFrame) -> pd.DataFrame:
    """One row per labelled card: id, day, channel, label, probability and, where known, ceiling and causes."""
    wanted = ["submission_id", "day", "channel", "card_kind", "failed", "p_fail", "ceiling", "true_cause", "incident"]
    return cards[[name for name in wanted if name in cards.columns]].copy()


def screening(cards: pd.DataFrame) -> Floats:
    """Score of the document's own screening (C1): broken format first, then low credit score; higher is riskier.

    Unknown credit counts as the median; a table with neither column gives a constant.
    """
    broken = np.zeros(len(cards))
    if "code_kind_fit" in cards:
        fit = cards["code_kind_fit"]
        broken[:] = (fit.notna() & (fit != "fits")).to_numpy()
    if "submitter_credit_score" not in cards or cards["submitter_credit_score"].isna().all():
        return broken
    credit = cards["submitter_credit_score"].astype(float)
    filled = credit.fillna(credit.median()).to_numpy(np.float64)
    spread = max(float(np.ptp(filled)), TINY)
    return np.asarray(2.0 * broken + (filled.max() - filled) / spread, np.float64)


def review_threshold(p: Floats, share: float) -> float:
    """The probability at and above which the riskiest ``share`` of the cards lie."""
    return float(np.quantile(p, 1.0 - share))


def segments(cards: pd.DataFrame) -> pd.DataFrame:
    """Calibration per channel x family x tenure.

    Returns
    -------
    pandas.DataFrame
        ``channel, family, tenure, count, p_mean, rate, rate_low, rate_high, bias``; null values read ``unknown``.
    """
    keys = pd.DataFrame({"channel": _text(cards, "channel"), "family": family(cards), "tenure": tenure(cards)})
    grouped = keys.assign(p=cards["p_fail"], failed=cards["failed"]).groupby(list(keys.columns), observed=True)
    table = grouped.agg(count=("p", "size"), p_mean=("p", "mean"), rate=("failed", "mean")).reset_index()
    counts = table["count"].to_numpy(np.float64)
    table["rate_low"], table["rate_high"] = wilson(table["rate"].to_numpy(np.float64) * counts, counts)
    table["bias"] = table["p_mean"] - table["rate"]
    return table.sort_values("count", ascending=False, kind="stable").reset_index(drop=True)


def segment_figures(table: pd.DataFrame) -> dict[str, float]:
    """Largest absolute bias among segments of 2,000 cards and more, and how many there are."""
    big = table[table["count"] >= BIG_SEGMENT]
    worst = float(big["bias"].abs().max()) if len(big) else float("nan")
    return {"segment_bias_worst": worst, "segments_large": float(len(big))}


def family(cards: pd.DataFrame) -> "pd.Series[str]":
    """Family of each card's kind; ``unknown`` where the kind is null or not listed."""
    known: dict[str, str] = {name: str(kind.family) for name, kind in KINDS.items()}
    return _text(cards, "card_kind").map(known).fillna("unknown")


def tenure(cards: pd.DataFrame) -> "pd.Series[str]":
    """How long the submitter had been registered when the card came in."""
    if "submitter_registered_at" not in cards:
        return pd.Series("unknown", index=cards.index)
    registered = cards["submitter_registered_at"]
    age = (cards["moment"] - microseconds(registered)) / DAY
    name = pd.Series("over a year", index=cards.index)
    for limit, label in reversed(TENURES):
        name = name.mask(age < limit, label)
    return name.mask(registered.isna(), "unknown")


def cause_confusion(cards: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Counts of failed cards by real cause (rows) and predicted cause (columns), long form.

    Returns
    -------
    pandas.DataFrame
        ``actual, predicted, count``; the actual cause is the truth's where known, else the answer's. Empty where
        no cause is known or predicted.
    """
    actual, predicted = _causes(cards, labels)
    pairs = pd.DataFrame({"actual": actual, "predicted": predicted}).dropna()
    return pairs.value_counts(sort=False).rename("count").reset_index()


def cause_figures(cards: pd.DataFrame, labels: Labels) -> dict[str, float]:
    """Share of failed cards whose likeliest cause is the real one, and its base: always the most frequent cause."""
    actual, predicted = _causes(cards, labels)
    both = pd.Series(actual).notna().to_numpy() & pd.Series(predicted).notna().to_numpy()
    if not both.any():
        return {}
    hit = actual[both] == predicted[both]
    frequent = pd.Series(actual[both]).value_counts(normalize=True).iloc[0]
    return {"cause_top1": float(hit.mean()), "base_cause_top1": float(frequent)}


def _causes(cards: pd.DataFrame, labels: Labels) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    """Real and predicted cause of the failed cards, None where not known."""
    rows = np.flatnonzero(cards["failed"].to_numpy() == 1.0)
    names = np.array([*CAUSES, None], dtype=object)
    if "true_cause" in cards:
        real = cards["true_cause"].to_numpy(object)[rows]
        actual = np.array([value if value in CAUSES else None for value in real], dtype=object)
    else:
        actual = names[labels.cause[rows]]
    columns = [f"p_{cause}" for cause in CAUSES]
    if not set(columns) <= set(cards.columns):
        return actual, np.full(len(rows), None, dtype=object)
    p = cards[columns].to_numpy(np.float64)[rows]
    best = np.where(np.isnan(p).any(axis=1), len(CAUSES), np.nan_to_num(p, nan=-1.0).argmax(axis=1))
    return actual, names[best]


def incidents(cards: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """How fast each named incident of the world is caught.

    Parameters
    ----------
    cards
        Labelled cards; ``incident`` where the truth is known.
    threshold
        Probability at and above which a card counts as flagged.

    Returns
    -------
    pandas.DataFrame
        ``incident, cards, failed, flagged`` (share of its failed cards), ``delay_minutes`` from its first failed
        card to the first flagged one and ``missed_before`` (failed cards until then); null delay: never flagged.
    """
    columns = ["incident", "cards", "failed", "flagged", "delay_minutes", "missed_before"]
    if "incident" not in cards or cards["incident"].notna().sum() == 0:
        return pd.DataFrame(columns=columns)
    rows = []
    for name, part in cards[cards["incident"].notna()].sort_values("moment").groupby("incident", observed=True):
        bad = part[part["failed"] == 1.0]
        flags = bad["p_fail"].to_numpy() >= threshold
        first = int(flags.argmax()) if flags.any() else -1
        moments = bad["moment"].to_numpy(np.int64)
        delay = (moments[first] - moments[0]) / MINUTE if first >= 0 else np.nan
        share = float(flags.mean()) if len(bad) else np.nan
        rows.append((name, len(part), len(bad), share, delay, first if first >= 0 else len(bad)))
    return pd.DataFrame(rows, columns=columns)


def days(cards: pd.DataFrame) -> pd.DataFrame:
    """Per UTC day: ``day, count, p_mean, rate``."""
    grouped = cards.groupby("day", sort=True)
    table = grouped.agg(count=("p_fail", "size"), p_mean=("p_fail", "mean"), rate=("failed", "mean")).reset_index()
    table["day"] = pd.to_datetime(table["day"], unit="D", utc=True)
    return table


def decisions(cards: pd.DataFrame, given: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float]]:
    """Mix of decisions, failure rate of each, and money where the frame has it.

    Returns
    -------
    tuple
        Frame ``decision, count, share, rate`` and the sum of every other number column; figures
        ``decision_share_<name>`` and ``money_<column>`` (sum over all cards).
    """
    money = [str(name) for name in given.columns if _is_money(given, str(name))]
    joined = cards[["submission_id", "failed"]].merge(given, on="submission_id", how="inner")
    grouped = joined.groupby("decision", observed=True)
    table = grouped.agg(count=("failed", "size"), rate=("failed", "mean"))
    table.insert(1, "share", table["count"] / max(len(joined), 1))
    table[money] = grouped[money].sum()
    figures = {f"decision_share_{name}": float(share) for name, share in zip(table.index, table["share"], strict=True)}
    figures |= {f"money_{name}": float(joined[name].sum()) for name in money}
    return table.reset_index(), figures


def _is_money(frame: pd.DataFrame, name: str) -> bool:
    numeric = pd.api.types.is_numeric_dtype(frame[name].dtype) and not pd.api.types.is_bool_dtype(frame[name].dtype)
    return numeric and not name.startswith("p_") and name != "propensity"


def _text(cards: pd.DataFrame, name: str) -> "pd.Series[str]":
    if name not in cards:
        return pd.Series("unknown", index=cards.index)
    return cards[name].astype("object").fillna("unknown").astype(str)
