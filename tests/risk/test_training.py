from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from cardrisk.codes import intake
from cardrisk.errors import FeatureMismatchError, InputError, MissingColumnError, TimeZoneError, TrainingWarning
from cardrisk.facts import CAUSES
from cardrisk.features import FEATURES, FeatureSet, Key, compute, feature
from cardrisk.risk import metrics, train
from cardrisk.risk.tables import prepare
from tests.risk.tables_for_risk import KEY, answers, cards, moment

QUICK = {"rounds": 40, "cause_rounds": 4}


def learn(submissions, outcomes, **options):
    return train(submissions, outcomes, key=KEY, params=QUICK, threads=1, **options)


@pytest.fixture(scope="module")
def handbook():
    submissions = cards()
    return submissions, answers(submissions)


@pytest.fixture(scope="module")
def model(handbook):
    return learn(*handbook)


def features_of(model, submissions, outcomes, key=KEY):
    tables = prepare(submissions, outcomes, key=key)
    return compute(tables.submissions, tables.outcomes, features=model.features)


def test_the_minimal_handbook_table_trains_and_ranks(handbook, model):
    submissions, outcomes = handbook
    assert "face_value" in model.needed
    assert "channel" in model.card.columns.dropped
    later = cards(2_000, seed=9).assign(submitted_at=lambda f: f["submitted_at"] + pd.Timedelta("20D"))
    later["submission_id"] = "n" + later["submission_id"]
    later_answers = answers(later, seed=9)
    both = pd.concat([submissions, later]), pd.concat([outcomes, later_answers])
    frame = features_of(model, *both).iloc[len(submissions) :]
    failed = (later_answers["status"] == "failed").to_numpy(float)
    p = model.predict(frame)["p_fail"].to_numpy()
    # the best possible AUC of this table is about .86; its standard error at 2,000 cards about .012
    assert metrics.auc(metrics.Ranking.of(failed, p)) > 0.75
    assert abs(p.mean() - failed.mean()) < 0.05


def test_without_causes_every_cause_is_null(handbook, model):
    p = model.predict(features_of(model, *handbook))
    assert p["p_fail"].between(0, 1).all()
    assert p.drop(columns="p_fail").isna().all(axis=None)


def test_with_causes_they_sum_to_p_fail(handbook):
    submissions = handbook[0]
    outcomes = answers(submissions, causes=True)
    fitted = learn(submissions, outcomes)
    p = fitted.predict(features_of(fitted, submissions, outcomes))
    assert list(p.columns) == ["p_fail", *(f"p_{cause}" for cause in CAUSES)]
    np.testing.assert_allclose(p.drop(columns="p_fail").sum(axis=1), p["p_fail"], rtol=1e-12)
    assert (p.drop(columns="p_fail") > 0).all(axis=None)
    store = submissions["store_id"].isin(["m1", "m2", "m3"]).to_numpy()
    assert p.loc[store, "p_mistyped"].mean() > 3 * p.loc[~store, "p_mistyped"].mean()


def test_nothing_known_later_changes_the_model(handbook):
    submissions, outcomes = handbook
    cut = moment(15.0)
    seen = submissions[submissions["submitted_at"] < pd.Timestamp(cut, unit="us", tz="UTC")]
    told = outcomes[outcomes["answered_at"] < pd.Timestamp(cut, unit="us", tz="UTC")]
    before = outcomes["answered_at"] < pd.Timestamp(cut, unit="us", tz="UTC")
    turned = outcomes.assign(status=np.where(before, outcomes["status"], "failed"))
    versions = {
        learn(seen, told, as_of=cut).version,
        learn(submissions, outcomes, as_of=cut).version,
        learn(submissions, turned, as_of=pd.Timestamp(cut, unit="us", tz="UTC")).version,
    }
    assert len(versions) == 1


