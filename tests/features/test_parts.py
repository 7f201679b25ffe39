"""Features computed in parts are the features of the whole, bit for bit, however the table is cut."""

import shutil

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES, compute, parts
from cardrisk.features.parts import large as walked
from cardrisk.features.parts.disk import Order, sort_to
from cardrisk.features.parts.keyed import Hand
from cardrisk.features.parts.large import compute_large

from . import cutting, worlds


def assert_same_bits(found, expected):
    assert list(found.columns) == list(expected.columns)
    for name in expected.columns:
        left, right = expected[name], found[name]
        assert left.dtype == right.dtype, name
        if left.dtype.kind == "f":
            kind = f"u{left.dtype.itemsize}"
            same = left.to_numpy().view(kind) == right.to_numpy().view(kind)
            same |= left.isna().to_numpy() & right.isna().to_numpy()
            assert same.all(), (name, left[~same].head(3).tolist(), right[~same].head(3).tolist())
        else:
            pd.testing.assert_series_equal(left, right, check_index=False)


def trouble(seed, n=60):
    rng = np.random.default_rng([77, seed])
    days, entities = int(rng.choice([2, 10, 40, 200])), int(rng.choice([1, 3, 8]))
    submissions, outcomes = worlds.tables(rng, n=n, days=days, entities=entities)
    extra = [c for c in ("entry_method", "medium", "code_kind_fit", "photo_quality", "account_bound") if seed % 2]
    for column in extra:
        submissions[column] = rng.choice([0.0, 1.0, np.nan], n) if column in extra[3:] else rng.choice(["a", "b"], n)
    return rng, submissions, outcomes


def test_any_cut_gives_the_bits_of_the_whole(full_or):
    for seed in range(full_or(300, 4)):
        rng, submissions, outcomes = trouble(seed)
        history = None
        if seed % 3:
            past, told = worlds.tables(rng, n=50, days=20)
            submissions, history = submissions.copy(), (past, told)
            submissions.loc[::7, "submission_id"] = past["submission_id"].iloc[: len(submissions.iloc[::7])].tolist()
        expected = compute(submissions, outcomes, history=history, features=FEATURES)
        chunks, groups = int(rng.integers(1, 9)), int(rng.integers(1, 9))
        found = cutting.compute_cut(rng, submissions, outcomes, FEATURES, history, chunks, groups)
        assert_same_bits(found, expected)


def test_a_choice_of_features_needs_only_its_own_parts():
    rng, submissions, outcomes = trouble(3)
    few = FEATURES.select(["kind_failure_share_1h", "hour", "channel", "ring_cards", "ip_1h_count"][:4])
    assert {part.key.name for part in parts.part_plan(few).parts} == {"kind", "all"}
    assert_same_bits(cutting.compute_cut(rng, submissions, outcomes, few), compute(submissions, outcomes, features=few))


@pytest.mark.parametrize("frame", ["str", "object", "category", "string[pyarrow]"])
def test_equal_texts_are_one_identity_whatever_holds_them(frame):
    values = pd.Series(["a", None, "卡", "a" * 30, "a" * 31, ""])
    found = parts.identities(values.astype(frame))
    assert (found == parts.identities(values.astype("str"))).all()
    assert found[1] == parts.narrow.NULL
    assert len(set(found.tolist())) == len(values)


def test_equal_numbers_are_one_identity_and_unequal_ones_are_not():
    whole, real = pd.Series([0, 1, 10**9]), pd.Series([-0.0, 1.0, 1e9])
    assert (parts.identities(whole) == parts.identities(real)).all()
    assert len(set(parts.identities(pd.Series(np.arange(100_000) / 100)).tolist())) == 100_000


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64", "uint64", "Int64", "UInt64", "uint64[pyarrow]"])
def test_whole_numbers_have_the_identities_that_they_have_as_objects(dtype):
    edges = [2**53 - 1, 2**53, 2**53 + 1, 2**62, 2**63 - 1] if "64" in dtype else []
    whole = pd.Series([0, 1, 100, *edges]).astype(dtype)
    if dtype == "int64":
        whole = pd.concat([whole, -whole, pd.Series([-(2**63)])], ignore_index=True)
    plain = pd.Series(whole.tolist(), dtype=object)
    if dtype in ("Int64", "UInt64", "uint64[pyarrow]"):
        whole.iloc[1], plain.iloc[1] = pd.NA, None
    assert (parts.identities(whole) == parts.identities(plain)).all()


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "object"])
def test_long_whole_numbers_are_told_apart_whatever_holds_them(dtype):
    whole = pd.Series(np.arange(2**60 - 50, 2**60 + 50))
    found = parts.identities(whole.astype(dtype))
    assert len(set(found.tolist())) == len(whole)
    assert (found == parts.identities(whole)).all()


