"""A small invented market, a tiny model, and what it served."""

import numpy as np
import pandas as pd
import pytest

START = pd.Timestamp("2026-03-02", tz="UTC")
TOKEN_KEY = bytes(range(32))


@pytest.fixture(scope="session")
def market():
    rng = np.random.default_rng(8)
    n, days = 1_500, 30
    at = START + pd.to_timedelta(np.sort(rng.integers(0, days * 86_400_000, n)), unit="ms")
    at = at[np.arange(n) // 3 * 3]  # requests of three cards at one moment
    who = rng.integers(0, 12, n)
    failed = rng.random(n) < np.where(who < 4, 0.5, 0.06)
    ids = pd.Series([f"card-{i}" for i in range(n)], dtype="str")
    submissions = pd.DataFrame(
        {
            "submission_id": ids,
            "submitted_at": at.as_unit("us"),
            "batch_id": [f"batch-{i // 3}" for i in range(n)],
            "channel": rng.choice(["ecommerce", "vertical"], n),
            "submitter_id": [f"seller-{w}" for w in who],
            "face_value": rng.choice([30.0, 50.0], n),
        }
    )
    outcomes = pd.DataFrame(
        {
            "submission_id": ids,
            "answered_at": (at + pd.to_timedelta(rng.integers(5, 3_600, n), unit="s")).as_unit("us"),
            "status": np.where(failed, "failed", "success"),
            "cause": np.where(failed, "mistyped", "ok"),
        }
    )
    return submissions, outcomes


@pytest.fixture(scope="session")
def model(market):
    from cardrisk.risk import train

    as_of = START + pd.Timedelta(days=20)
    return train(*market, as_of=as_of, key=TOKEN_KEY, params={"rounds": 12, "cause_rounds": 2}, threads=1)


@pytest.fixture(scope="session")
def window(market):
    """Cards after training, and the earlier tables."""
    submissions, outcomes = market
    late = (submissions["submitted_at"] >= START + pd.Timedelta(days=20)).to_numpy()
    return submissions[late], outcomes, (submissions[~late], outcomes)


@pytest.fixture(scope="session")
def served(window, model):
    from cardrisk.scoring import score

    cards, _, history = window
    return score(cards, model=model, history=history, key=TOKEN_KEY, reasons="none")
