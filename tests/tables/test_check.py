"""Every row is either valid or quarantined, whatever holds the table."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardrisk.errors import InputError, MissingColumnError, TimeZoneError
from cardrisk.tables import RULES, Checked, check_outcomes, check_submissions


def cards(**columns: Any) -> pd.DataFrame:
    """A small clean table with some columns replaced."""
    n = len(next(iter(columns.values()))) if columns else 3
    base = {
        "submission_id": [f"s{i}" for i in range(n)],
        "submitted_at": ["2026-01-05T08:00:00Z"] * n,
        "submitter_id": ["u1"] * n,
    }
    return pd.DataFrame(base | columns)


def rules(checked: Checked) -> dict[int, str]:
    return dict(zip(checked.quarantined["row"], checked.quarantined["rule"], strict=True))


CELL = st.one_of(
    st.none(), st.text(max_size=6), st.sampled_from(["a", "b", "2026-01-05T00:00Z", "-1", "合计", 5, -1.0, b"x"])
)


@settings(deadline=None, derandomize=True, max_examples=80, database=None)
@given(st.lists(st.tuples(CELL, CELL, CELL, CELL), max_size=12))
def test_rows_in_are_valid_plus_quarantined(rows: list[tuple[Any, ...]]) -> None:
    frame = pd.DataFrame(rows, columns=["submission_id", "submitted_at", "store_id", "face_value"], dtype=object)
    checked = check_submissions(frame, tz="UTC")
    assert sorted([*checked.rows, *checked.quarantined["row"]]) == list(range(len(frame)))
    assert len(checked.valid) == len(checked.rows)
    assert set(checked.quarantined["rule"]) <= set(RULES)
    assert checked.valid["submission_id"].is_unique
    assert checked.valid["submission_id"].notna().all()


def test_dtypes_and_labels() -> None:
    frame = cards(account_bound=["是", None, "no"], photo_quality=["0.5", "", "80%"], valid_until=["2026-01-05"] * 3)
    frame.index = pd.Index(["x", "x", "y"])
    checked = check_submissions(frame, tz="Asia/Shanghai")
    assert checked.valid.index.tolist() == ["x", "x", "y"]
    assert checked.valid.dtypes.astype(str).to_dict() == {
        "submission_id": "str",
        "submitted_at": "datetime64[us, UTC]",
        "submitter_id": "str",
        "photo_quality": "float64",
        "valid_until": "datetime64[us, UTC]",
        "account_bound": "boolean",
    }
    assert checked.valid["photo_quality"].fillna(-1).tolist() == [0.5, -1.0, 0.8]
    assert checked.rows.dtype == np.int64
    assert checked.quarantined.dtypes.astype(str).tolist() == ["int64", "str", "str", "str"]


def test_an_empty_table_and_an_all_broken_one_keep_their_dtypes() -> None:
    for frame in (cards().iloc[:0], cards(submission_id=[None, "", "-"])):
        checked = check_submissions(frame)
        assert checked.valid.empty
        assert str(checked.valid["submitted_at"].dtype) == "datetime64[us, UTC]"
        assert str(checked.valid["submitter_id"].dtype) == "str"


def test_arrow_and_numpy_tables_give_the_same() -> None:
    frame = cards(face_value=[1.0, None, -3.5], card_no=["12", " 3４", None], account_bound=[True, None, False])
    frame["submitted_at"] = pd.to_datetime(frame["submitted_at"])
    arrow = frame.convert_dtypes(dtype_backend="pyarrow")
    for other in (arrow, frame.astype(object), frame.convert_dtypes()):
        one, two = check_submissions(frame), check_submissions(other)
        pd.testing.assert_frame_equal(one.valid, two.valid)
        pd.testing.assert_frame_equal(one.quarantined, two.quarantined)


@pytest.mark.parametrize(
    "encode", [lambda a: a.cast(pa.string_view()), pa.compute.run_end_encode], ids=["view", "runs"]
)
def test_arrow_types_that_pandas_cannot_take_cells_from_are_read_all_the_same(encode: Any) -> None:
    table = cards(submission_id=["a", None, "c"], store_id=["x", "合计", None])
    rare = pd.DataFrame(
        {name: pd.arrays.ArrowExtensionArray(encode(pa.array(table[name], pa.string()))) for name in table}
    )
    found, expected = check_submissions(rare), check_submissions(table)
    pd.testing.assert_frame_equal(found.valid, expected.valid)
    assert rules(found) == rules(expected) == {1: "total_line"}


def test_the_first_valid_of_a_duplicate_is_kept() -> None:
    checked = check_submissions(cards(submission_id=["a", "a", "b", "b"], face_value=[1, 2, -3, 4]))
    assert rules(checked) == {1: "duplicate_submission_id", 2: "negative_money"}
    assert checked.rows.tolist() == [0, 3]


def test_answers_may_repeat() -> None:
    frame = pd.DataFrame(
        {"submission_id": ["a", "a"], "answered_at": ["2026-01-05T00:00Z"] * 2, "status": ["failed", "成功"]}
    )
    assert check_outcomes(frame).valid["status"].tolist() == ["failed", "success"]


def test_null_is_no_fault_and_an_unknown_kind_is_a_category() -> None:
    frame = cards(card_kind=["moon card", None, "京东E卡"], face_value=[0, np.nan, "NaN"], channel=[None, "", "nan"])
    checked = check_submissions(frame)
    assert checked.quarantined.empty
    assert checked.valid["card_kind"].tolist()[::2] == ["moon card", "jd_ecard"]
    assert checked.valid["face_value"].iloc[0] == 0.0
    assert checked.valid["channel"].isna().all()


def test_a_row_from_nobody_is_quarantined() -> None:
    assert rules(check_submissions(cards(submitter_id=["u", None, " "]))) == {1: "missing_entity", 2: "missing_entity"}
    both = cards(submitter_id=["u", None, " "], store_id=[None, "s", None])
    assert rules(check_submissions(both)) == {2: "missing_entity"}


def test_codes_that_lost_digits_are_never_completed() -> None:
    long = [f"12345678901234{i}000" for i in range(10)]
    honest = [*long[:7], *(f"9876543210987654{i}1" for i in range(3))]
    assert set(rules(check_submissions(cards(card_no=long))).values()) == {"mangled_number"}
    assert rules(check_submissions(cards(card_no=honest))) == {}  # a few round codes prove nothing
    assert rules(check_submissions(cards(card_no=[1.23e17, 123456.0, "1.2E+12"]))) == {
        0: "mangled_number",
        2: "mangled_number",
    }


def test_a_total_line_is_named_as_such_wherever_it_says_so() -> None:
    frame = cards(submitter_id=["u", "u", None]).assign(序号=["1", "2", "合计：2 笔"])
    frame.loc[2, ["submission_id", "submitted_at"]] = None
    checked = check_submissions(frame)
    assert rules(checked) == {2: "total_line"}
    assert checked.ignored == ["序号"]


def test_naive_times_need_a_zone() -> None:
    naive = cards(submitted_at=["2026-01-05 08:00:00"] * 3)
    with pytest.raises(TimeZoneError, match=r"submitted_at: expected times with a zone .* give the zone once"):
        check_submissions(naive)
    stamps = naive.assign(submitted_at=pd.to_datetime(naive["submitted_at"]))
    with pytest.raises(TimeZoneError, match="submitted_at: expected times with a zone"):
        check_submissions(stamps)
    for frame in (naive, stamps):
        moments = check_submissions(frame, tz="Asia/Shanghai").valid["submitted_at"]
        assert moments.eq(pd.Timestamp("2026-01-05T00:00Z")).all()


def test_local_times_that_daylight_saving_skips_or_repeats_name_no_instant() -> None:
    times = ["2026-03-08 02:30:00", "2026-11-01 01:30:00", "2026-11-01 03:00:00"]
    for frame in (cards(submitted_at=times), cards(submitted_at=pd.to_datetime(times))):
        found = rules(check_submissions(frame, tz="America/New_York"))
        assert found == {0: "nonexistent_local_time", 1: "ambiguous_local_time"}


@pytest.mark.parametrize(
    ("frame", "error", "match"),
    [
        ([1], InputError, "expected a pandas DataFrame, got list"),
        (
            pd.DataFrame({"a": [1]}),
            MissingColumnError,
            "submission_id, submitted_at; got 1 headers, none of them known",
        ),
        (cards().drop(columns="submitter_id"), MissingColumnError, "one of batch_id/submitter_id/supplier_id"),
        (
            cards().rename(columns={"submission_id": "note"}),
            MissingColumnError,
            "submission_id; got only .* and unknown note",
        ),
    ],
)
def test_tables_that_cannot_be_used(frame: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        check_submissions(frame)


def test_no_secret_is_shown_whatever_column_it_stands_in() -> None:
    secret = "8K2MPQ94XW7Z51NB"
    frame = cards(
        face_value=[secret] * 3,
        submitted_at=[secret, None, secret],
        channel=[secret] * 3,
        card_no=[secret + "\x00"] * 3,
    )
    checked = check_submissions(frame.rename(columns={"submitter_id": "store_id"}).assign(**{secret: 1}))
    assert len(checked.quarantined) == 3
    assert secret not in checked.quarantined.to_csv() + str(checked.ignored)
