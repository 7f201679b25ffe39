"""A key is found where it was put, shown nowhere, and refused when weak - in words that do not quote it."""

from pathlib import Path

import pytest

from cardrisk.codes import Key, KeyRing, Secret
from cardrisk.codes.keys import resolve
from cardrisk.errors import KeyMaterialError
from tests.codes.cards import KEY, NEXT_KEY


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARDRISK_KEY", raising=False)
    monkeypatch.delenv("CARDRISK_KEY_NEXT", raising=False)


def test_every_source_gives_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    monkeypatch.setenv("CARDRISK_KEY", KEY.decode())
    sources = [
        None, KEY, Key(KEY), Secret(KEY.decode()), KeyRing(KEY), path, str(path),
        lambda: KEY, lambda: KEY.decode(), lambda: Key(KEY), lambda: KeyRing(KEY),
    ]  # fmt: skip
    for source in sources:
        ring = resolve(source)
        assert ring is not None
        assert ring.current == Key(KEY)
        assert ring.next is None


def test_both_keys_while_rotating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n" + NEXT_KEY + b"\n")
    monkeypatch.setenv("CARDRISK_KEY", KEY.decode())
    monkeypatch.setenv("CARDRISK_KEY_NEXT", NEXT_KEY.decode())
    for source in (None, path, lambda: (KEY, NEXT_KEY), lambda: [Key(KEY), NEXT_KEY], KeyRing(KEY, NEXT_KEY)):
        ring = resolve(source)
        assert ring is not None
        assert (ring.current, ring.next) == (Key(KEY), Key(NEXT_KEY))


def test_no_source_and_no_environment_is_no_key() -> None:
    assert resolve(None) is None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"much too short", "at least 32 bytes, got 14"),
        (b"a" * 40, "random bytes, got 1 different"),
        (lambda: 7, "expected bytes, a text or a pair, got int"),
        (lambda: "short", "at least 32 bytes, got 5"),
        (7, "a file's path or a callable, got int"),
        ("no/such/file", "key file no/such/file: expected a readable file"),
        (lambda: (KEY, KEY), "current and next key are the same"),
        (KEY.decode(), "a text is taken as a file's path"),
        (lambda: (None, KEY), "expected bytes or a text, got NoneType"),
        (lambda: (10**13, KEY), "expected bytes or a text, got int"),
        (lambda: KEY.decode() + "\ud800", "got lone surrogates"),
        (lambda: 1 // 0, "expected a key, got ZeroDivisionError"),
        (lambda: {}[KEY.decode()], "expected a key, got KeyError; its words are withheld"),
        ("a\0b", "expected a readable file"),
    ],
)
def test_a_bad_source_says_what_is_wrong_and_quotes_nothing(source: object, words: str) -> None:
    with pytest.raises(KeyMaterialError, match=words) as caught:
        resolve(source)
    for bad in ("much too short", "aaaa", KEY.decode()):
        assert bad not in str(caught.value)
    assert caught.value.__context__ is None


def test_bytes_that_are_no_utf8_are_the_same_key_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = b"\xff\x80" + KEY
    (tmp_path / "key").write_bytes(raw)
    monkeypatch.setenv("CARDRISK_KEY", raw.decode("utf-8", "surrogateescape"))
    for source in (None, raw, bytearray(raw), memoryview(raw), tmp_path / "key", lambda: bytearray(raw)):
        ring = resolve(source)
        assert ring is not None
        assert ring.current == Key(raw)


def test_a_key_file_has_one_or_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"")
    with pytest.raises(KeyMaterialError, match="got 0 lines"):
        resolve(path)


def test_a_next_key_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDRISK_KEY_NEXT", KEY.decode())
    with pytest.raises(KeyMaterialError, match="CARDRISK_KEY is not; set the key in force first"):
        resolve(None)