def test_unanswered_cards_are_no_successes(handbook):
    submissions, outcomes = handbook
    fails = outcomes[outcomes["status"] == "failed"]
    some = pd.concat([fails, outcomes[outcomes["status"] == "success"].iloc[::4]])
    fitted = learn(submissions, some)
    p = fitted.predict(features_of(fitted, submissions, some))["p_fail"]
    assert p.mean() > 2 * len(fails) / len(submissions)


def test_same_input_same_model_and_shuffled_rows_change_no_score(handbook, model):
    submissions, outcomes = handbook
    assert learn(submissions, outcomes).version == model.version
    frame = features_of(model, submissions, outcomes)
    mixed = features_of(model, submissions.sample(frac=1, random_state=1), outcomes.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(model.predict(mixed).loc[frame.index], model.predict(frame))


def test_history_feeds_features_but_is_not_trained_on(handbook):
    submissions, outcomes = handbook
    late = submissions["submitted_at"] >= pd.Timestamp(moment(8.0), unit="us", tz="UTC")
    fitted = learn(submissions[late], outcomes, history=(submissions[~late], outcomes.iloc[:0]))
    assert fitted.about["cards"]["given"] == late.sum()
    assert "submitter_count_30d" in fitted.card.columns.names


@pytest.mark.parametrize("status", ["success", "failed", "unknown"])
def test_a_single_class_is_said_clearly(status):
    submissions = cards(50)
    with pytest.raises(InputError, match="expected answered cards with both successes and failures"):
        learn(submissions, answers(submissions).assign(status=status))


def test_no_outcome_at_all_is_said_clearly():
    submissions = cards(50)
    with pytest.raises(InputError, match="got no answered card"):
        learn(submissions, answers(submissions).iloc[:0])


@pytest.mark.parametrize("count", [8, 60, 300])
def test_tiny_tables_train(count):
    submissions = cards(count)
    outcomes = answers(submissions, wait="1h")
    outcomes.loc[[2, 5], "status"] = ["failed", "success"]
    with pytest.warns(TrainingWarning, match="cards failed, expected 100 or more"):
        fitted = learn(submissions, outcomes)
    p = fitted.predict(features_of(fitted, submissions, outcomes))
    assert p["p_fail"].between(0, 1, inclusive="neither").all()


def test_few_failures_stay_near_their_rate():
    submissions = cards(2_000)
    outcomes = answers(submissions, wait="1h").assign(status="success")
    outcomes.loc[::400, "status"] = "failed"
    with pytest.warns(TrainingWarning, match="only 5 cards failed"):
        fitted = learn(submissions, outcomes)
    p = fitted.predict(features_of(fitted, submissions, outcomes))["p_fail"]
    assert 0.0005 < p.mean() < 0.02


def test_unknown_kinds_are_a_category():
    submissions = cards(1_000).assign(card_kind="a kind nobody listed", channel="ecommerce")
    fitted = learn(submissions, answers(submissions, wait="1h"))
    other = submissions.assign(card_kind="another one")
    p = fitted.predict(features_of(fitted, other, answers(other, wait="1h")))
    assert p["p_fail"].notna().all()


def test_a_feature_the_model_needs_is_refused_by_name(handbook, model):
    frame = features_of(model, *handbook)
    with pytest.raises(FeatureMismatchError, match="were not given: face_value"):
        model.predict(frame.drop(columns="face_value"))
    assert len(model.predict(frame.assign(more=1.0)))


def test_rare_tails_of_amounts_stay_visible():
    random = np.random.default_rng(0)
    submissions = cards(20_000)
    tail = random.choice(20_000, 60, replace=False)
    submissions["face_value"] = random.choice([50.0, 100.0, 200.0], 20_000) + np.round(random.random(20_000), 2)
    submissions.loc[tail, "face_value"] = 5_000.0
    outcomes = answers(submissions, wait="1h").assign(status="success")
    outcomes.loc[::50, "status"] = "failed"
    outcomes.loc[tail, "status"] = "failed"
    fitted = train(submissions, outcomes, key=KEY, threads=1)
    p = fitted.predict(features_of(fitted, submissions, outcomes))["p_fail"].to_numpy()
    assert np.median(p[tail]) > 0.3
    assert np.delete(p, tail).mean() < 0.04


def test_direction_of_the_document_is_kept():
    random = np.random.default_rng(0)
    submissions = cards(4_000)
    submissions["asking_price"] = np.round(submissions["face_value"] * random.uniform(0.5, 1.0, 4_000), 2)
    submissions["valid_until"] = submissions["submitted_at"] + pd.to_timedelta(
        random.uniform(-30, 300, 4_000), unit="D"
    )
    fitted = learn(submissions, answers(submissions, wait="1h"))
    frame = features_of(fitted, submissions, answers(submissions, wait="1h")).iloc[:300]
    for name in {"price_ratio", "days_until_valid_until"} & set(fitted.needed):
        steps = [fitted.margin(frame.assign(**{name: np.float32(value)})) for value in (-40.0, 0.3, 0.6, 0.9, 400.0)]
        for riskier, safer in pairwise(steps):
            assert (riskier >= safer - 1e-12).all()


def test_propensities_bring_back_what_the_policy_mostly_stops(handbook):
    submissions = cards(4_000)
    outcomes = answers(submissions, wait="1h")
    risky = (submissions["face_value"] > 150).to_numpy()
    let_through = ~risky | (np.random.default_rng(0).random(4_000) < 0.1)
    propensity = pd.Series(np.where(risky, 0.1, 1.0), index=submissions["submission_id"])
    seen = outcomes[let_through]
    tables = prepare(submissions, outcomes, key=KEY)
    frame = compute(tables.submissions, tables.outcomes)
    truth = (outcomes["status"] == "failed")[risky].mean()
    plain, weighted = (
        learn(submissions, seen, **given).predict(frame)["p_fail"][risky].mean()
        for given in ({}, {"propensity": propensity})
    )
    assert plain < weighted < truth + 0.05
    assert abs(weighted - truth) < abs(plain - truth)
    with pytest.raises(InputError, match=r"expected propensities in \(0, 1\], got 0.0"):
        learn(submissions, seen, propensity=propensity * 0)


def test_a_shuffled_label_scores_at_the_base_rate():
    submissions = cards(6_000)
    outcomes = answers(submissions, wait="1h")
    outcomes["status"] = np.random.default_rng(4).permutation(outcomes["status"])
    held = learn(submissions, outcomes).about["metrics"]
    # 1,200 held-out cards: the AUC of noise has a standard deviation of about .02; four of them
    assert abs(held["auc"] - 0.5) < 0.08


def test_bad_tables_and_moments_are_refused(handbook):
    submissions, outcomes = handbook
    with pytest.raises(MissingColumnError, match="submission_id"):
        learn(submissions.drop(columns="submission_id"), outcomes)
    with pytest.raises(TimeZoneError, match="with a time zone"):
        learn(submissions, outcomes, as_of="2026-01-10")
    with pytest.raises(InputError, match="expected cards known before the moment of training, got none"):
        learn(submissions, outcomes, as_of="2020-01-10T00:00Z")


def test_no_secret_reaches_the_model():
    submissions = cards(800)
    submissions["card_no"] = [f"90417{number:07d}" for number in range(800)]
    submissions["card_secret"] = [f"CANARY{number:06d}" for number in range(800)]
    fitted = learn(submissions, answers(submissions, wait="1h"))
    whole = b"".join(fitted.files.values()) + repr(fitted).encode()
    assert b"CANARY" not in whole
    assert b"90417" not in whole
    assert len(FEATURES) >= len(fitted.needed)


def test_features_over_columns_that_are_kept_out_are_told_of(handbook):
    own = FeatureSet((*FEATURES.select(["face_value"]), feature("count", Key("till", ("till",)), "7d")))
    submissions = handbook[0].assign(till="a")
    with pytest.warns(TrainingWarning, match="features read till, which are kept out"):
        learn(submissions, handbook[1], features=own)
    taken = intake(handbook[0], key=KEY).assign(till="a")
    learn(taken, handbook[1], features=own)  # a warning would be an error