def test_combinations_depend_on_order_and_are_null_where_any_part_is():
    one, other = parts.identities(pd.Series(["a", "b", None])), parts.identities(pd.Series(["b", "a", "c"]))
    both = parts.together([one, other])
    assert both[0] != both[1]
    assert both[2] == parts.narrow.NULL


def test_one_search_deals_what_a_search_a_part_would(full_or):
    for seed in range(full_or(50, 3)):
        _, submissions, outcomes = trouble(seed)
        events = parts.events_of(submissions, np.arange(len(submissions)), FEATURES, asks=seed % 2 == 0)
        events[parts.RESUBMITTED] = 0
        ids = events[["seq", "time"]].assign(id=submissions["submission_id"].to_numpy())
        _, answers = parts.settled(ids, parts.outcomes_of(outcomes, np.arange(len(outcomes)), FEATURES))
        some = events.iloc[seed :: 1 + seed % 3]
        hand = Hand(some, answers)
        for part in parts.part_plan(FEATURES).parts:
            mine, rows, about, told = hand.deal(part)
            expected = parts.events_for(part, some)
            about_them = parts.answers_for(part, answers, expected, card_time=True)[list(about)]
            for found, frame, order in (
                (pd.DataFrame(mine).iloc[rows], expected, ["time", "seq"]),
                (pd.DataFrame(about).iloc[told], about_them, ["time", "rank"]),
            ):
                in_time = frame.sort_values(order, ignore_index=True)
                pd.testing.assert_frame_equal(found.reset_index(drop=True), in_time)


def test_entities_walked_from_disk_have_the_bits_of_the_whole(full_or, tmp_path, monkeypatch):
    monkeypatch.setattr(walked, "_STEP", 4)
    monkeypatch.setattr(walked, "_SOME", 10)
    for seed in range(100, 100 + full_or(60, 2)):
        rng, submissions, outcomes = trouble(seed)
        history = worlds.tables(rng, n=50, days=20) if seed % 2 else None
        block, folders = int(rng.integers(5, 15)), iter(range(10_000))

        def large(part, events, answers, block=block, folders=folders, seed=seed):
            if not len(events):
                return parts.compute_part(part, events, answers)
            scratch = tmp_path / f"{seed}_{next(folders)}"
            if seed % 3:
                events, answers = events.sort_values("time"), answers.sort_values("time")
            given = lambda frame: lambda: (frame.iloc[i : i + 31] for i in range(0, max(len(frame), 1), 31))  # noqa: E731
            pieces = list(compute_large(part, given(events), given(answers), scratch, block))
            shutil.rmtree(scratch)
            return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

        expected = compute(submissions, outcomes, history=history, features=FEATURES)
        found = cutting.compute_cut(rng, submissions, outcomes, FEATURES, history, groups=1, compute_part=large)
        assert_same_bits(found, expected)


def test_rows_of_any_order_are_sorted_on_disk(full_or, tmp_path):
    for seed in range(full_or(200, 10)):
        rng = np.random.default_rng([8, seed])
        rows, moments = int(rng.integers(0, 400)), int(rng.choice([1, 3, 1_000]))
        frame = pd.DataFrame({"time": rng.integers(0, moments, rows), "seq": rng.permutation(rows)})
        frame["value"] = frame["seq"] * 3
        expected = frame.sort_values(["time", "seq"], ignore_index=True)
        given = expected if seed % 4 == 0 else frame
        pieces = lambda given=given: (given.iloc[i : i + 37] for i in range(0, max(len(given), 1), 37))  # noqa: E731
        found = sort_to(tmp_path / str(seed), pieces, ("time", "seq"), int(rng.integers(1, 100)))
        assert found.rows == rows
        for name in frame:
            np.testing.assert_array_equal(found.column(name), expected[name])
        assert not list(tmp_path.glob("*/heap*"))


def test_rows_nearly_in_order_are_sorted_without_heaps(full_or, tmp_path, monkeypatch):
    monkeypatch.setattr(Order, "_heaped", lambda *_: pytest.fail("rows were laid on heaps"))
    for seed in range(full_or(200, 10)):
        rng = np.random.default_rng([9, seed])
        rows, late = int(rng.integers(1, 600)), int(rng.choice([1, 5, 20]))
        time = np.arange(rows) // int(rng.choice([1, 3]))
        frame = pd.DataFrame({"time": time, "seq": rng.permutation(rows), "few": (time % 7).astype("uint8")})
        given = frame.iloc[np.argsort(np.arange(rows) + rng.integers(0, late, rows), kind="stable")]
        pieces = lambda given=given: (given.iloc[i : i + 37] for i in range(0, len(given), 37))  # noqa: E731
        found = sort_to(tmp_path / str(seed), pieces, ("time", "seq"), 2 * late + 10)
        for name, column in frame.sort_values(["time", "seq"], ignore_index=True).items():
            np.testing.assert_array_equal(found.column(name), column)
            assert found.column(name).dtype == column.dtype
