"""The contracts say what the library accepts: names, headers, vocabularies, rules."""

import pytest

from cardrisk.errors import InputError
from cardrisk.kinds import KINDS
from cardrisk.tables import OUTCOMES, SUBMISSIONS, Contract
from cardrisk.tables.contracts import _KIND_WORDS
from cardrisk.tables.headers import folded_header, match_headers, shown_header

CONTRACTS = pytest.mark.parametrize("contract", [SUBMISSIONS, OUTCOMES], ids=lambda c: c.name)


@CONTRACTS
def test_every_alias_means_its_column_however_it_is_written(contract: Contract) -> None:
    for column in contract.columns:
        for alias in (column.name, *column.aliases.split()):
            spaced = " ".join(alias) if not alias.isascii() else alias.replace("_", " ").title()
            wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in alias)
            for header in (alias, alias.upper(), f" {spaced}\t", wide, f"{alias}（元）", alias.replace("_", "-")):
                found = match_headers([header], contract, complete=False)
                assert list(found.positions) == [column.name], header


def test_every_word_for_a_kind_names_a_kind() -> None:
    assert set(_KIND_WORDS) <= set(KINDS)
    reader = next(column.reader for column in SUBMISSIONS.columns if column.name == "card_kind")
    for kind in KINDS.values():
        assert {reader.one(word, None) for word in (kind.name, kind.title_en, kind.title_zh)} == {kind.name}


def test_two_headers_for_one_column_are_an_error_unless_one_is_its_name() -> None:
    with pytest.raises(InputError, match=r"expected one column for card_no, got 2 \('卡号', 'Card Number'\)"):
        match_headers(["卡号", "Card Number"], SUBMISSIONS, complete=False)
    with pytest.raises(InputError, match="expected one column for card_no, got 2"):
        match_headers(["card_no", "card_no"], SUBMISSIONS, complete=False)
    found = match_headers(["卡号", "card_no", "x", "x", 5, ("a", "b"), None], SUBMISSIONS, complete=False)
    assert found.positions == {"card_no": 1}
    assert found.ignored == ["卡号", "x", "x", "5", "('a', 'b')", "None"]


def test_points_are_a_unit_of_scores_and_cents_of_no_amount() -> None:
    assert match_headers(["信用分（分）"], SUBMISSIONS, complete=False).positions == {"submitter_credit_score": 0}
    cents = ["面值(分)", "收购价(分)", "face_value (分)"]
    found = match_headers(cents, SUBMISSIONS, complete=False)
    assert (found.positions, found.ignored) == ({}, cents)
    assert match_headers(["到账金额(分)"], OUTCOMES, complete=False).positions == {}


def test_a_zone_in_a_header_is_given_once_for_the_table() -> None:
    for header in (
        "提交时间（北京时间）",
        "提交时间(UTC+8)",
        "submitted at (UTC+08:00)",
        "submit_time(GMT+0800)",
        "提交时间(+8)",
    ):
        found = match_headers([header], SUBMISSIONS, complete=False)
        assert list(found.positions) == ["submitted_at"], header
        assert found.zone is not None
    two = match_headers(["提交时间(北京时间)", "接收时间(UTC)"], SUBMISSIONS, complete=False)
    assert two.zone is None
    assert set(two.zones) == {"submitted_at", "received_at"}


@pytest.mark.parametrize(
    "label", ["1234567890123456", "ABCD-EFGH-JKLM-NPQR", "8K2MPQ94XW7Z51NB", "１２３４５６７８", "x" * 50, "a\x00"]
)
def test_headers_that_could_be_codes_are_told_by_their_length(label: str) -> None:
    assert shown_header(label).startswith("<")


def test_odd_headers_mean_nothing() -> None:
    for label in (None, 5, 1.5, ("a",), "", "x" * 10_000, "(元)", "\ud800"):
        assert match_headers([label], SUBMISSIONS, complete=False).positions == {}
    assert folded_header("Ｃａｒｄ＿Ｎｏ") == "cardno"
