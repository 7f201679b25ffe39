import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError, MissingColumnError
from cardrisk.facts import CAUSES
from cardrisk.risk import evaluate
from cardrisk.risk.calibrate import sigmoid

START = pd.Timestamp("2026-01-05T00:00Z")


@pytest.fixture(scope="module")
def case():
    """Ten days of cards with a known probability; the score is that probability, blurred."""
    random = np.random.default_rng(0)
    count = 20_000
    margin = random.normal(-2.5, 1.3, count)
    p = sigmoid(margin)
    failed = random.random(count) < p
    cause = random.choice(["mistyped", "forged"], count)
    ids = [f"s{number}" for number in range(count)]
    at = (START + pd.to_timedelta(np.sort(random.uniform(0, 10 * 86_400, count)), unit="s")).as_unit("us")
    submissions = pd.DataFrame(
        {
            "submission_id": ids,
            "submitted_at": at,
            "channel": random.choice(["ecommerce", "offline"], count),
            "card_kind": random.choice(["qq_coin", "no such kind"], count),
            "submitter_registered_at": at - pd.to_timedelta(random.uniform(0, 900, count), unit="D"),
            "submitter_credit_score": 600 - 40 * margin + random.normal(0, 200, count),
            "code_kind_fit": np.where(random.random(count) < 0.05 + 0.2 * failed, "no_kind", "fits"),
        }
    )
    outcomes = pd.DataFrame(
        {
            "submission_id": ids,
            "answered_at": at + pd.Timedelta("1min"),
            "status": np.where(failed, "failed", "success"),
            "cause": np.where(failed, cause, "ok"),
        }
    ).iloc[:-500]
    scores = pd.DataFrame({"submission_id": ids, "p_fail": sigmoid(margin + random.normal(0, 0.7, count))})
    for name in CAUSES:
        scores[f"p_{name}"] = np.where(cause == name, 0.8, 0.2 / 12) * scores["p_fail"]
    incident = np.where((np.arange(count) % 1_000 < 50) & failed, "batch-7", None)
    truth = pd.DataFrame(
        {"submission_id": ids, "cause": np.where(failed, cause, "ok"), "p_fail": p, "incident": incident}
    )
    return scores, submissions, outcomes, truth, failed


def test_figures_stand_beside_base_screening_and_ceiling(case):
    scores, submissions, outcomes, truth, failed = case
    report = evaluate(scores, submissions, outcomes, truth=truth, bootstrap=60)
    got = report.metrics
    assert got["base_average_precision"] == pytest.approx(failed[:-500].mean(), abs=1e-9)
    assert got["base_average_precision"] < got["screening_average_precision"] < got["average_precision"]
    assert got["average_precision"] < got["ceiling_average_precision"]
    assert got["average_precision_low"] < got["average_precision"] < got["average_precision_high"]
    assert 0.7 < got["average_precision_of_ceiling"] < 1
    assert got["recall_at_review_15"] < got["recall_at_review_30"]
    assert abs(got["ceiling_bias"]) < 0.01
    assert got["ceiling_ece"] < 0.01
    assert got["cause_top1"] == 1.0
    assert got["base_cause_top1"] == pytest.approx(0.5, abs=0.05)
    assert all(np.isfinite(list(got.values())))


def test_frames_count_every_labelled_card_once(case):
    scores, submissions, outcomes, truth, failed = case
    frames = evaluate(scores, submissions, outcomes, truth=truth, bootstrap=0).frames
    labelled = len(failed) - 500
    assert len(frames["scored"]) == labelled
    for name in ("calibration", "segments", "days"):
        assert frames[name]["count"].sum() == labelled
    assert frames["causes"]["count"].sum() == failed[:-500].sum()
    assert set(frames["segments"]["family"]) <= {"game", "unknown"}
    incident = frames["incidents"].iloc[0]
    assert incident["incident"] == "batch-7"
    assert incident["delay_minutes"] >= 0
    assert {"failed", "p_fail", "ceiling"} <= set(frames["scored"].columns)


def test_without_truth_there_is_no_ceiling(case):
    scores, submissions, outcomes, _, _ = case
    report = evaluate(scores[["submission_id", "p_fail"]], submissions, outcomes, bootstrap=0)
    assert not any(name.startswith("ceiling") for name in report.metrics)
    assert "cause_top1" not in report.metrics
    assert not len(report.frames["incidents"])


def test_minimal_tables_are_enough(case):
    scores, submissions, outcomes, _, _ = case
    report = evaluate(scores, submissions[["submission_id", "submitted_at"]], outcomes, bootstrap=0)
    assert report.metrics["screening_auc"] == 0.5
    assert set(report.frames["segments"]["channel"]) == {"unknown"}


def test_labels_only_from_answers_known_by_then(case):
    scores, submissions, outcomes, _, _ = case
    early = evaluate(scores, submissions, outcomes, as_of=START + pd.Timedelta("5D"), bootstrap=0)
    assert len(early.frames["days"]) == 5
    with pytest.raises(InputError, match="expected scored cards with answers, got none"):
        evaluate(scores, submissions, outcomes, as_of=START)


def test_money_of_decisions_is_summed(case):
    scores, submissions, outcomes, _, _ = case
    decisions = pd.DataFrame(
        {
            "submission_id": scores["submission_id"],
            "decision": np.where(scores["p_fail"] > 0.2, "review", "accept"),
            "expected_loss": scores["p_fail"] * 10,
        }
    )
    report = evaluate(scores, submissions, outcomes, decisions=decisions, bootstrap=0)
    table = report.frames["decisions"].set_index("decision")
    assert table["share"].sum() == pytest.approx(1)
    assert table.loc["review", "rate"] > table.loc["accept", "rate"]
    assert report.metrics["money_expected_loss"] == pytest.approx(table["expected_loss"].sum())


def test_quarantined_cards_are_left_out_and_columns_are_named(case):
    scores, submissions, outcomes, _, _ = case
    holes = scores.assign(p_fail=scores["p_fail"].where(scores.index >= 100))
    assert len(evaluate(holes, submissions, outcomes, bootstrap=0).frames["scored"]) == len(scores) - 600
    with pytest.raises(MissingColumnError, match="expected a column p_fail in the scores"):
        evaluate(scores.drop(columns="p_fail"), submissions, outcomes)
