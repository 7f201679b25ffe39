"""Answers: delays, silence, disputes, messages that hide the cause; and the final one tells the truth."""

import numpy as np
import pandas as pd
import pytest

from cardrisk import facts
from cardrisk.world import World

from .conftest import SEEDS


@pytest.fixture(params=SEEDS)
def answered(calm: dict[int, World], request: pytest.FixtureRequest) -> pd.DataFrame:
    world = calm[request.param]
    known = world.submissions["received_at"].fillna(world.submissions["submitted_at"])
    cards = world.truth[["submission_id", "cause"]].assign(known=known)
    return world.outcomes.merge(cards, on="submission_id", suffixes=("", "_true"), validate="many_to_one")


def test_delays_are_the_published_ones(answered: pd.DataFrame) -> None:
    first = answered[answered["label_source"] == "gateway"]
    delay = (first["answered_at"] - first["known"]).dt.total_seconds()
    assert (delay > 0).all()
    assert delay.median() == pytest.approx(30.0, rel=0.05)
    assert (delay > 360).mean() == pytest.approx(0.05, abs=0.01)


def test_half_to_one_percent_answer_after_two_days_or_never(calm: dict[int, World]) -> None:
    for world in calm.values():
        known = world.submissions.set_index("submission_id")["submitted_at"]
        first = world.outcomes.groupby("submission_id")["answered_at"].min().reindex(known.index)
        late = first.isna() | (first - known > pd.Timedelta(days=2))
        low, high = facts.ANSWER_NEVER.value
        slack = 4 * np.sqrt(high / len(late))
        assert low - slack <= late.mean() <= high + slack


def test_the_final_answer_tells_the_truth(answered: pd.DataFrame) -> None:
    final = answered.sort_values("answered_at", kind="stable").groupby("submission_id").tail(1)
    said = final[final["status"] != "unknown"]
    assert (said["status"].isin(["failed", "partial"]) == (said["cause_true"] != "ok")).all()


def test_disputes_flip_successes_within_three_weeks(answered: pd.DataFrame) -> None:
    disputes = answered[answered["label_source"] == "dispute"]
    before = answered[answered["label_source"] == "gateway"].set_index("submission_id")
    assert (before.loc[disputes["submission_id"], "status"] == "success").all()
    assert (disputes["cause"] == disputes["cause_true"]).all()
    wait = disputes["answered_at"].to_numpy() - before.loc[disputes["submission_id"], "answered_at"].to_numpy()
    hours = pd.Series(wait).dt.total_seconds() / 3_600
    assert hours.between(1.0 - 1e-6, 21 * 24 + 1e-6).all()
    low, high = facts.DISPUTED.value
    assert low <= len(disputes) / (before["status"] == "success").sum() <= high


def test_people_answer_what_the_gateway_left_open(answered: pd.DataFrame) -> None:
    manual = answered[answered["label_source"] == "manual"]
    before = answered[answered["label_source"] == "gateway"].set_index("submission_id")
    assert len(manual) > 0
    assert (before.loc[manual["submission_id"], "status"] == "unknown").all()
    assert (manual["cause"] == manual["cause_true"]).all()


def test_what_the_gateway_says_is_not_the_cause(answered: pd.DataFrame) -> None:
    gateway = answered[(answered["label_source"] == "gateway") & answered["status"].isin(["failed", "partial"])]
    lost = gateway["cause"].isna().mean()
    assert 0.08 <= lost <= 0.25
    wrong = (gateway["cause"].notna() & (gateway["cause"] != gateway["cause_true"])).mean()
    assert 0.10 <= wrong <= 0.50
    forged = gateway.loc[gateway["cause_true"] == "forged", "gateway_message"]
    assert forged.value_counts().idxmax() == "卡已被使用"
    assert forged.nunique() > 1
    limited = gateway.loc[gateway["cause_true"] == "rate_limited", "gateway_message"]
    if len(limited) > 50:
        assert limited.value_counts().idxmax() == "无效卡"


def test_a_wrong_face_value_ends_three_ways(calm: dict[int, World]) -> None:
    rows = []
    for world in calm.values():
        wrong = world.truth.loc[world.truth["cause"] == "wrong_face_value", "submission_id"]
        declared = world.submissions.set_index("submission_id")["face_value"]
        last = world.outcomes[world.outcomes["submission_id"].isin(wrong)]
        last = last[last["status"].isin(["failed", "partial"])].drop_duplicates("submission_id", keep="last")
        rows.append(last.assign(declared=declared.reindex(last["submission_id"]).to_numpy()))
    last = pd.concat(rows)
    refused = last["status"] == "failed"
    assert 0.2 < refused.mean() < 0.5
    assert (last.loc[refused, "settled_value"] == 0).all()
    paid = last[~refused]
    assert (paid["settled_value"] > 0).all()
    assert 0.02 < (paid["settled_value"] == paid["declared"]).mean() < 0.5
    assert (paid["settled_value"] < paid["declared"]).mean() > 0.5


def test_answers_may_come_after_the_last_day(calm: dict[int, World]) -> None:
    world = calm[7]
    end = world.submissions["submitted_at"].max().floor("D") + pd.Timedelta(days=1)
    assert (world.outcomes["answered_at"] > end).any()
    assert set(world.outcomes["submission_id"]) <= set(world.submissions["submission_id"])
