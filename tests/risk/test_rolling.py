import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError
from cardrisk.pictures import evaluation_pictures
from cardrisk.risk import prequential
from cardrisk.risk.labels import DAY, labels_of
from cardrisk.risk.rolling import SHOWN, origins
from cardrisk.risk.tables import prepare

from .tables_for_risk import KEY, answers, cards

QUICK = {"rounds": 20}


@pytest.fixture(scope="module")
def tables():
    submissions = cards(1_500)
    return submissions, answers(submissions, wait="12h")


@pytest.fixture(scope="module")
def report(tables):
    submissions, outcomes = tables
    p = np.where(submissions["store_id"].isin(["m1", "m2", "m3"]), 0.45, 0.12)
    truth = pd.DataFrame({"submission_id": submissions["submission_id"], "p_fail": p})
    return prequential(
        submissions, outcomes, truth=truth, folds=3, key=KEY, params=QUICK, threads=1, bootstrap=25
    )  # fmt: skip


def test_every_card_after_the_first_origin_is_scored_once_by_a_model_of_its_past(tables, report):
    submissions, _ = tables
    folds = report.frames["folds"]
    assert list(folds["fold"]) == [1, 2, 3]
    assert (folds["start"].iloc[1:].to_numpy() == folds["end"].iloc[:-1].to_numpy()).all()
    tested = submissions[submissions["submitted_at"] >= folds["start"].iloc[0]]
    assert sorted(report.frames["scored"]["submission_id"]) == sorted(tested["submission_id"])
    assert folds["tested"].sum() == len(tested)
    assert folds["trained"].is_monotonic_increasing


def test_each_fold_stands_beside_base_screening_and_ceiling_with_intervals(report):
    folds = report.frames["folds"]
    for name in SHOWN:
        assert folds[name].notna().all()
        assert (folds[f"{name}_low"] <= folds[f"{name}_high"]).all()
        assert folds[f"ceiling_{name}"].notna().all()
    np.testing.assert_allclose(folds["base_average_precision"], folds["rate"])
    assert (folds["average_precision"] > folds["base_average_precision"]).all()
    assert report.metrics["average_precision"] > report.metrics["base_average_precision"]


def test_answers_are_given_time_before_an_origin(tables):
    submissions, outcomes = tables
    made = prepare(submissions, outcomes, key=KEY)
    for origin in origins(made, folds=3):
        assert made.moments[origin.rows].max() < origin.test.start - 12 * 3_600_000_000
        assert (origin.tables.outcomes["answered_at"] < pd.Timestamp(origin.test.start, unit="us", tz="UTC")).all()
        assert labels_of(origin.tables.submissions["submission_id"], origin.tables.outcomes).known.all()
    for origin in origins(made, folds=2, gap_days=3):
        assert made.moments[origin.rows].max() < origin.test.start - 3 * DAY
    (only,) = origins(made, folds=1, gap_days=0)
    assert made.moments[only.rows].max() < only.test.start


def test_what_became_known_after_an_origin_changes_no_model_before_it(tables, report):
    submissions, outcomes = tables
    last = report.frames["folds"]["start"].iloc[-1]
    changed = outcomes.copy()
    late = (changed["answered_at"] >= last).to_numpy()
    changed.loc[late, "status"] = np.where(changed.loc[late, "status"] == "failed", "success", "failed")
    again = prequential(submissions, changed, folds=3, key=KEY, params=QUICK, threads=1, bootstrap=0)
    before = last.floor("D") - pd.Timedelta("1D")
    first, second = (r.frames["scored"].set_index("submission_id")["p_fail"] for r in (report, again))
    early = submissions.loc[submissions["submitted_at"] < before, "submission_id"]
    kept = first.index.intersection(early)
    assert len(kept) > 300
    pd.testing.assert_series_equal(first[kept], second[kept])


def test_folds_have_pictures(report):
    assert {"folds", "calibration", "days"} <= set(evaluation_pictures(report))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [({"folds": 0}, "folds >= 1"), ({"first_share": 1.5}, "first_share"), ({"gap_days": -1}, "gap_days >= 0")],
)
def test_numbers_must_make_sense(tables, wrong, match):
    with pytest.raises(InputError, match=match):
        prequential(*tables, key=KEY, params=QUICK, threads=1, **wrong)


def test_no_usable_fold_is_said(tables):
    submissions, outcomes = tables
    with pytest.raises(InputError, match="before an origin"):
        prequential(submissions, outcomes.assign(status="success"), key=KEY, threads=1)
