"""Tables full of trouble for jobs: cards with codes, repeats, late and revised answers, ties, rows that break rules."""

import numpy as np
import pandas as pd

COLUMNS = ("submission_id", "submitted_at", "received_at", "batch_id", "submitter_id")


def disordered(rng, cards, outcomes, rows):
    """Return (input, history submissions, history outcomes) out of a world's tables.

    The input is unsorted in part, repeats ids of itself and of history, holds ties, late arrivals and broken rows;
    answers come early, late, twice and tied.
    """
    cards = cards.iloc[: 2 * rows].reset_index(drop=True).copy()
    at = cards["submitted_at"].dt.floor(str(rng.choice(["s", "1h", "6h"])))
    cards["submitted_at"] = at
    late = rng.random(len(cards)) < 0.2
    cards["received_at"] = (at + pd.to_timedelta(rng.integers(0, 50, len(cards)), unit="h")).where(late)
    past, given = cards.iloc[:rows].copy(), cards.iloc[rows - 5 :].copy()
    given = pd.concat([given, given.iloc[3:9], given.iloc[-4:]], ignore_index=True)
    past = pd.concat([past, past.iloc[7:9]], ignore_index=True)
    pick = rng.choice(len(given), max(len(given) // 20, 2), replace=False)
    given["submitted_at"] = given["submitted_at"].where(~np.isin(np.arange(len(given)), pick))
    given.loc[rng.integers(0, len(given), 3), "face_value"] = -1.0
    if rng.random() < 0.5:
        given = given.sample(frac=1, random_state=int(rng.integers(1 << 30)), ignore_index=True)
    answers = outcomes[outcomes["submission_id"].isin(cards["submission_id"])]
    again = answers.sample(frac=0.3, random_state=1).copy()
    again["answered_at"] += pd.to_timedelta(rng.integers(-30, 200, len(again)), unit="h")
    again["status"] = rng.choice(["success", "failed", "partial", "unknown"], len(again))
    answers = pd.concat([answers, again], ignore_index=True).sample(frac=1, random_state=2, ignore_index=True)
    return given, past, answers


def write(folder, given, past, answers, rng, kind):
    """Write a job's files; returns the path of the input."""
    data = folder / "data"
    data.mkdir(parents=True)
    size = int(rng.integers(20, 300))
    past.to_parquet(data / "submissions.parquet", row_group_size=size)
    answers.to_csv(data / "outcomes.csv", index=False)
    if kind == "folder":
        cards = folder / "cards"
        cards.mkdir()
        for i, piece in enumerate(np.array_split(np.arange(len(given)), 3)):
            given.iloc[piece].to_parquet(cards / f"{i}.parquet", row_group_size=size)
        return cards
    cards = folder / f"cards.{kind}"
    if kind == "parquet":
        given.to_parquet(cards, row_group_size=size)
    else:
        given.to_csv(cards, index=False, encoding=str(rng.choice(["utf-8", "utf-8-sig", "gb18030", "utf-16"])))
    return cards
