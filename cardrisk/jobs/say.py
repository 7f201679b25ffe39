"""What the demo tells a person: on the terminal and on the page, the same figures."""

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from cardrisk.facts import CAUSES, CHANNELS
from cardrisk.report import Section, page
from cardrisk.tables import atomic_write

EXAMPLES: Final = 5
GOODNESS: Final = (
    ("average precision", "average_precision"),
    ("area under ROC", "auc"),
    ("recall, 15 % reviewed", "recall_at_review_15"),
    ("Brier score", "brier"),
)


def channel_table(world: Any) -> pd.DataFrame:
    """Failure rate per channel beside the document's band."""
    failed = failed_by_channel(world)
    rows = [
        {"channel": name, "failure rate": failed[name], "document": f"{low:.0%} to {high:.0%}", "claim": channel.claim}
        for name, channel in CHANNELS.items()
        if name in failed
        for low, high in [channel.failure_band]
    ]
    return pd.DataFrame(rows)


def failed_by_channel(world: Any) -> dict[str, float]:
    """Share of answered cards whose final answer is failed or partial, by channel."""
    from cardrisk.risk.labels import labels_of

    labels = labels_of(world.submissions["submission_id"], world.outcomes)
    rates = pd.Series(labels.failed).groupby(world.submissions["channel"].to_numpy()).mean()
    return {str(name): float(rate) for name, rate in rates.items()}


def goodness_table(report: Any) -> pd.DataFrame:
    """How good the model is, beside the base rate, the document's screening and the ceiling."""
    metrics = report.metrics
    rows = []
    for label, name in GOODNESS:
        row: dict[str, Any] = {"measure": label, "model": metrics[name]}
        for column in ("base", "screening", "ceiling"):
            row[column] = metrics.get(f"{column}_{name}", np.nan)
        rows.append(row)
    return pd.DataFrame(rows)


def examples(scores: pd.DataFrame) -> pd.DataFrame:
    """Five scored cards with different decisions where there are any, the riskiest of each."""
    scored = scores[scores["p_fail"].notna()].sort_values("p_fail", ascending=False)
    first = scored.drop_duplicates("decision")
    more = scored.drop(index=first.index)
    chosen = pd.concat([first, more]).head(EXAMPLES).sort_values("p_fail", ascending=False)
    return pd.DataFrame(
        {
            "card": chosen["submission_id"],
            "p_fail": chosen["p_fail"].round(3),
            "likeliest cause": chosen["cause"],
            "decision": chosen["decision"],
            "expected loss": chosen["expected_loss"].round(2),
            "why": [texts[0] if texts else "nothing raises its risk" for texts in chosen["reasons"]],
        }
    )


def write_report(path: Path, world: Any, report: Any, scores: pd.DataFrame, refused: pd.DataFrame) -> None:
    """Write the demo's page, whole."""
    from cardrisk import pictures

    scored = scores["p_fail"].notna()
    sections = [
        Section(
            "What was scored",
            "An export file as a platform writes it; the model has seen none of its cards.",
            {
                "rows in": f"{len(scores):,}",
                "scored": f"{int(scored.sum()):,}",
                "quarantined": f"{int((~scored).sum()):,}",
                "expected loss": f"¥{scores['expected_loss'].sum():,.0f}",
            },
            pictures={
                "Decisions": pictures.shares(_counts(scores["decision"]), "What was decided"),
                "Causes": pictures.shares(_expected_causes(scores), "Expected failures by cause"),
            },
        ),
        Section("Five cards", "The riskiest card of each decision.", table=examples(scores)),
        Section("Quarantine", "Rows that could not be read, by the rule they broke.", table=_rules(refused)),
        Section(
            "How good the model is",
            "On later cards than it learnt from. The ceiling knows every hidden state of the world; nobody can.",
            table=goodness_table(report),
            pictures={
                name.replace("_", " and ").capitalize(): picture
                for name, picture in pictures.evaluation_pictures(report).items()
            },
        ),
        Section(
            "The world",
            "Cards that reached activation, by platform type.",
            table=channel_table(world),
            pictures={"Failure rate by channel": pictures.channel_rates(failed_by_channel(world))},
        ),
    ]
    with atomic_write(path) as scratch:
        scratch.write_text(page("Card risk: one export file", sections), encoding="utf-8")


def summary(world: Any, report: Any, scores: pd.DataFrame, refused: pd.DataFrame, folder: Path, tracked: Any) -> None:
    """Print the demo's figures and where to look next."""
    with pd.option_context("display.max_colwidth", 76, "display.width", 200):
        parts = [
            ("Failure rate per channel, beside the document's band", _text(channel_table(world), "{:.1%}")),
            ("The model on later cards, beside base rate, screening and ceiling", _text(goodness_table(report))),
            ("Five cards", _text(examples(scores))),
            ("Quarantined rows", _text(_rules(refused))),
        ]
    name = folder.as_posix()
    parts.append(
        (
            "Where to look next",
            f"  {name}/report.html            the same with pictures\n"
            f"  {name}/scores.parquet         every row; {name}/scores.parquet.quarantine names the refused ones\n"
            f"  mlflow ui --backend-store-uri sqlite:///{name}/mlflow.db    the run, and models:/cardrisk@champion\n"
            f"  notebooks/                    the world, the features and the model, step by step",
        )
    )
    sys.stdout.write("\n".join(f"\n{title}\n{text}" for title, text in parts) + "\n")


def _text(table: pd.DataFrame, floats: str = "{:.3f}") -> str:
    shown = table.to_string(index=False, float_format=floats.format, na_rep="-", justify="left")
    return "\n".join(f"  {line}" for line in shown.splitlines())


def _rules(refused: pd.DataFrame) -> pd.DataFrame:
    counts = refused["rule"].value_counts()
    return pd.DataFrame({"rule": counts.index.astype("str"), "rows": counts.to_numpy()})


def _counts(values: pd.Series) -> dict[str, float]:
    return {str(name): float(count) for name, count in values.value_counts().items()}


def _expected_causes(scores: pd.DataFrame) -> dict[str, float]:
    totals = {cause: float(scores[f"p_{cause}"].sum()) for cause in CAUSES}
    return {cause: total for cause, total in totals.items() if total > 0}
