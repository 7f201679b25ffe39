"""Pictures of a world, a model and its decisions, each drawn from plain arrays; no global plotting state is touched.

Colours mean the same everywhere: blue the model, grey the base rate or the document, orange the ceiling. Shares are
shown in percent. No legend lies over what is drawn.
"""

from collections.abc import Callable, Mapping
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
_PALE: Final = "#a9c4e2"
"""Bars with text on them."""
_ROOT: Final = (lambda share: np.sqrt(np.maximum(share, 0.0)), np.square)
_ROOT_TICKS: Final = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


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


def in_percent(*along: Any) -> None:
    """Label axes (``axes.xaxis`` or ``yaxis``) that hold shares from 0 to 1 in percent."""
    for axis in along:
        axis.set_major_formatter(lambda share, place: f"{100 * share:.4g}%")


def legend_above(axes: "Axes") -> None:
    """Put the legend in a line of its own between title and plot, where it hides nothing."""
    names = axes.get_legend_handles_labels()[1]
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(names), fontsize=9, borderpad=0.2)
    axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=11, pad=24)


def calibration(failed: Floats, p_fail: Floats) -> "Figure":
    """Observed failure rate against stated probability, in bins of equal count, with 95 % Wilson intervals.

    Most cards are good: axes are spaced by the square root, so that the bins of small probabilities can be told apart.

    Parameters
    ----------
    failed, p_fail
        Shape ``(rows,)``: 1 failed, 0 not; stated probability. No nulls.
    """
    made, axes = figure("Calibration: stated and observed failures", width=6.8, height=5.6)
    order = np.argsort(p_fail, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if part.size]
    said = np.array([p_fail[part].mean() for part in parts])
    rate = np.array([failed[part].mean() for part in parts])
    low, high = _wilson(rate, np.array([part.size for part in parts], dtype=float))
    top = max(float(high.max(initial=0.0)), float(said.max(initial=0.0)), 0.05) * 1.05
    axes.plot([0, top], [0, top], color=GREY, linewidth=1, linestyle="--", label="as stated")
    axes.errorbar(said, rate, yerr=[rate - low, high - rate], fmt="o", color=MODEL, markersize=5, label="model")
    axes.set_xscale("function", functions=_ROOT)
    axes.set_yscale("function", functions=_ROOT)
    ticks = [tick for tick in _ROOT_TICKS if tick <= top]
    axes.set(xlim=(0, top), ylim=(0, top), xticks=ticks, yticks=ticks)
    axes.set(xlabel="stated probability of failure", ylabel="share of cards that failed")
    in_percent(axes.xaxis, axes.yaxis)
    legend_above(axes)
    return made


def precision_recall(failed: Floats, p_fail: Floats, ceiling: Floats | None = None) -> "Figure":
    """Precision against recall of the model, beside the base rate and, where known, the ceiling.

    Parameters
    ----------
    failed, p_fail, ceiling
        Shape ``(rows,)``; ``ceiling`` is ``truth.p_fail``.
    """
    made, axes = figure("Precision and recall", width=6.8)
    for name, score, colour in (("model", p_fail, MODEL), ("ceiling", ceiling, CEILING)):
        if score is not None:
            recall, precision = _curve(failed, score)
            axes.plot(recall, precision, color=colour, linewidth=1.6, label=name)
    axes.axhline(float(failed.mean()), color=GREY, linewidth=1, linestyle="--", label="base rate")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall: share of all failures that are flagged")
    axes.set_ylabel("precision: share of flagged cards that failed")
    in_percent(axes.xaxis, axes.yaxis)
    legend_above(axes)
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
    in_percent(axes.xaxis)
    axes.invert_yaxis()
    legend_above(axes)
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
    in_percent(axes.xaxis)
    axes.set(xlabel="share of cards", xlim=(0, max((count / total for _, count in ordered), default=1.0) * 1.15))
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
    axes.set(ylim=(0, None), ylabel="share of cards that failed")
    in_percent(axes.yaxis)
    legend_above(axes)
    made.autofmt_xdate(rotation=30)
    return made


