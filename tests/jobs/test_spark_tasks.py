"""The Spark road's tasks, cut at random and put together in this process, give the bits of one process."""

import numpy as np
import pandas as pd
import pytest

import cardrisk
from cardrisk.codes import intake
from cardrisk.features import FEATURES, compute
from cardrisk.jobs.spark import deal as dealing
from cardrisk.jobs.spark.work import Bundle, Work
from cardrisk.risk import load_model
from cardrisk.tables import check_outcomes, check_submissions
from cardrisk.tables.rules import REPEATED_ID
from tests.conftest import KEY
from tests.jobs.spark_here import travel


@pytest.fixture(scope="module")
def key_file(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text(KEY)
    return str(path)


@pytest.fixture(autouse=True)
def _small_tasks(monkeypatch) -> None:
    monkeypatch.setattr(dealing, "SMALLEST", 150)


def untidy(tiny, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cards, history and outcomes with everything that tables go wrong in."""
    rng = np.random.default_rng(seed)
    cards, past, told = tiny.late.head(700).copy(), tiny.early.tail(900).copy(), tiny.outcomes.copy()
    cards.loc[rng.random(len(cards)) < 0.5, ["submitter_id", "batch_id"]] = ["hot", "hot batch"]
    past.loc[rng.random(len(past)) < 0.5, "submitter_id"] = "hot"
    cards.loc[rng.random(len(cards)) < 0.3, "batch_id"] = None
    again = cards.sample(20, random_state=seed)
    padded = again.assign(submission_id=" " + again["submission_id"] + " ")
    cards = pd.concat([cards, padded, past.sample(9, random_state=seed), again[:5]])
    cards = cards.sample(frac=1, random_state=seed).reset_index(drop=True)
    cards.loc[rng.integers(0, len(cards), 12), "face_value"] = -5.0
    past = pd.concat([past, past.sample(30, random_state=seed)]).sample(frac=1, random_state=seed)
    later = told.sample(300, random_state=seed)
    later = later.assign(answered_at=later["answered_at"] + pd.Timedelta(hours=5), status="failed", cause="forged")
    same = told.sample(50, random_state=seed).assign(status="partial")
    told = pd.concat([told, later, same]).sample(frac=1, random_state=seed).reset_index(drop=True)
    return cards, past.reset_index(drop=True), told


def assert_same(got: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Assert that every value has the same bits; null is null in either form."""
    got = got.sort_values("row", ignore_index=True)
    assert len(got) == len(expected)
    for name in expected.columns:
        if name == "reasons":
            assert [list(texts) for texts in got[name]] == list(expected[name])
            continue
        ours, theirs = got[name].to_numpy(object), expected[name].to_numpy(object)
        null = pd.isna(theirs)
        np.testing.assert_array_equal(pd.isna(ours), null, err_msg=name)
        np.testing.assert_array_equal(ours[~null], theirs[~null], err_msg=name)


def refused(got: pd.DataFrame) -> pd.DataFrame:
    return got.loc[got["rule"].notna(), ["row", "rule", "column", "value"]].sort_values("row", ignore_index=True)


def test_scores_of_untidy_tables_have_the_same_bits_however_they_are_cut(tiny, key_file, full_or) -> None:
    from cardrisk.scoring import score_checked

    bundle = Bundle.of(load_model(str(tiny.bundle)))
    for seed in range(full_or(50, 2)):
        cards, past, told = untidy(tiny, seed)
        if seed % 2:
            cards = cards.convert_dtypes(dtype_backend="pyarrow")
        expected, rows = score_checked(cards, model=str(tiny.bundle), history=(past, told), key=key_file, reasons="all")
        work = Work(bundle.declared, key_file, None, bundle, reasons="all")
        most = full_or(60, 400) + 100 * seed % 500
        got, _ = travel(work, cards, past, [told], groups=2 + seed % 5, most=most, seed=seed)
        assert_same(got, expected)
        pd.testing.assert_frame_equal(refused(got), rows, check_dtype=False)
        assert (got["rule"] == REPEATED_ID).sum() >= 15


def test_features_to_train_on_have_the_same_bits(tiny, key_file, full_or) -> None:
    for seed in range(full_or(20, 1)):
        cards, past, told = untidy(tiny, 100 + seed)
        half = len(told) // 2
        now, then = (intake(check_submissions(table).valid, key=key_file) for table in (cards, past))
        early, late = (check_outcomes(table).valid for table in (told[:half], told[half:]))
        expected = compute(now, late, history=(then, early))
        got, _ = travel(Work(FEATURES, key_file), cards, past, [told[:half], told[half:]], groups=3, seed=seed)
        assert_same(got, expected.reset_index(drop=True))


def test_columns_of_codes_that_a_spreadsheet_rounded_are_refused_as_a_whole(tiny, key_file) -> None:
    cards = tiny.late.head(200).copy().reset_index(drop=True)
    cards["card_no"] = [f"{n:015d}0000" for n in np.random.default_rng(1).integers(10**14, 10**15, len(cards))]
    bundle = Bundle.of(load_model(str(tiny.bundle)))
    expected = cardrisk.score(cards, model=str(tiny.bundle), key=key_file, reasons="none")
    got, _ = travel(Work(bundle.declared, key_file, None, bundle, reasons="none"), cards, None, [], most=20)
    assert_same(got, expected)
    assert (got["rule"] == "mangled_number").all()


def test_what_travels_between_tasks_holds_no_code(tiny, key_file) -> None:
    cards = tiny.late.head(300)
    _, parcels = travel(Work(FEATURES, key_file), cards, None, [], most=100)
    from tests.canary import views

    codes = {c for c in cards["card_no"].dropna().tolist() + cards["card_secret"].dropna().tolist() if len(c) >= 8}
    assert len(codes) > 300
    seen = " ".join(unpacked_text(data) for data in parcels["data"].to_pylist() if data)
    assert views is not None
    assert not [code for code in codes if code in seen]


def unpacked_text(data: bytes) -> str:
    from cardrisk.jobs.spark.parcels import unpacked

    return unpacked(data).to_csv() + data.decode("latin-1")


def test_every_bucket_and_day_has_a_task(tiny, key_file) -> None:
    from cardrisk.features.parts import part_plan
    from cardrisk.jobs.spark.take import ASKING, BUCKETS, DAYS

    plan = part_plan(FEATURES)
    rng = np.random.default_rng(3)
    rows = [(at, bucket, int(rng.pareto(1) * 20)) for at in range(len(plan.parts)) for bucket in range(BUCKETS)]
    rows += [(which, day, 700) for which in (DAYS, ASKING) for day in (20_000, 20_001, 20_005, 20_030)]
    dealt = dealing.deal(plan, pd.DataFrame(rows, columns=["part", "bucket", "events"]), 5)
    for at, tasks in enumerate(dealt.task_of):
        assert tasks.shape == (BUCKETS,)
        assert {dealt.part_of[task] for task in tasks.tolist() if task >= 0} == {at}
        hot = np.flatnonzero(tasks < 0).tolist()
        assert {(at, bucket) for bucket in hot} == {key for key in dealt.slices if key[0] == at}
        for bucket in hot:
            cuts = dealt.slices[at, bucket]
            assert [c.stop for c in cuts[:-1]] == [c.first for c in cuts[1:]]
            assert {dealt.part_of[c.task] for c in cuts} == {at}
    used = [task for tasks in dealt.task_of for task in np.unique(tasks[tasks >= 0]).tolist()]
    used += [one.task for cuts in dealt.slices.values() for one in cuts]
    assert sorted(used) == sorted(dealt.part_of)
    assert dealt.slices
    assert [day for first, stop in dealt.days for day in range(first, stop) if day in (20_000, 20_001, 20_005, 20_030)]
    assert all(one[1] <= other[0] for one, other in zip(dealt.days, dealt.days[1:], strict=False))
