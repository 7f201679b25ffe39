"""A quarantine holds one line per refused row, no secret, and nothing a spreadsheet would run."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from cardrisk.tables import check_submissions, quarantine
from cardrisk.tables.masks import masked


def test_written_rows_are_the_refused_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "submission_id": ["a", "b", "c"],
            "submitted_at": ["2026-01-05T00:00Z", "2026-01-05T00:00Z", "=1+1"],
            "store_id": "s",
            "face_value": [1, "-5", 2],
        }
    )
    refused = check_submissions(frame).quarantined
    quarantine.write(refused, tmp_path / "out.csv.quarantine")
    data = (tmp_path / "out.csv.quarantine").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(data.decode("utf-8-sig").splitlines()))
    assert rows == [
        ["row", "rule", "column", "value"],
        ["1", "negative_money", "face_value", "'-5"],
        ["2", "unreadable_time", "submitted_at", "'=1+1"],
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv.quarantine"]


def test_harmless_leaves_numbers_and_nulls_alone() -> None:
    frame = pd.DataFrame({"a": pd.Series(["=x", "@y", "+1", "-1", "|z", "ok", None], dtype="str"), "b": [-1.5] * 7})
    safe = quarantine.harmless(frame)
    assert safe["a"].tolist()[:6] == ["'=x", "'@y", "'+1", "'-1", "'|z", "ok"]
    assert safe["a"].isna().tolist()[6]
    pd.testing.assert_series_equal(safe["b"], frame["b"])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-13-45 08:00", "2026-13-45 08:00"),
        ("9999年12月31日", "9999年12月31日"),
        ("refunded", "refunded"),
        ("也许", "也许"),
        (-5, "-5"),
        (float("inf"), "inf"),
        (None, ""),
        (float("nan"), ""),
        ("12345678", "<8 characters>"),
        ("1234 5678 9012", "<14 characters>"),
        ("１２３４５６７８", "<8 characters>"),
        ("ABCD-EFGH-JKLM-NPQR", "<19 characters>"),
        ("a\x00b", "<3 characters>"),
        (b"12345678", "<bytes>"),
        (["12345678"], "<list>"),
        (1234567890123, "<13 characters>"),
    ],
)
def test_what_could_be_a_code_is_told_by_its_length(value: object, shown: str) -> None:
    assert masked(value) == shown


def test_of_a_secret_column_only_the_length_is_told() -> None:
    assert masked("12", secret=True) == "<2 characters>"