def folds(table: pd.DataFrame) -> "Figure":
    """Average precision of each model on the time after it, with 95 % intervals, beside screening and ceiling.

    Parameters
    ----------
    table
        The frame ``folds`` of a prequential evaluation.
    """
    made, axes = figure("Each model on the time after it", width=max(7.2, 1.2 * len(table)))
    at, name = np.arange(len(table)), "average_precision"
    value = table[name].to_numpy(np.float64)
    low, high = (table[f"{name}_{side}"].fillna(table[name]).to_numpy(np.float64) for side in ("low", "high"))
    around = [np.maximum(value - low, 0.0), np.maximum(high - value, 0.0)]
    axes.errorbar(at, value, yerr=around, fmt="o-", color=MODEL, capsize=3, label="model")
    others = (("ceiling", CEILING, "-"), ("screening", GREY, "-"), ("base", GREY, "--"))
    for other, colour, style in others:
        if table[f"{other}_{name}"].notna().any():
            label = "base rate" if other == "base" else other
            axes.plot(at, table[f"{other}_{name}"], "o", color=colour, linestyle=style, markersize=3, label=label)
    axes.set_xticks(at, [f"{start.day} {start:%b %Y}" for start in table["start"]])
    axes.set(xlim=(-0.4, len(table) - 0.6), ylim=(0, 1), ylabel="average precision (1 is best)")
    axes.set_xlabel("learnt from what was known by this day, measured on what came next")
    legend_above(axes)
    return made


def beside(summary: pd.DataFrame) -> "Figure":
    """Average precision and recalls of the model, with 95 % intervals, beside screening and ceiling.

    Parameters
    ----------
    summary
        The frame of an evaluation.
    """
    made, axes = figure("Beside the document's screening and the ceiling", width=7.6)
    chosen = summary[summary["measure"].str.startswith(("average_precision", "auc", "recall"))].reset_index(drop=True)
    at = np.arange(len(chosen))
    for shift, name, colour in ((-0.25, "screening", GREY), (0.0, "model", MODEL), (0.25, "ceiling", CEILING)):
        if chosen[name].notna().any():
            axes.bar(at + shift, chosen[name].fillna(0.0), width=0.24, color=colour, label=name)
    value = chosen["model"].to_numpy(np.float64)
    low, high = (chosen[side].fillna(chosen["model"]).to_numpy(np.float64) for side in ("low", "high"))
    around = [np.maximum(value - low, 0.0), np.maximum(high - value, 0.0)]
    axes.errorbar(at, value, yerr=around, fmt="none", color="black", linewidth=1)
    axes.set_xticks(at, [name.replace("_", " ").replace(" at ", "\nat ") for name in chosen["measure"]], fontsize=8)
    axes.set(ylim=(0, 1.02), ylabel="value of the measure (1 is best)")
    legend_above(axes)
    return made


def segment_bias(table: pd.DataFrame, most: int = 18) -> "Figure":
    """Mean probability beside failure rate, with 95 % intervals, in the largest segments.

    Parameters
    ----------
    table
        The frame ``segments`` of an evaluation.
    most
        Segments shown at most.
    """
    shown = table.head(most).iloc[::-1]
    made, axes = figure("Calibration by segment", width=9.0, height=1.4 + 0.3 * max(len(shown), 1))
    at = np.arange(len(shown))
    rate = shown["rate"].to_numpy(np.float64)
    around = [rate - shown["rate_low"].to_numpy(np.float64), shown["rate_high"].to_numpy(np.float64) - rate]
    axes.errorbar(rate, at, xerr=np.maximum(around, 0.0), fmt="o", color=GREY, markersize=4, label="share that failed")
    axes.plot(shown["p_mean"], at, "D", color=MODEL, markersize=5, label="mean stated probability")
    rows = shown[["channel", "family", "tenure", "count"]].itertuples(index=False)
    names = [f"{channel} | {family} cards | {tenure} | {count:,}" for channel, family, tenure, count in rows]
    axes.set_yticks(at, names, fontsize=9)
    axes.set(xlim=(0, None), ylim=(-0.7, len(shown) - 0.3), xlabel="share of cards, with the 95 % interval")
    axes.set_ylabel("channel | family | how long the submitter is known | cards")
    in_percent(axes.xaxis)
    legend_above(axes)
    return made


