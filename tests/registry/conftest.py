"""One small invented market, and two models trained on its first weeks: one that learnt, one that barely did."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

# before MLflow is imported anywhere: it reads this once
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

START = pd.Timestamp("2026-03-02", tz="UTC")
CANARY_NUMBER, CANARY_SECRET = "77180345992016644", "550917734822"
LEARN_DAYS, DAYS, PER_DAY = 20, 34, 90
SIGNING_KEY = bytes(range(40, 60))
TOKEN_KEY = bytes(range(32))


def market(seed=5, per_day=PER_DAY, days=DAYS):
    """Cards whose fate depends on their submitter and their price; answers within an hour, causes by submitter."""
    rng = np.random.default_rng(seed)
    n = per_day * days
    at = START + pd.to_timedelta(np.sort(rng.integers(0, days * 86_400_000, n)), unit="ms")
    who = rng.integers(0, 30, n)
    cheap = rng.random(n) < 0.2
    p = np.where(who < 6, 0.45, 0.05) + 0.3 * cheap
    failed = rng.random(n) < p
    ids = pd.Series([f"card-{i}" for i in range(n)], dtype="str")
    face = rng.choice([30.0, 50.0, 100.0], n)
    submissions = pd.DataFrame(
        {
            "submission_id": ids,
            "submitted_at": at.as_unit("us"),
            "channel": np.where(who % 3 == 0, "vertical", np.where(who % 3 == 1, "ecommerce", "offline")),
            "card_kind": np.where(who % 2 == 0, "china_mobile", "qq"),
            "submitter_id": [f"seller-{w}" for w in who],
            "face_value": face,
            "card_no": CANARY_NUMBER,
            "card_secret": [f"{CANARY_SECRET}{i:06d}" for i in range(n)],
            "asking_price": np.round(face * np.where(cheap, 0.6, 0.93), 2),
        }
    )
    outcomes = pd.DataFrame(
        {
            "submission_id": ids,
            "answered_at": (at + pd.to_timedelta(rng.integers(5, 3_600, n), unit="s")).as_unit("us"),
            "status": np.where(failed, "failed", "success"),
            "cause": np.where(failed, np.where(cheap, "forged", "mistyped"), "ok"),
        }
    )
    return submissions, outcomes


@pytest.fixture(scope="session")
def tables():
    return market()


@pytest.fixture(scope="session")
def learnt(tables):
    """Earlier cards: what both models were trained on."""
    submissions, outcomes = tables
    return submissions[submissions["submitted_at"] < START + pd.Timedelta(days=LEARN_DAYS)], outcomes


@pytest.fixture(scope="session")
def later(tables):
    """Later cards, with all answers."""
    submissions, outcomes = tables
    return submissions[submissions["submitted_at"] >= START + pd.Timedelta(days=LEARN_DAYS)], outcomes


def _train(learnt, **params):
    from cardrisk.risk import train

    submissions, outcomes = learnt
    as_of = START + pd.Timedelta(days=LEARN_DAYS)
    return train(submissions, outcomes, as_of=as_of, key=TOKEN_KEY, params=params, threads=1)


@pytest.fixture(scope="session")
def good(learnt):
    return _train(learnt, rounds=30, cause_rounds=3)


@pytest.fixture(scope="session")
def weak(learnt):
    """One leaf split: it sees next to nothing."""
    return _train(learnt, rounds=1, cause_rounds=1, num_leaves=2)


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Where the session's store stands: making one takes MLflow seconds."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="session")
def store(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


@pytest.fixture(scope="session")
def report(later):
    """The shape of an evaluation, with made-up scores."""
    failed = later[0]["submission_id"].map(later[1].set_index("submission_id")["status"] == "failed").astype(float)
    scored = pd.DataFrame({"submission_id": later[0]["submission_id"], "failed": failed})
    scored["p_fail"] = 0.1 + 0.5 * failed + 0.3 * np.random.default_rng(3).random(len(scored))
    scored.loc[scored.index[:5], "failed"] = np.nan
    return SimpleNamespace(metrics={"average_precision": 0.5, "nothing": float("nan")}, frames={"scored": scored})


@pytest.fixture(scope="session")
def tracked(store, weak, good, report):
    """A champion that knows little and a challenger that knows more."""
    from cardrisk.registry import track

    first = track(weak, register="market", alias="champion", store=store)
    second = track(good, report, register="market", alias="challenger", params={"by": "a test"}, store=store)
    return first, second
