"""``score``: every card in goes out, in order, read against the past alone."""

import numpy as np
import pandas as pd
import pytest

import cardrisk
from cardrisk.errors import BundleError, FeatureMismatchError, InputError, MissingColumnError, TimeZoneError
from cardrisk.facts import CAUSES
from cardrisk.policy import ACTIONS

CONTRACT = ["submission_id", "p_fail", "cause", *(f"p_{c}" for c in CAUSES)]
CONTRACT += ["decision", "expected_loss", "propensity", "reasons", "rule", "model_version"]


def scored(tiny, key, cards, **more):
    return cardrisk.score(cards, model=str(tiny.bundle), history=(tiny.early, tiny.outcomes), key=key, **more)


def test_columns_rows_order_and_index_are_those_of_the_contract(tiny, key) -> None:
    cards = tiny.late.head(300).sample(frac=1, random_state=1)
    out = scored(tiny, key, cards)
    assert list(out.columns) == CONTRACT
    assert out.index.equals(cards.index)
    assert (out["submission_id"] == cards["submission_id"]).all()
    assert out["p_fail"].between(0, 1).all()
    np.testing.assert_allclose(out[[f"p_{c}" for c in CAUSES]].sum(axis=1), out["p_fail"], rtol=1e-9)
    assert set(out["decision"]) <= set(ACTIONS)
    assert out["rule"].isna().all()


def test_one_by_one_a_batch_and_any_order_give_the_same_bits(tiny, key) -> None:
    """A card sees earlier cards of the call as history, so the rest of the call goes in as history one by one."""
    cards = tiny.late.head(40)
    whole = scored(tiny, key, cards, reasons="all")
    mixed = scored(tiny, key, cards.sample(frac=1, random_state=3), reasons="all").loc[cards.index]
    pd.testing.assert_frame_equal(whole, mixed, check_exact=True)
    for i in (0, 7, 39):
        past = pd.concat([tiny.early, cards.drop(index=i)])
        alone = cardrisk.score(
            cards.loc[[i]], model=str(tiny.bundle), history=(past, tiny.outcomes), key=key, reasons="none"
        )
        together = cards["batch_id"].eq(cards["batch_id"][i]) & cards["received_at"].eq(cards["received_at"][i])
        if together.sum() == 1:
            assert alone["p_fail"].iloc[0] == whole["p_fail"][i]


def test_the_future_cannot_be_read(tiny, key) -> None:
    """Changing every answer known at or after the last card, and every later card, moves nothing."""
    cards = tiny.late.head(200)
    end = cards["received_at"].fillna(cards["submitted_at"]).max()
    late = tiny.outcomes["answered_at"] >= end
    changed = tiny.outcomes.copy()
    changed.loc[late, "status"] = "failed"
    changed.loc[late, "cause"] = "forged"
    before = scored(tiny, key, cards, reasons="none")
    after = cardrisk.score(cards, model=str(tiny.bundle), history=(tiny.early, changed), key=key, reasons="none")
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    seen = tiny.outcomes.copy()
    seen.loc[~late, "status"] = "failed"
    moved = cardrisk.score(cards, model=str(tiny.bundle), history=(tiny.early, seen), key=key, reasons="none")
    assert (moved["p_fail"] != before["p_fail"]).any(), "the check can fail: the past does move scores"


def test_quarantined_rows_stay_in_place_held_with_their_rule(tiny, key) -> None:
    cards = tiny.late.head(6).copy()
    cards.loc[2, "face_value"] = -5.0
    cards.loc[4, "submission_id"] = cards.loc[0, "submission_id"]
    out = scored(tiny, key, cards)
    bad = out.loc[[2, 4]]
    assert bad["p_fail"].isna().all()
    assert (bad["decision"] == "hold").all()
    assert bad["rule"].tolist() == ["negative_money", "duplicate_submission_id"]
    assert out.drop(index=[2, 4])["p_fail"].notna().all()


def test_arrow_numpy_mappings_and_shuffled_or_extra_columns_give_the_same_bits(tiny, key) -> None:
    cards = tiny.late.head(30)
    plain = scored(tiny, key, cards, reasons="none")
    for other in (
        cards.convert_dtypes(dtype_backend="pyarrow"),
        cards.astype(object),
        cards[list(reversed(cards.columns))].assign(nonsense=1),
        cards.to_dict("records"),
    ):
        pd.testing.assert_frame_equal(plain, scored(tiny, key, other, reasons="none"), check_exact=True)


