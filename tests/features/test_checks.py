"""The same checks sweep every declaration: the library's, and a user's over columns of their own."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import FeatureMismatchError, InputError
from cardrisk.features import FEATURES, FeatureSet, Key, LiveHistory, compute, feature
from cardrisk.features.arrays import DAY
from cardrisk.features.live import book
from cardrisk.features.live.layout import STATE
from cardrisk.features.stores.tables import entries_of

from .worlds import tables

TILL = Key("till", ("shop", "till"))
CASHIER = Key("cashier", ("cashier",), 3_600_000_000)
OWN = FeatureSet(
    (
        feature("count", TILL, "1d"),
        feature("sum", TILL, "7d", of="tip"),
        feature("number_mean", CASHIER, "30d", of="weight"),
        feature("distinct", TILL, "7d", of="cashier"),
        feature("failure_share", CASHIER, "7d"),
        feature("top_share", TILL, "30d", of="note"),
        feature("regularity", TILL, "7d"),
        feature("flag_share", CASHIER, "1d", of="vip"),
        feature("column", of="weight"),
        feature("category", of="mood"),
    )
)


def own_tables(rng):
    submissions, outcomes = tables(rng, n=120)
    n = len(submissions)
    submissions["shop"] = rng.integers(0, 2, n)
    submissions["till"] = rng.choice(["x", "y", None], n)
    submissions["cashier"] = rng.choice([1.5, 2.5, np.nan], n)
    submissions["tip"] = np.round(rng.uniform(0, 5, n), 2)
    submissions["weight"] = rng.normal(size=n)
    submissions["vip"] = pd.array(rng.choice([True, False, None], n), dtype="boolean")
    submissions["mood"] = rng.choice(["good", "bad", None], n)
    outcomes["note"] = rng.choice(["p", "q", None], len(outcomes))
    return submissions.drop_duplicates("submission_id", ignore_index=True), outcomes


SWEEP = [("library", FEATURES, lambda rng: tables(rng, n=80)), ("own", OWN, own_tables)]
swept = pytest.mark.parametrize(("features", "make"), [s[1:] for s in SWEEP], ids=[s[0] for s in SWEEP])


def bits(frame):
    """Values that compare equal exactly when their bits do (any NaN equals any NaN)."""
    return frame.astype(object).where(frame.notna(), "null")


@swept
def test_cold_start_gives_a_row_per_card(features, make):
    submissions, _ = make(np.random.default_rng(1))
    found = compute(submissions.iloc[:1], None, features=features)
    assert list(found.columns) == features.names
    assert compute(submissions.iloc[:0], None, features=features).shape == (0, len(features))


@swept
def test_index_order_and_columns_do_not_matter_and_nothing_is_changed(features, make):
    rng = np.random.default_rng(2)
    submissions, outcomes = make(rng)
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)
    outcomes = outcomes.drop_duplicates(["submission_id", "answered_at"])
    kept = submissions.copy(), outcomes.copy()
    expected = compute(submissions, outcomes, features=features)
    rows = rng.permutation(len(submissions))
    shuffled = submissions.iloc[rows][rng.permutation(submissions.columns)]
    found = compute(shuffled, outcomes.sample(frac=1, random_state=1), features=features)
    pd.testing.assert_frame_equal(bits(found), bits(expected.iloc[rows]))
    pd.testing.assert_frame_equal(submissions, kept[0])
    pd.testing.assert_frame_equal(outcomes, kept[1])


@swept
def test_missing_columns_are_unknown(features, make):
    submissions, outcomes = make(np.random.default_rng(3))
    bare = compute(submissions[["submission_id", "submitted_at"]], outcomes, features=features)
    assert list(bare.columns) == features.names


@swept
def test_history_apart_equals_history_inside(features, make):
    submissions, outcomes = make(np.random.default_rng(4))
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)
    whole = compute(submissions, outcomes, features=features)
    late = np.arange(len(submissions)) % 3 == 0
    of_late = outcomes["submission_id"].isin(submissions.loc[late, "submission_id"])
    apart = compute(
        submissions[late], outcomes[of_late], history=(submissions[~late], outcomes[~of_late]), features=features
    )
    pd.testing.assert_frame_equal(bits(apart), bits(whole[late]))


def mutate_after(rng, submissions, outcomes, t):
    """Change, remove and invent whatever became known at or after ``t``."""
    known = submissions["received_at"].fillna(submissions["submitted_at"])
    later = (known >= t).to_numpy()
    changed = submissions.copy()
    for column in changed.columns.difference(["submission_id", "submitted_at", "received_at"]):
        changed.loc[later, column] = changed.loc[later, column].sample(frac=1, random_state=1).to_numpy()
    answers = outcomes.copy()
    late = (answers["answered_at"] >= t).to_numpy()
    answers.loc[late, "status"] = rng.choice(["success", "failed", "unknown"], late.sum())
    answers = answers[~late | (rng.random(len(answers)) < 0.5)]
    extra = outcomes.sample(20, random_state=2).assign(answered_at=t + pd.Timedelta(minutes=1), status="failed")
    return changed[~later | (rng.random(len(changed)) < 0.8)], pd.concat([answers, extra], ignore_index=True), ~later


APART = pd.Timedelta(days=400)
"""Worlds so far apart say nothing of each other, whatever they share: history forgets sooner."""


def far_apart(worlds):
    """Lay independent worlds into one pair of tables: each in days of its own, with ids of its own."""
    parts = []
    for number, (submissions, outcomes) in enumerate(worlds):
        shifted = []
        for frame in (submissions, outcomes):
            times = {
                name: frame[name] + number * APART
                for name in ("submitted_at", "received_at", "answered_at")
                if name in frame
            }
            shifted.append(frame.assign(submission_id=f"{number}:" + frame["submission_id"], **times))
        parts.append(shifted)
    submissions, outcomes = (pd.concat(frames) for frames in zip(*parts, strict=True))
    return submissions.set_index("submission_id", drop=False), outcomes.reset_index(drop=True)


@swept
def test_the_future_cannot_be_read(features, make, full_or):
    rng = np.random.default_rng(5)
    side_by_side, moments_each = full_or(50, 6), full_or(10, 4)
    for _ in range(full_or(20, 1)):
        worlds = [make(rng) for _ in range(side_by_side)]
        worlds = [(s.drop_duplicates("submission_id", ignore_index=True), o) for s, o in worlds]
        before = compute(*far_apart(worlds), features=features)
        for _ in range(moments_each):
            changed, kept = [], []
            for number, (submissions, outcomes) in enumerate(worlds):
                t = submissions["received_at"].fillna(submissions["submitted_at"]).sample(random_state=rng).iloc[0]
                *tables_after, same = mutate_after(rng, submissions, outcomes, t)
                changed.append(tables_after)
                kept.append(f"{number}:" + submissions.loc[same, "submission_id"])
            after = compute(*far_apart(changed), features=features)
            rows = pd.concat(kept)
            pd.testing.assert_frame_equal(after.loc[rows], before.loc[rows], check_exact=True)


def test_a_leaking_feature_is_caught_by_the_same_check():
    rng = np.random.default_rng(6)
    submissions, outcomes = tables(rng, n=80)
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)

    def leaking(submissions, outcomes):
        bad = outcomes[outcomes["status"] == "failed"].groupby("submission_id").size()
        return submissions.assign(f=submissions["submission_id"].map(bad)).groupby("submitter_id")["f"].transform("sum")

    t = submissions["submitted_at"].median()
    changed, answers, kept = mutate_after(rng, submissions, outcomes, t)
    rows = submissions.index[kept]
    assert not leaking(submissions, outcomes)[rows].equals(leaking(changed, answers)[rows])


@swept
def test_live_equals_batch_and_late_events_count_from_the_handing_over(features, make):
    rng = np.random.default_rng(7)
    submissions, outcomes = make(rng)
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True).assign(batch_id=None)
    history = LiveHistory(features)
    read = {}
    entries = list(entries_of(submissions, outcomes))
    for place in rng.permutation(len(entries))[:30]:  # some events are handed over long after their moment
        entries.insert(min(int(place) + 40, len(entries) - 1), entries.pop(place))
    for entry in entries:
        if entry.kind == "card":
            read[entry.row["submission_id"]] = history.features(entry.row)
            history.observe(entry.row)
        else:
            history.answer(entry.row)
    stored, answered = history.tables()
    batch = compute(stored, answered, features=features)
    live = pd.DataFrame([read[name] for name in stored["submission_id"]])[features.names]
    numbers = features.numeric
    np.testing.assert_array_equal(live[numbers].to_numpy(float), batch[numbers].to_numpy(float))


def test_reading_writes_nothing_and_a_window_read_later_has_moved():
    submissions, outcomes = tables(np.random.default_rng(8), n=60)
    features = FEATURES.select(["submitter_count_1d", "submitter_failed_7d", "batch_top_share_gateway_message_7d"])
    history = LiveHistory(features)
    for entry in entries_of(submissions, outcomes):
        (history.observe if entry.kind == "card" else history.answer)(entry.row)
    card, now = dict(list(history.store.since(0))[-1].row) | {"submitter_id": "u0", "batch_id": "b0"}, history.now
    first = history.features(card, at=now)
    later = history.features(card, at=now + 400 * DAY)
    again = history.features(card, at=now)
    assert str(first) == str(again)
    assert later["submitter_count_1d"] == 0.0


def test_memory_is_bounded():
    features = FEATURES.select(
        ["submitter_count_30d", "device_distinct_submitter_id_1d", "submitter_burst_failed_life"]
    )
    history = LiveHistory(features)
    for i in range(3_000):
        moment = i * DAY // 20
        card = {"submission_id": f"s{i}", "submitter_id": f"u{i}", "device_token": f"d{i}"}
        history.observe(card, at=moment)
        history.answer({"submission_id": f"s{i}", "status": "failed"}, at=moment + 1)
    state = history.state
    held = 90 * 20 + 2
    assert len(state.names) <= held
    assert len(state.by_id) <= held
    assert len(state.coding.codes) <= 2 * held
    counts = state._tables[book.COUNTS]
    assert counts[book.SLOTS_USED] <= held * len(state.layout.keys)
    assert counts[book.PAIRS_USED] <= held
    assert len(state._tables[book.CARDS]) <= 2 * 2048
    assert counts[book.M_USED] <= held * state.layout.slot_size.sum()


def test_what_left_a_window_before_a_card_came_is_counted_out_for_good():
    features = FEATURES.select(["submitter_failed_7d"])
    history = LiveHistory(features)
    history.observe({"submission_id": "a", "submitter_id": "u"}, at=DAY)
    history.answer({"submission_id": "a", "status": "failed"}, at=2 * DAY)
    stream, table = history.layout.streams[0], history.state._tables[book.M]
    for day, oldest in ((3, 0), (30, -1)):  # or every read until the next answer would begin at the one of day 2
        history.observe({"submission_id": day, "submitter_id": "u"}, at=day * DAY)
        assert table[stream[STATE]] == oldest


def test_declarations_are_told_apart_and_refused_by_name():
    with pytest.raises(InputError, match="expected distinct feature names, got 'till_count_1d' twice"):
        FeatureSet((OWN.features[0], OWN.features[0]))
    with pytest.raises(FeatureMismatchError, match=r"got \['nobody'\]"):
        FEATURES.select(["nobody"])
    with pytest.raises(InputError, match="expected one of the statistics"):
        feature("median", TILL, "1d")
    with pytest.raises(InputError, match="expected a key and one of the windows"):
        feature("count", TILL, "2d")
    for statistic, of in (("distinct", "cashier"), ("top_share", "note")):
        with pytest.raises(InputError, match=f"at most 30 days for '{statistic}', got 'life'"):
            feature(statistic, TILL, "life", of=of)
    assert FEATURES.digest != OWN.digest
    assert FEATURES.select(FEATURES.names).digest == FEATURES.digest
    assert all(f.why and f.claim and f.unit and f.null for f in FEATURES)