def confusion(table: pd.DataFrame) -> "Figure":
    """Likeliest cause against the real one, as shares of each real cause; on the framed squares they agree.

    Parameters
    ----------
    table
        The frame ``causes`` of an evaluation: ``actual, predicted, count``.
    """
    from matplotlib.patches import Rectangle

    counts = table.pivot_table(index="actual", columns="predicted", values="count", aggfunc="sum", fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    only = [name for name in counts.columns if name not in counts.index]
    counts = counts.reindex(columns=[*counts.index, *only], fill_value=0)  # one order, or nobody finds the diagonal
    made, axes = figure("Likeliest cause of each failed card, by its real cause", 8.4, 2.4 + 0.4 * len(counts))
    share = counts.to_numpy(np.float64) / counts.sum(axis=1).to_numpy(np.float64)[:, None]
    axes.grid(visible=False)
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for (y, x), value in np.ndenumerate(share):
        if value >= 0.005:
            ink = "white" if value > 0.5 else "black"
            axes.annotate(f"{value:.0%}", (x, y), ha="center", va="center", fontsize=9, color=ink)
    for place in range(len(counts)):
        axes.add_patch(Rectangle((place - 0.5, place - 0.5), 1, 1, fill=False, edgecolor=CEILING, linewidth=1.2))
    columns = [str(name).replace("_", " ") for name in counts.columns]
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor", fontsize=9)
    rows = [f"{str(name).replace('_', ' ')} ({cards:,})" for name, cards in counts.sum(axis=1).items()]
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    axes.set(xlabel="likeliest cause, as the model states it", ylabel="real cause (cards)")
    return made


def incident_delays(table: pd.DataFrame) -> "Figure":
    """How many failures of each incident passed before the first one was flagged, and the share flagged in all.

    Parameters
    ----------
    table
        The frame ``incidents`` of an evaluation.
    """
    shown = table.iloc[::-1]
    made, axes = figure("Incidents: share of failures flagged", width=8.4, height=1.2 + 0.34 * max(len(shown), 1))
    axes.barh(shown["incident"].astype(str), shown["flagged"].fillna(0.0), color=_PALE, height=0.6)
    rows = zip(shown["delay_minutes"], shown["missed_before"], shown["failed"], strict=True)
    for y, (delay, missed, failed) in enumerate(rows):
        said = "never flagged" if np.isnan(delay) else f"first after {delay:,.0f} min and {missed} of {failed} failures"
        axes.annotate(said, (0.01, y), va="center", fontsize=8)
    axes.set(xlim=(0, 1), xlabel="share of the incident's failed cards that a review of 15 % of all cards would see")
    in_percent(axes.xaxis)
    return made


def days(table: pd.DataFrame) -> "Figure":
    """Stated probability and failure rate by day.

    Parameters
    ----------
    table
        The frame ``days`` of an evaluation.
    """
    made, axes = figure("Stated and observed failures by day", width=8.0, height=3.6)
    axes.plot(table["day"], table["rate"], "o-", color=GREY, markersize=3, label="share that failed")
    axes.plot(table["day"], table["p_mean"], "o-", color=MODEL, markersize=3, label="mean stated probability")
    axes.set(ylim=(0, None), ylabel="share of cards")
    in_percent(axes.yaxis)
    legend_above(axes)
    made.autofmt_xdate(rotation=30)
    return made


def evaluation_pictures(report: Any) -> "dict[str, Figure]":
    """The pictures of an evaluation by file name: those whose frames hold rows."""
    scored = report.frames["scored"]
    failed = scored["failed"].to_numpy(np.float64)
    known = ~np.isnan(failed)
    p_fail = scored["p_fail"].to_numpy(np.float64)[known]
    ceiling = scored["ceiling"].to_numpy(np.float64)[known] if "ceiling" in scored else None
    pictures = {
        "calibration": calibration(failed[known], p_fail),
        "precision_recall": precision_recall(failed[known], p_fail, ceiling),
    }
    drawn: dict[str, tuple[str, Callable[[pd.DataFrame], Figure]]] = {
        "beside": ("summary", beside),
        "segments": ("segments", segment_bias),
        "causes": ("causes", confusion),
        "incidents": ("incidents", incident_delays),
        "days": ("days", days),
        "folds": ("folds", folds),
    }
    for name, (frame, draw) in drawn.items():
        if len(report.frames.get(frame, ())):
            pictures[name] = draw(report.frames[frame])
    return pictures


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