def test_unknown_columns_are_reported_not_an_error(tiny, key) -> None:
    out = scored(tiny, key, tiny.late.head(2).assign(nonsense=1), reasons="none")
    assert out.attrs["ignored"] == ["is_synthetic", "nonsense"]


def test_the_smallest_card_is_enough(tiny, key) -> None:
    out = cardrisk.score(
        {"submission_id": "a", "submitted_at": "2026-02-01T00:00:00Z", "submitter_id": "u"},
        model=str(tiny.bundle),
        key=key,
    )
    assert 0 < out["p_fail"].iloc[0] < 1


def test_reasons_are_given_where_asked(tiny, key) -> None:
    cards = tiny.late.head(60)
    assert not scored(tiny, key, cards, reasons="none")["reasons"].map(len).any()
    stopped = scored(tiny, key, cards, language="zh")
    assert not stopped.loc[stopped["decision"] == "accept", "reasons"].map(len).any()
    assert stopped.loc[stopped["decision"] != "accept", "reasons"].map(len).any()


def test_unusable_calls_say_what_was_expected(tiny, key) -> None:
    cards = tiny.late.head(2)
    with pytest.raises(MissingColumnError, match="submitted_at"):
        scored(tiny, key, cards.drop(columns="submitted_at"))
    with pytest.raises(TimeZoneError, match="zone"):
        scored(tiny, key, cards.assign(submitted_at="2026-01-05 08:00:00"))
    with pytest.raises(InputError, match="reasons: expected 'stopped', 'all' or 'none', got 'some'"):
        scored(tiny, key, cards, reasons="some")
    with pytest.raises(InputError, match="expected a DataFrame, a mapping or a list of mappings, got int"):
        scored(tiny, key, 3)
    for history in (cards, (cards, cards, cards), "world"):
        with pytest.raises(InputError, match=r"history: expected a pair \(submissions, outcomes\)"):
            cardrisk.score(cards, model=str(tiny.bundle), key=key, history=history)
    with pytest.raises(BundleError, match="model: expected a model, a bundle folder or an MLflow reference, got int"):
        cardrisk.score(cards, model=3, key=key)


def test_no_rows_give_no_rows(tiny, key) -> None:
    out = scored(tiny, key, tiny.late.head(0))
    assert list(out.columns) == CONTRACT
    assert len(out) == 0


def test_a_hostile_cell_in_a_mapping_is_quarantined_not_raised(tiny, key) -> None:
    card = {"submission_id": "a", "submitted_at": "2026-02-01T00:00:00Z", "submitter_id": "\ud800"}
    out = cardrisk.score([card], model=str(tiny.bundle), key=key)
    assert len(out) == 1
    out = cardrisk.score([card, card | {"submission_id": "\ud800b"}], model=str(tiny.bundle), key=key)
    assert list(out["submission_id"].isna()) == [False, True]


def test_a_model_over_columns_that_are_kept_out_is_refused_and_not_scored_without_them(tiny, key, monkeypatch) -> None:
    from dataclasses import replace

    from cardrisk.features import FEATURES, Key, feature

    own = [feature("count", Key("till", ("till",)), "7d"), feature("column", of="weight"), feature("column", of="mood")]
    others = [
        feature("count", Key("house", ("dealer_id", "ip_token")), "7d"),
        feature("flag_share", Key("house", ("dealer_id",)), "7d", of="code_stray"),
    ]
    model = replace(cardrisk.RiskModel.load(tiny.bundle), declared=FEATURES + own + others)
    reads = FEATURES.select(model.needed)
    monkeypatch.setitem(model.__dict__, "features", reads + others)
    assert cardrisk.score(tiny.late.head(3), model=model, key=key)["p_fail"].notna().all()
    monkeypatch.setitem(model.__dict__, "features", reads + own[:2])
    for road in (lambda: cardrisk.score(tiny.late, model=model, key=key), lambda: cardrisk.Scorer(model, key=key)):
        with pytest.raises(FeatureMismatchError, match="kept out of what is scored: till, weight; compute"):
            road()
