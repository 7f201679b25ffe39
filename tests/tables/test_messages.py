"""A gateway's message keeps its words and loses what could be a code, read alone or as a table."""

import pandas as pd
import pytest

from cardrisk.tables import check_one_outcome, check_outcomes

ANSWER = {"submission_id": "a1", "answered_at": "2026-01-05T08:00:00Z", "status": "failed"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("卡已被使用", "卡已被使用"),
        ("error 1004: card used", "error 1004: card used"),
        ("卡号40805971113416843已使用", "卡号<17 characters>已使用"),
        ("secret 7K2MQ9XW4RTB6NHC used", "secret <16 characters> used"),
        ("secret 7K2M-Q9XW-4RTB-6NHC used", "secret <16 characters> used"),
        ("secret 7K2M Q9XW 4RTB 6NHC used", "secret <16 characters> used"),
        ("number 4080 5971 1134 16843", "number <17 characters>"),
        ("卡号４０８０５９７１１１３４１６８４３", "卡号<17 characters>"),
        ("卡密٤٠٨٠٥٩٧١١١٣٤", "卡密<12 characters>"),
        ("secret QWERTYUIOPASDFGH", "secret <16 characters>"),
        (123456789012, "<12 characters>"),
        (None, None),
    ],
)
def test_what_could_be_a_code_is_told_by_its_length(said: object, kept: str | None) -> None:
    one = check_one_outcome({**ANSWER, "gateway_message": said})
    assert isinstance(one, dict)
    assert one["gateway_message"] == kept
    table = check_outcomes(pd.DataFrame([{**ANSWER, "gateway_message": said}])).valid["gateway_message"]
    assert [None if pd.isna(cell) else cell for cell in table] == [kept]
    assert table.dtype == "str"


def test_messages_that_repeat_their_card_are_one_message() -> None:
    said = [f"卡号{number}已使用" for number in range(40805971113416843, 40805971113416853)]
    table = pd.DataFrame({**ANSWER, "gateway_message": said})
    assert check_outcomes(table).valid["gateway_message"].nunique() == 1
