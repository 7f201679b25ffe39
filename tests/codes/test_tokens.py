"""Tokens are HMAC-SHA-256 to the bit, equal exactly for equal codes, and useless without the key."""

import base64
import hashlib
import hmac
import re

import numpy as np
import pandas as pd
import pytest

from cardrisk.codes import TOKENS, Intake, Key, NoKeyWarning, intake
from cardrisk.codes._sha256 import INITIAL, LANES, hmac_many, midstate
from cardrisk.codes.sealed import Texts
from cardrisk.codes.tokens import FIELDS, Hasher, prefix, token
from tests.codes.cards import KEY, NEXT_KEY, random_cards

CARD = {
    "card_kind": "junnet",
    "card_no": "1234567890123456",
    "card_secret": "6543210987654321",
    "client_ip": "192.0.2.7",
    "device_id": "Dev-1",
}


def test_the_compiled_hash_equals_the_standard_library_at_every_length() -> None:
    rng = np.random.default_rng(1)
    messages = [rng.bytes(size) for size in [*range(300), *rng.integers(0, 40, 5 * LANES + 3)]]
    key, head = rng.bytes(64), prefix("number", "junnet")
    data = np.frombuffer(bytearray(b"".join(messages)), np.uint8)
    stop = np.cumsum([len(m) for m in messages])
    start = stop - [len(m) for m in messages]
    pad = np.frombuffer(key, np.uint8)
    inner = midstate(midstate(INITIAL, pad ^ np.uint8(0x36)), np.frombuffer(head, np.uint8))
    out = np.empty((len(messages), 32), np.uint8)
    rows = np.zeros(len(messages), np.int32)
    outer = midstate(INITIAL, pad ^ np.uint8(0x5C))
    hmac_many(data, start, stop, rows, inner[None], outer, np.array([128]), out)
    for row, message in enumerate(messages):
        assert out[row].tobytes() == hmac.digest(key, head + message, "sha256")


@pytest.mark.parametrize("size", [32, 63, 64, 65, 200])
def test_keys_of_any_length_and_long_kinds(size: int) -> None:
    key = Key(np.random.default_rng(size).bytes(size))
    codes = Texts.of(["", "1", "2" * 64, "3" * 130])
    kinds = ["", "junnet", "卡" * 40]
    for kind in range(3):
        found = Hasher(key).digests(codes, "secret", kinds, np.full(4, kind, np.int32))
        for row, digest in enumerate(found):
            expected = token(key, "secret", kinds[kind], codes.text(row)).partition(".")[2]
            assert base64.urlsafe_b64encode(digest.tobytes()).decode()[:22] == expected


def test_every_column_is_the_plain_token_of_field_kind_and_code() -> None:
    key = Key(KEY)
    got = Intake(key).one(CARD)
    number, secret = CARD["card_no"], CARD["card_secret"]
    expected = {
        "ip_token": token(key, "ip", "", "192.0.2.7"),
        "device_token": token(key, "device", "", "dev-1"),
        "number_token": token(key, "number", "junnet", number),
        "secret_token": token(key, "secret", "junnet", secret),
        "card_token": token(key, "card", "junnet", f"{number}\x1f{secret}"),
        "serial_block": token(key, "block", "junnet", number[:-3]),
    }
    assert {name: got[name] for name in TOKENS} == expected
    assert len(FIELDS) == len(TOKENS)
    assert all(re.fullmatch(rf"{key.id}\.[\w-]{{22}}", text) for text in expected.values())


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"card_no": "１２３４-5678 9012-3456"}, set(TOKENS)),
        ({"card_kind": " 骏网一卡通 "}, set(TOKENS)),
        ({"client_ip": "::ffff:192.0.2.7", "device_id": "DEV-1 "}, set(TOKENS)),
        ({"card_kind": "qq"}, {"ip_token", "device_token"}),
        ({"card_no": "1234567890123457"}, {"ip_token", "device_token", "secret_token", "serial_block"}),
        ({"card_no": CARD["card_secret"], "card_secret": CARD["card_no"]}, {"ip_token", "device_token"}),
        ({"client_ip": "192.0.2.8"}, set(TOKENS) - {"ip_token"}),
        ({"card_secret": "654321098765432?"}, set(TOKENS) - {"secret_token", "card_token"}),
    ],
)
def test_tokens_are_equal_exactly_where_the_codes_are(change: dict[str, str], same: set[str]) -> None:
    intake = Intake(KEY)
    before, after = intake.one(CARD), intake.one(CARD | change)
    assert {name for name in TOKENS if before[name] == after[name]} == same


