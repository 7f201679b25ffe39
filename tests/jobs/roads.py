"""The same cards on every road: one by one with answers arriving in between, as files in pieces, as a table."""

from typing import Any

import pandas as pd

import cardrisk
from cardrisk.jobs.batch.context import Limits
from cardrisk.jobs.score import run
from cardrisk.tables import check_submissions
from tests.scoring.events import moments, play


def stream(tiny: Any, rows: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cards in the order in which they became known, the history before them, and all answers.

    The last ``rows`` cards that break no rule; a world of its own where the small one has fewer.
    """
    if rows <= len(tiny.late):
        cards, past, told = tiny.late.head(rows), tiny.early, tiny.outcomes
    else:
        world = cardrisk.generate(days=21, scale=1.3 * rows / (190_000 * 21), seed=29)
        known = world.submissions.iloc[check_submissions(world.submissions).rows]
        known = known.iloc[moments(known).argsort(kind="stable")]
        cards, past, told = known.tail(rows), known.head(-rows), world.outcomes
        assert len(cards) == rows
    return cards.reset_index(drop=True), past.reset_index(drop=True), told


def one_by_one(model: str, key: str, cards: pd.DataFrame, past: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Scores of a Scorer that hears every answer at its moment; cards of one moment come together."""
    scorer = cardrisk.Scorer(model, store="memory://", key=key)
    try:
        scores = play(scorer, past, cards, told)
    finally:
        scorer.close()
    names = ("submission_id", "p_fail", "cause", "decision", "expected_loss", "propensity", "rule", "model_version")
    columns = {name: [getattr(score, name) for score in scores] for name in names}
    assert not any(score.degraded for score in scores)
    causes = pd.DataFrame([score.causes for score in scores]).add_prefix("p_")
    return pd.DataFrame(columns).assign(reasons=[list(score.reasons) for score in scores]).join(causes)


def in_pieces(model: str, key: str, cards: pd.DataFrame, past: pd.DataFrame, told: pd.DataFrame, folder: Any) -> Any:
    """Scores of the batch job over files, cut into about ten pieces and three groups; the cards into at least three."""
    data = folder / "data"
    data.mkdir(parents=True)
    past.to_parquet(data / "submissions.parquet", row_group_size=len(past) // 3 + 1)
    told.to_parquet(data / "outcomes.parquet", row_group_size=len(told) // 3 + 1)
    cards.to_parquet(folder / "cards.parquet", row_group_size=len(cards) // 7 + 1)
    rows = len(cards) + len(past)
    limits = Limits(piece=min(rows // 4, len(cards) // 3) + 1, part=rows // 3 + 1, small=0)
    out = folder / "out.parquet"
    given = {"cards": str(folder / "cards.parquet"), "history": str(data), "out": str(out)}
    assert run(**given, model=model, limits=limits, key=key, workers=1) == 0
    return pd.read_parquet(out)
