"""Every kind says what its source says, and a user's own file adds to them or is refused in words."""

from pathlib import Path

import pytest

from cardrisk import kinds
from cardrisk.errors import InputError, UnusableFileError
from cardrisk.kinds import KINDS, CardKind, Shape, find, load

PUBLISHED = {
    "china_mobile": (17, 18), "china_mobile_jiangsu": (16, 17), "china_mobile_fujian": (16, 17),
    "china_mobile_zhejiang": (10, 8), "china_mobile_liaoning": (16, 21), "china_unicom": (15, 19),
    "china_telecom": (19, 18), "qq": (9, 12), "junnet": (16, 16), "zhengtu": (16, 8), "wanmei": (10, 15),
    "netease": (13, 9), "sohu": (20, 12), "jiuyou": (13, 10), "tianhong": (10, 10), "tianhong_letters": (12, 15),
}  # fmt: skip
OWN = """
[kind.ours]
title_en = "Our card"
title_zh = "自有卡"
family = "game"
issuer = "ours"
number = { lengths = [12, 11], alphabet = "alnum", letters_first = 2 }
source = "our own print shop"
date = 2026-11-22
"""


@pytest.mark.parametrize(("name", "lengths"), PUBLISHED.items())
def test_published_lengths(name: str, lengths: tuple[int, int]) -> None:
    kind = KINDS[name]
    assert kind.number is not None
    assert kind.secret is not None
    assert (kind.number.lengths, kind.secret.lengths) == ((lengths[0],), (lengths[1],))
    assert kind.secret.alphabet == "digits"
    assert kind.verified


def test_the_shapes_that_are_more_than_two_lengths() -> None:
    assert (KINDS["shanda"].number, KINDS["shanda"].secret) == (Shape((15, 16), "alnum"), Shape((8, 9)))
    assert KINDS["tianhong_letters"].number == Shape((12,), "alnum", 2)
    secrets = {"jd_ecard": (16,), "apple": (16,), "steam": (15,), "amazon": (14, 15, 16)}
    for name, lengths in secrets.items():
        assert (KINDS[name].number, KINDS[name].secret) == (None, Shape(lengths, "alnum"))


def test_what_nobody_published_is_left_open_and_unverified() -> None:
    for name in ("battlenet", "tmall", "suning"):
        assert KINDS[name].number is None
        assert KINDS[name].secret is None
    weak = {"battlenet", "tmall", "suning", "jd_ecard", "apple", "steam", "amazon"}
    assert {name for name, kind in KINDS.items() if not kind.verified} == weak


def test_every_kind_is_whole() -> None:
    assert set(PUBLISHED) < set(KINDS)
    for name, kind in KINDS.items():
        assert kind.name == name
        assert all((kind.title_en, kind.title_zh, kind.issuer, kind.source, kind.denominations))
        assert 5 <= kind.denominations[0] <= kind.denominations[-1] <= 1000
    titles = [title for kind in KINDS.values() for title in (kind.name, kind.title_en, kind.title_zh)]
    assert len(titles) == len(set(titles))
    bounds = {"china_mobile": (10, 500), "qq": (5, 200), "junnet": (10, 1000), "jd_ecard": (10, 1000)}
    for name, expected in bounds.items():
        assert (KINDS[name].denominations[0], KINDS[name].denominations[-1]) == expected


def test_kinds_are_read_only() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        KINDS["qq"] = KINDS["junnet"]  # type: ignore[index]


@pytest.mark.parametrize("text", ["qq", " QQ ", "腾讯Q币卡", "腾讯q币卡", "tencent q-coin card"])
def test_people_call_a_kind_by_many_names(text: str) -> None:
    found = find(text)
    assert found is not None
    assert found.name == "qq"
    assert find("no such card") is None


def test_ones_own_kinds_join_the_built_in_ones(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(OWN + OWN.replace("ours]", "qq]"), encoding="utf-8")
    found = load(path)
    assert list(found) == [*KINDS, "ours"]
    assert found["ours"].number == Shape((11, 12), "alnum", 2)
    assert found["ours"].secret is None
    assert found["qq"].title_en == "Our card"
    assert find("自有卡", found) is not None
    assert isinstance(found["ours"], CardKind)
    assert found["ours"].date == "2026-11-22"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("family = ", "clan = "), r"lacking entries \['family'\], unknown entries \['clan'\]"),
        (('"game"', '"sport"'), "family: expected one of .*, got 'sport'"),
        (("[12, 11]", "[]"), r"lengths: expected one or more of 1 to 40, got \(\)"),
        (("[12, 11]", "[41]"), r"lengths: expected one or more of 1 to 40, got \(41,\)"),
        (('"alnum"', '"emoji"'), "alphabet: expected one of .*, got 'emoji'"),
        (('"alnum"', '"digits"'), "letters_first: a digits-only shape has no letters"),
        (("letters_first = 2", "letters_first = 11"), "letters_first: expected 0 to 10, got 11"),
        (("letters_first", "letters_last"), r"unknown entries \['letters_last'\]"),
        (("2026-11-22", '"lately"'), "date: expected YYYY-MM-DD, got 'lately'"),
        (("2026-11-22", "7"), "date: unexpected type int"),
        (('issuer = "ours"', 'issuer = "ours"\ndenominations = [50, 10]'), "expected ascending positive yuan"),
        (('issuer = "ours"', 'issuer = "ours"\ndenominations = [10, 12.5]'), "expected a list of whole numbers"),
        (("[12, 11]", "[12.5]"), "lengths: expected a list of whole numbers"),
        (("[12, 11]", "11"), "lengths: expected a list of whole numbers"),
        (("[kind.ours]", '[kind.""]'), "expected a name that is not empty"),
        (("[kind.ours]", "[kinds.ours]"), r"expected \[kind.<name>\] tables and nothing else, got \['kinds'\]"),
        (("[kind.ours]", "[kind]\nours = 1\n[other]"), "nothing else"),
    ],
)
def test_a_faulty_kind_is_refused_in_words(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(OWN.replace(*change), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load(path)


def test_a_kind_that_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text("[kind]\nours = 1", encoding="utf-8")
    with pytest.raises(InputError, match="kind 'ours': expected a table, got int"):
        load(path)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match="expected a TOML file of card kinds"):
        load(tmp_path / "missing.toml")
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe[[[")
    with pytest.raises(UnusableFileError, match="expected a TOML file of card kinds"):
        load(path)


def test_the_module_reads_only_its_own_file() -> None:
    assert kinds.load() == dict(KINDS)
