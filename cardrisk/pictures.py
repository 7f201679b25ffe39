"""Pictures of a world, a model and its decisions, each drawn from plain arrays; no global plotting state is touched.

Colours mean the same everywhere: blue the model, grey the base rate or the document, orange the ceiling.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cardrisk.facts import CHANNELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

MODEL: Final = "#1f5fa8"
GREY: Final = "#8a8f98"
CEILING: Final = "#d9822b"
BAND: Final = "#dfe3e8"
BINS: Final = 15


def figure(title: str, width: float = 6.4, height: float = 4.4) -> "tuple[Figure, Axes]":
    """A figure of one plot, made without pyplot: nothing is registered, nothing needs closing."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = made.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#eceff2", linewidth=0.8)
    axes.set_axisbelow(True)
    return made, axes


def calibration(failed: Floats, p_fail: Floats) -> "Figure":
    """Observed failure rate against stated probability, in bins of equal count, with 95 % Wilson intervals.

    Parameters
    ----------
    failed, p_fail
        Shape ``(rows,)``: 1 failed, 0 not; stated probability. No nulls.
    """
    made, axes = figure("Calibration: what was said against what happened")
    order = np.argsort(p_fail, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if part.size]
    said = np.array([p_fail[part].mean() for part in parts])
    rate = np.array([failed[part].mean() for part in parts])
    low, high = _wilson(rate, np.array([part.size for part in parts], dtype=float))
    top = max(float(high.max(initial=0.0)), float(said.max(initial=0.0)), 0.05) * 1.05
    axes.plot([0, top], [0, top], color=GREY, linewidth=1, linestyle="--", label="perfect")
    axes.errorbar(said, rate, yerr=[rate - low, high - rate], fmt="o", color=MODEL, markersize=4, label="model")
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="stated probability of failure", ylabel="observed failure rate")
    axes.legend(frameon=False)
    return made


def precision_recall(failed: Floats, p_fail: Floats, ceiling: Floats | None = None) -> "Figure":
    """Precision against recall of the model, beside the base rate and, where known, the ceiling.

    Parameters
    ----------
    failed, p_fail, ceiling
        Shape ``(rows,)``; ``ceiling`` is ``truth.p_fail``.
    """
    made, axes = figure("Precision and recall")
    for name, score, colour in (("model", p_fail, MODEL), ("ceiling", ceiling, CEILING)):
        if score is not None:
            recall, precision = _curve(failed, score)
            axes.plot(recall, precision, color=colour, linewidth=1.6, label=name)
    axes.axhline(float(failed.mean()), color=GREY, linewidth=1, linestyle="--", label="base rate")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall: share of failures found", ylabel="precision")
    axes.legend(frameon=False)
    return made


def channel_rates(rates: Mapping[str, float]) -> "Figure":
    """Failure rate of each channel over the document's band (C1-C3).

    Parameters
    ----------
    rates
        Share of answered cards that failed, by channel.
    """
    made, axes = figure("Failure rate by channel, over the document's band", height=3.2)
    names = [name for name in CHANNELS if name in rates]
    for y, name in enumerate(names):
        low, high = CHANNELS[name].failure_band
        axes.barh(y, high - low, left=low, height=0.55, color=BAND, label="document" if y == 0 else None)
        axes.plot(rates[name], y, "o", color=MODEL, markersize=7, label="here" if y == 0 else None)
        axes.annotate(f"{rates[name]:.1%}", (rates[name], y), (6, 6), textcoords="offset points", fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(0, None), xlabel="share of cards that failed activation")
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="lower right")
    return made


def shares(counts: Mapping[str, float], title: str) -> "Figure":
    """Horizontal bars of shares, largest first.

    Parameters
    ----------
    counts
        Count by name; drawn as share of their sum.
    """
    made, axes = figure(title, height=0.9 + 0.32 * max(len(counts), 1))
    ordered = sorted(counts.items(), key=lambda item: item[1])
    total = sum(counts.values()) or 1.0
    axes.barh([name for name, _ in ordered], [count / total for _, count in ordered], color=MODEL, height=0.6)
    for y, (_, count) in enumerate(ordered):
        axes.annotate(f"{count / total:.1%}", (count / total, y), (4, -3), textcoords="offset points", fontsize=9)
    axes.set(xlabel="share", xlim=(0, max((count / total for _, count in ordered), default=1.0) * 1.15))
    return made


def daily_rates(days: pd.Series, failed: Floats, channel: pd.Series) -> "Figure":
    """Failure rate a day and channel, with the document's bands.

    Parameters
    ----------
    days, failed, channel
        Same length: UTC day, 1 failed or 0, channel name.
    """
    made, axes = figure("Failure rate by day", width=9.0)
    table = pd.DataFrame({"day": days.to_numpy(), "failed": failed, "channel": channel.to_numpy()})
    for colour, name in zip((MODEL, CEILING, "#3b8f5a"), CHANNELS, strict=True):
        line = table[table["channel"] == name].groupby("day")["failed"].mean()
        if len(line):
            axes.plot(line.index, line.to_numpy(), color=colour, linewidth=1.4, label=name)
            axes.axhspan(*CHANNELS[name].failure_band, color=colour, alpha=0.07, linewidth=0)
    axes.set(ylim=(0, None), ylabel="share failed")
    axes.legend(frameon=False, ncols=3)
    made.autofmt_xdate(rotation=30)
    return made


def evaluation_pictures(report: Any) -> "dict[str, Figure]":
    """The pictures of an evaluation: calibration and precision-recall, by file name."""
    scored = report.frames["scored"]
    failed = scored["failed"].to_numpy(np.float64)
    known = ~np.isnan(failed)
    p_fail = scored["p_fail"].to_numpy(np.float64)[known]
    ceiling = scored["ceiling"].to_numpy(np.float64)[known] if "ceiling" in scored else None
    return {
        "calibration": calibration(failed[known], p_fail),
        "precision_recall": precision_recall(failed[known], p_fail, ceiling),
    }


def _curve(failed: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Recall and precision at every distinct score, thinned to at most about 500 points."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hits = np.cumsum(failed[order])[last]
    keep = np.unique(np.linspace(0, len(last) - 1, 500).astype(int))
    return (hits / max(hits[-1], 1.0))[keep], (hits / (last + 1))[keep]


def _wilson(rate: Floats, count: Floats, z: float = 1.96) -> tuple[Floats, Floats]:
    middle = (rate + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    return np.minimum(middle - half, rate), np.maximum(middle + half, rate)