def test_customers_of_one_ipv6_network_share_a_token() -> None:
    intake = Intake(KEY)
    seen = [intake.one({"client_ip": ip})["ip_token"] for ip in ("2001:db8::1", "2001:DB8:0::2", "2001:db8:0:1::1")]
    assert seen[0] == seen[1] != seen[2]


def test_unknown_and_unreadable_codes_have_no_token() -> None:
    got = Intake(KEY).one({"card_kind": "qq", "card_no": "12345?789", "card_secret": " - "})
    assert [got[name] for name in TOKENS] == [None] * 6
    assert Intake(KEY).one({"card_kind": "jd_ecard", "card_secret": "AB12CD34EF56GH78"})["card_token"] is not None


def test_another_key_gives_other_tokens_and_another_id() -> None:
    one, other = Intake(KEY).one(CARD), Intake(NEXT_KEY).one(CARD)
    assert all(one[name] != other[name] for name in TOKENS)
    assert one["ip_token"][:8] != other["ip_token"][:8]


def test_without_a_key_duplicates_are_null_and_one_warning_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARDRISK_KEY", raising=False)
    cards = random_cards(50, 3)
    with pytest.warns(NoKeyWarning, match="CARDRISK_KEY") as caught:
        keyless = intake(cards)
    assert len(caught) == 1
    assert keyless[["number_token", "secret_token", "card_token"]].isna().all(axis=None)
    keyed = intake(cards, key=KEY)
    for name in ("ip_token", "device_token", "serial_block"):
        pd.testing.assert_frame_equal(
            pd.DataFrame(pd.factorize(keyless[name])[0]), pd.DataFrame(pd.factorize(keyed[name])[0])
        )
    assert Intake(KEY).one(CARD)["ip_token"] not in set(keyless["ip_token"])


def plain_hash_build(cards: pd.DataFrame) -> list[str]:
    """What a naive build would keep: unkeyed SHA-256 of the code (the positive control)."""
    return [hashlib.sha256(code.encode()).hexdigest() for code in cards["card_no"]]


def test_a_dictionary_attack_recovers_nothing_without_the_key(full_or) -> None:
    """Who holds every artefact but the key enumerates a toy space of codes through every guess at the key.

    The attacker knows the algorithm, the public key id and the library's code; the key is all that lacks.
    """
    space = full_or(1_000_000, 60_000)
    rng = np.random.default_rng(9)
    codes = rng.choice(space, 50, replace=False)
    cards = pd.DataFrame({"card_kind": "qq", "card_no": [f"{c:09d}" for c in codes]})
    artefacts = set(Intake(KEY).frame(cards).astype("str").to_numpy().ravel())
    bodies = {text.partition(".")[2] for text in artefacts if isinstance(text, str) and "." in text}
    key_id = Key(KEY).id.encode()
    guesses = [key_id.ljust(32, b"\0"), bytes(32), b"cardrisk key id".ljust(32, b"\0")]
    plain, recovered, naive = set(plain_hash_build(cards)), 0, 0
    for start in range(0, space, 100_000):
        tried = [f"{code:09d}" for code in range(start, min(start + 100_000, space))]
        texts = Texts.of(tried)
        for guess in guesses:
            for field in ("number", "block"):
                kind = np.zeros(len(texts), np.int32)
                found = Hasher(weak(guess)).digests(texts, field, ["qq"], kind)
                recovered += len(bodies & {base64.urlsafe_b64encode(d).decode()[:22] for d in found})
        naive += sum(hashlib.sha256(code.encode()).hexdigest() in plain for code in tried)
        recovered += sum(
            hashlib.sha256(code.encode()).hexdigest() in artefacts
            or base64.urlsafe_b64encode(hashlib.sha256(code.encode()).digest()).decode()[:22] in bodies
            for code in tried
        )
    assert recovered == 0
    assert naive == len(codes)


def weak(material: bytes) -> Key:
    """A key no one may use, built past its checks for the attack."""
    key = Key(KEY)
    key._material = material
    return key


def test_the_attack_itself_works_when_the_key_is_known() -> None:
    cards = pd.DataFrame({"card_kind": "qq", "card_no": [f"{c:09d}" for c in (7, 81, 900)]})
    kept = set(Intake(KEY).frame(cards)["number_token"])
    tried = Intake(KEY).frame(pd.DataFrame({"card_kind": "qq", "card_no": [f"{c:09d}" for c in range(1_000)]}))
    assert len(kept & set(tried["number_token"])) == 3
