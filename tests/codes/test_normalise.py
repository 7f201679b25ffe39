"""Texts a person reads as one code become one code, on every road, and normalising twice changes nothing."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardrisk.codes._clean import clean
from cardrisk.codes._one import clean_one
from cardrisk.codes.normalise import CASE, LABEL, LONGEST_CODE, OVERSIZED, SPACING, UNICODE, normalise
from cardrisk.codes.sealed import Secret, Texts

LIKELY = st.text(alphabet="0123456789aAzZoO -:=._*?#\t\n/|()０９ＡｚⅣ①卡号密码é\u200b\u202e\ud800½", max_size=40)
ANY = st.text(max_size=60)


@pytest.mark.parametrize(
    ("text", "code", "flags"),
    [
        ("1234567890", "1234567890", 0),
        ("1234-5678 90", "1234567890", SPACING),
        ("ab12", "AB12", CASE),
        ("１２３４", "1234", UNICODE),
        ("12\u200b34\u202e", "1234", UNICODE | SPACING),
        ("卡号：1234", "1234", UNICODE | LABEL | SPACING),
        ("卡号1234", "1234", UNICODE | LABEL | SPACING),
        ("Card No.: 1234", "1234", CASE | LABEL | SPACING),
        ("PIN=12 34", "1234", LABEL | SPACING),
        ("AB12:CD34", "AB12CD34", SPACING),
        ("٣٤", "34", UNICODE),
        ("12*4", "12?4", 0),
        ("12Ж4", "12?4", UNICODE),
        ("1\u03324", "14", UNICODE | SPACING),
        ("=1234", "1234", SPACING),
        ("", "", 0),
        (" -- ", "", SPACING),
        ("1" * (LONGEST_CODE + 1), "", OVERSIZED),
        ("1 " * 2000, "", OVERSIZED),
    ],
)
def test_examples(text: str, code: str, flags: int) -> None:
    assert normalise(text) == (code, flags)


@given(ANY | LIKELY)
@settings(max_examples=300, deadline=None)
def test_normalising_twice_changes_nothing(text: str) -> None:
    code, flags = normalise(text)
    assert normalise(code) == (code, 0)
    assert set(code) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ?")
    assert len(code) <= LONGEST_CODE
    assert flags >= 0


@given(LIKELY)
@settings(max_examples=200, deadline=None)
def test_unicode_equal_texts_are_one_code(text: str) -> None:
    forms = {normalise(unicodedata.normalize(form, text))[0] for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert forms == {normalise(text)[0]}


@given(st.text(alphabet="0123456789ABCXYZ", max_size=30), st.data())
@settings(max_examples=100, deadline=None)
def test_full_width_and_invisible_marks_do_not_matter(code: str, data: st.DataObject) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code)
    mark = data.draw(st.sampled_from("\u200b\u200d\u200e\u202e\ufeff -\u2010\u3000"))
    assert normalise(wide)[0] == normalise(mark.join(wide))[0] == code


@given(st.lists(ANY | LIKELY | st.text(alphabet=st.characters(max_codepoint=127), max_size=90), max_size=8))
@settings(max_examples=300, deadline=None)
def test_the_compiled_road_says_what_the_definition_says(texts: list[str]) -> None:
    columns = clean(Texts.of(texts))
    for row, text in enumerate(texts):
        utf8 = text.encode("utf-8", "replace").decode()
        assert (columns.code(row), columns.flags[row]) == normalise(text)
        assert clean_one(text) == (normalise(utf8)[0].encode(), normalise(utf8)[1])


@pytest.mark.parametrize("text", ["x" * 1025, "é" * 1025, "é" * 600, "1" * 5000, "é" * 5000, ":" * 1024, "1" * 64])
def test_lengths_at_the_edge_agree(text: str) -> None:
    columns = clean(Texts.of([text, "7"]))
    assert (columns.code(0), columns.flags[0]) == normalise(text)
    assert columns.code(1) == "7"
    assert clean_one(text) == (normalise(text)[0].encode(), normalise(text)[1])


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, b""),
        (float("nan"), b""),
        (1234, b"1234"),
        (1234.0, b"1234"),
        (12.5, b""),
        (b"12 34", b"1234"),
        (Secret("12"), b"12"),
        (True, b""),
        ([1], b""),
        (object(), b""),
    ],
)
def test_a_cell_of_any_type_is_read_or_unknown(cell: object, code: bytes) -> None:
    assert clean_one(cell)[0] == code
