"""Whatever is handed in: no uncaught error, none over a second, nothing a spreadsheet would run."""

import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cardrisk.codes import RAW, TOKENS, Hints, Intake, Secret, check, check_text
from cardrisk.codes.anomalies import NAMES
from tests.codes.cards import KEY

ODD = [
    None, float("nan"), float("inf"), -1, 0, 10**5_000, -(10**70), 1e300, 2.0**60, True, b"", b"\xff\xfe12", b"1" * 100,
    pd.NA, pd.NaT, pd.Timestamp(0), np.int64(7), np.float32(1.5), np.datetime64("NaT"), Decimal("1e999999"),
    Decimal("NaN"), Decimal("sNaN"), Decimal(12), 3j, [], [1], {}, object, Secret("\ud800"), "\ud800", "\x00",
    "\x1f", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "卡号", "½", "\ufdfa" * 50, "e\u0301" * 500, "\u202e",
    "ß" * 40, "ﬀ" * 64, "🂡" * 30, ":" * 1024, "A:" * 512, "（" * 200, "1" * 64, "1" * 65, "\r\n" * 50, "A .#" * 256,
    "ŉ", "ΐ" * 30,
]  # fmt: skip
LARGE = ["1" * 10_000_000, "é" * 5_000_000, "A:" * 5_000_000, "\ud800" * 3_000_000, b"\xff" * 10_000_000]


def mutated(rng: np.random.Generator) -> object:
    """An odd value, or a text that was a code until characters of any sort fell into it."""
    if rng.random() < 0.2:
        return ODD[int(rng.integers(len(ODD)))]
    text = [str(d) for d in rng.integers(0, 10, int(rng.integers(0, 30)))]
    for _ in range(int(rng.integers(0, 6))):
        point = int(rng.choice([rng.integers(0x110000), rng.integers(0x80), rng.integers(0x3000)]))
        text.insert(int(rng.integers(len(text) + 1)), chr(point) * int(rng.choice([1, 1, 1, 40])))
    value = "".join(text)
    return value.encode("utf-8", "replace") if rng.random() < 0.1 else value


def test_no_input_breaks_the_boundary(full_or) -> None:
    rng = np.random.default_rng(41)
    intake, kinds = Intake(KEY), ["qq", "junnet", "jd_ecard", "京东E卡", "tianhong_letters"]
    intake.one({})
    slowest = 0.0
    for _ in range(full_or(100_000, 4_000)):
        card = {column: mutated(rng) for column in RAW}
        card["card_kind"] = mutated(rng) if rng.random() < 0.2 else kinds[int(rng.integers(len(kinds)))]
        began = time.process_time()
        taken, hints = intake.one(card), check(card, doubt=True)
        slowest = max(slowest, time.process_time() - began)
        assert set(taken) == {"card_kind", *TOKENS, *NAMES}
        assert isinstance(hints, Hints)
        texts = [value for name, value in taken.items() if name != "card_kind" and isinstance(value, str)]
        assert not any(text[0] in "=+-@\t\r" for text in [*texts, *hints])
    assert slowest < 1.0


@pytest.mark.parametrize("value", LARGE, ids=lambda v: f"{type(v).__name__}-{len(v)}")
def test_huge_values_are_read_in_no_time(value: object) -> None:
    began = time.process_time()
    card = dict.fromkeys([*RAW, "card_kind"], value)
    taken = Intake(KEY).one(card)
    assert taken["number_token"] is None
    assert len(check(card)) <= 2
    if isinstance(value, str):
        assert len(check_text([value])) == 1
    assert time.process_time() - began < 5.0


def test_tables_take_what_cards_take() -> None:
    """The same odd values, a column of mixed objects at once."""
    rng = np.random.default_rng(42)
    cards = [{column: mutated(rng) for column in (*RAW, "card_kind")} for _ in range(500)]
    frame = pd.DataFrame({column: pd.Series([card[column] for card in cards], dtype=object) for column in cards[0]})
    taken = Intake(KEY).frame(frame)
    alone = pd.DataFrame([Intake(KEY).one(card) for card in cards])
    for name in (*TOKENS, *NAMES):
        assert (
            taken[name].astype(object).where(taken[name].notna(), None).tolist()
            == alone[name].astype(object).where(alone[name].notna(), None).tolist()
        )


def test_lines_of_anything_become_hints(full_or) -> None:
    rng = np.random.default_rng(43)
    for _ in range(full_or(20_000, 500)):
        line = " ".join(str(part)[:3_000] for part in (mutated(rng), mutated(rng)) if not isinstance(part, int))
        for kind in (None, "qq", "jd_ecard"):
            assert len(check_text([line], kind=kind)) == 1


ADDRESSES = (
    "192.0.2.7",
    "192.0.2.07",
    "0.0.0.0",
    "255.255.255.256",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.4\n",
    "1..2.3",
    "::1",
)
DEVICES = ("dev-1", "DEV-1", " dev", "dev\t", "", "d" * 257, "Ä1", "a\x1fB")
CODES = ("2970229863683447", "AB12", "ab12", "12-34", "12?4", "9" * 300, "", "１２", "1\x1f2")


def test_a_card_read_as_it_is_written_is_a_card_that_was_cleaned() -> None:
    """What the short way takes, it takes as the long way does; most cards as software writes them go the short way."""
    rng, intake, short = np.random.default_rng(43), Intake(KEY), 0
    for _ in range(3_000):
        odd = [[*values, None] for values in (CODES, CODES, ADDRESSES, DEVICES)]
        cells = [values[int(rng.integers(len(values))) if rng.random() < 0.5 else 0] for values in odd]
        card = dict(zip(RAW, cells, strict=True)) | {"card_kind": str(rng.choice(["junnet", "qq", "none known"]))}
        name, row = intake._kind_of(card)
        found = intake._desk.take_clean(card, name, row)
        assert found is None or found == intake._desk.take(card, intake._read(card))
        short += found is not None
    assert short > 100
    assert intake._desk.take_clean(dict(zip(RAW, ("1234", "5678", "192.0.2.7", "Dev-1"), strict=True)), "", -1)
