"""Batch text: every line one row; what cannot be split in exactly one way is quarantined."""

import pytest

from cardrisk.errors import InputError
from cardrisk.tables import check_submissions, read_batch

NOW = "2026-01-05T00:00:00Z"


@pytest.mark.parametrize(
    "line",
    [
        "1234567890 0987654321",
        "  1234567890\t0987654321 ",
        "1234567890,0987654321",
        "1234567890，0987654321",
        "1234567890----0987654321",
        "1234567890  0987654321",
        "1234567890　　0987654321",
        "卡号：1234567890 卡密：0987654321",
        "卡号1234567890密码0987654321",
        "card no: 1234567890 pin: 0987654321",
    ],
)
def test_a_number_and_a_secret(line: str) -> None:
    row = read_batch(line, batch_id="b", submitted_at=NOW).iloc[0]
    assert (row["card_no"], row["card_secret"]) == ("1234567890", "0987654321")


def test_codes_keep_their_blanks_and_hyphens_where_the_split_is_clear() -> None:
    row = read_batch("1234-5678-90\t0987 6543 21", batch_id="b", submitted_at=NOW).iloc[0]
    assert (row["card_no"], row["card_secret"]) == ("1234-5678-90", "0987 6543 21")


@pytest.mark.parametrize(
    ("line", "kind", "rule"),
    [
        ("1234 5678 9012", None, "unreadable_line"),
        ("1\t2\t3", None, "unreadable_line"),
        ("----", None, "unreadable_line"),
        ("1234567890123456", None, "line_without_secret"),
        ("1234567890123456", "qq", "line_without_secret"),
    ],
)
def test_lines_that_are_no_pair_are_quarantined(line: str, kind: str | None, rule: str) -> None:
    checked = check_submissions(read_batch(line, batch_id="b", submitted_at=NOW, card_kind=kind))
    assert checked.quarantined["rule"].tolist() == [rule]
    assert checked.quarantined["value"].tolist() == [""]


def test_a_kind_that_has_a_secret_only_needs_no_number() -> None:
    valid = check_submissions(read_batch("ABCD1234EFGH5678", batch_id="b", submitted_at=NOW, card_kind="京东卡")).valid
    assert valid["card_secret"].tolist() == ["ABCD1234EFGH5678"]
    assert valid["card_no"].isna().all()
    assert valid["card_kind"].tolist() == ["jd_ecard"]


def test_ids_are_line_numbers_and_at_most_a_thousand_lines() -> None:
    text = "卡号 卡密\n\n" + "1 2\n" * 1000
    frame = read_batch(text, batch_id="b", submitted_at=NOW)
    assert frame["submission_id"].tolist()[:2] == ["b-0003", "b-0004"]
    assert len(check_submissions(frame).valid) == 1000
    with pytest.raises(InputError, match="expected at most 1,000 lines, got 1,001; split it"):
        read_batch(text + "1 2", batch_id="b")
    with pytest.raises(InputError, match="expected one 'number secret' a line, got no line"):
        read_batch("卡号 卡密\n \n", batch_id="b")


def test_without_a_time_a_batch_was_handed_in_now() -> None:
    assert len(check_submissions(read_batch("1 2\n3 4", batch_id="b")).valid) == 2
