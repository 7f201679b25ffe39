"""Every pasted line becomes one card, in order; a line that cannot be told apart is not guessed at."""

import pytest

from cardrisk.codes import Secret, check_text, read_batch
from cardrisk.codes.text import MOST_LINES
from cardrisk.errors import InputError


def pair(line: str, kind: str | None = None) -> tuple[str | None, str | None]:
    (card,) = read_batch([line], kind=kind)
    number, secret = card["card_no"], card["card_secret"]
    assert all(code is None or isinstance(code, Secret) for code in (number, secret))
    return number and number.reveal(), secret and secret.reveal()


@pytest.mark.parametrize(
    ("line", "kind", "expected"),
    [
        ("1234567890123456 12345678", None, ("1234567890123456", "12345678")),
        ("1234567890123456\t12345678\n", "zhengtu", ("1234567890123456", "12345678")),
        ("1234567890123456，12345678", "征途游戏卡", ("1234567890123456", "12345678")),
        ("1234567890123456 / 12345678", "zhengtu", ("1234567890123456", "12345678")),
        ("卡号:1234567890123456 卡密:12345678", None, ("卡号:1234567890123456", "12345678")),
        ("card no: 123 password: 456", None, ("card no: 123", "456")),
        ("1234 5678 9012 3456 1234 5678", "zhengtu", ("1234 5678 9012 3456", "1234 5678")),
        ("1234 5678 9012 3456 1234 5678", None, ("1234 5678 9012 3456 1234 5678", None)),
        ("ABCD 1234 EFGH 5678", "jd_ecard", (None, "ABCD 1234 EFGH 5678")),
        ("ABCD-1234-EFGH-5678", "京东E卡", (None, "ABCD-1234-EFGH-5678")),
        ("0000111 ABCD-1234-EFGH-5678", "jd_ecard", ("0000111", "ABCD-1234-EFGH-5678")),
        ("12345678901234561234 5678", "zhengtu", ("12345678901234561234", "5678")),
    ],
)
def test_examples(line: str, kind: str | None, expected: tuple[str | None, str | None]) -> None:
    assert pair(line, kind) == expected


def test_hints_come_line_by_line() -> None:
    lines = ["1234567890123456 12345678", "", "9234567890123458 1234567S", "5555555555555555"]
    found = check_text(lines, kind="zhengtu", language="zh")
    assert [len(hints) for hints in found] == [1, 0, 1, 1]
    assert list(found[2]) == ["卡密第8位：是5还是S？"]
    assert list(found[3]) == ["缺少卡密"]


@pytest.mark.parametrize("heading", ["card_no,card_secret", "卡号\t卡密", "卡号 卡密"])
def test_a_heading_is_no_card(heading: str) -> None:
    text = f"\n{heading}\n1234567890123456 1234567S\n"
    assert [len(hints) for hints in check_text(text, kind="zhengtu")] == [0, 0, 1]
    assert len(read_batch(text.splitlines())) == 1


@pytest.mark.parametrize("lines", [None, 5, ["1 2", None], b"1 2"])
def test_what_is_no_text_is_refused(lines: object) -> None:
    with pytest.raises(InputError, match="expected a text or its lines"):
        check_text(lines)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got '5'"):
        check_text("1 2", kind=5)  # type: ignore[arg-type]


def test_kind_and_face_value_belong_to_all() -> None:
    cards = read_batch(["1 2", "3 4"], kind="骏网一卡通", face_value=50)
    assert {(card["card_kind"], card["face_value"]) for card in cards} == {("junnet", 50)}


def test_a_thousand_cards_and_no_more() -> None:
    lines = ["1234567890123456 12345678", ""] * MOST_LINES
    assert len(read_batch(lines)) == MOST_LINES
    with pytest.raises(InputError, match="at most 1000 cards, got more"):
        read_batch([*lines, "1 2"])


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected one of china_mobile, .*, got 'junet'"):
        check_text(["1 2"], kind="junet")
