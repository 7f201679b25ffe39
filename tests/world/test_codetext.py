"""Codes fit their kinds; spoiling spoils them as often and as visibly as stated (C14)."""

import numpy as np
import pandas as pd
import pytest

from cardrisk import facts
from cardrisk.kinds import KINDS
from cardrisk.world import World
from cardrisk.world.codetext import WIDTH, Texts
from cardrisk.world.spoiling import (
    ANY,
    BREAKING,
    INSERT,
    LOOK_LIKELY,
    LOOK_NEAR,
    OMIT,
    SCRATCH,
    STRAY,
    SWAP,
    TRUNCATE,
    TWIN,
    spoil,
)

from .conftest import SEEDS, joined
from .history import broken


def rows_of(text: str, count: int) -> Texts:
    characters = np.full((count, WIDTH), ord("0"), dtype=np.uint8)
    characters[:, WIDTH - len(text) :] = np.frombuffer(text.encode(), dtype=np.uint8)
    return Texts(characters, np.full(count, len(text)))


def strings(texts: Texts) -> list[str]:
    return [bytes(row[WIDTH - n :]).decode() for row, n in zip(texts.characters, texts.lengths, strict=True)]


@pytest.mark.parametrize("text", ["1072583461", "0123456789012345", "A1B2C3D4E5F6G7H8", "1111111111"])
@pytest.mark.parametrize("error", [LOOK_NEAR, LOOK_LIKELY, ANY, STRAY, SWAP, OMIT, INSERT, TWIN, TRUNCATE, SCRATCH])
def test_every_error_changes_the_text_and_breaks_the_shape_or_keeps_it(text: str, error: int) -> None:
    digits = text.isdigit()
    if error == STRAY and not digits:
        pytest.skip("letters are no strays in an alphanumeric code")
    count = 300
    texts = rows_of(text, count)
    valid = ((len(text),),)
    kind = np.zeros(count, dtype=np.int64)
    spoil(texts, np.full(count, error), np.full(count, digits), valid, kind, np.random.default_rng(3))
    for spoilt in strings(texts):
        assert spoilt != text
        whole = len(spoilt) == len(text) and (spoilt.isdigit() if digits else spoilt.isalnum())
        assert whole == (error not in BREAKING)


def test_a_length_that_the_kind_knows_is_never_reached_by_an_omission() -> None:
    texts = rows_of("123456789", 200)
    errors = np.full(200, OMIT)
    spoil(texts, errors, np.ones(200, dtype=bool), ((8, 9),), np.zeros(200, dtype=np.int64), np.random.default_rng(3))
    assert set(texts.lengths) == {6}


def test_look_alikes_are_the_published_pairs() -> None:
    texts = rows_of("1072583461", 500)
    kind = np.zeros(500, dtype=np.int64)
    spoil(texts, np.full(500, LOOK_NEAR), np.ones(500, dtype=bool), ((10,),), kind, np.random.default_rng(3))
    pairs = {
        frozenset((a, b)) for spoilt in strings(texts) for a, b in zip(spoilt, "1072583461", strict=True) if a != b
    }
    assert pairs == {frozenset("17")}


@pytest.mark.parametrize("seed", SEEDS)
def test_only_spoilt_codes_break_their_shape(calm: dict[int, World], seed: int) -> None:
    frame = joined(calm[seed])
    seen = broken(frame)
    assert frame.loc[seen, "cause"].isin(["mistyped", "forged"]).all()
    assert frame.loc[seen, "p_fail"].min() > 0.99


def test_shape_alone_finds_ten_to_twenty_percent_of_plain_mistypes(raw: dict[int, World]) -> None:
    """Digit-preserving, unscratched: no letter among digits, nothing unreadable; kinds of digits only.

    Over five seeds some 3,500 cards: the true share is .16/(1 - .70 * .12) = .175, its error .007.
    """
    frame = pd.concat([joined(world) for world in raw.values()])
    digits = {
        name: all(s is None or s.alphabet == "digits" for s in (k.number, k.secret)) and k.secret is not None
        for name, k in KINDS.items()
    }
    mine = frame[(frame["cause"] == "mistyped") & frame["card_kind"].map(digits)].reset_index(drop=True)
    text = mine["card_no"].fillna("") + mine["card_secret"]
    plain = mine[text.str.fullmatch("[0-9]+")].reset_index(drop=True)
    assert len(plain) > 1_000
    assert 0.10 <= broken(plain).mean() <= 0.20
    share = facts.TYPING_ERRORS.value
    lengths = share["omission"] + share["insertion"] + share["truncation"]
    stated = lengths / (1.0 - share["substitution"] * facts.STRAY_LETTERS.value)
    assert abs(broken(plain).mean() - stated) < 4.5 * np.sqrt(stated * (1 - stated) / len(plain))


@pytest.mark.parametrize("seed", SEEDS)
def test_scratches_are_on_physical_cards_only(calm: dict[int, World], seed: int) -> None:
    cards = calm[seed].submissions
    scratched = cards["card_no"].str.contains("*", regex=False, na=False)
    scratched |= cards["card_secret"].str.contains("*", regex=False, na=False)
    assert scratched.any()
    assert set(cards.loc[scratched, "medium"].dropna()) == {"physical"}


def test_honest_stock_comes_in_runs_and_secrets_are_uniform(calm: dict[int, World]) -> None:
    from scipy import stats

    frame = joined(calm[7])
    good = frame[(frame["cause"] == "ok") & (frame["card_kind"] == "junnet")]
    sold = good[good["supplier_id"].notna()].groupby("batch_id")["card_no"]
    spans = sold.agg(lambda numbers: int(numbers.max()) - int(numbers.min()) + 1)[sold.size() > 3]
    assert (spans / sold.size()[spans.index]).median() < 2.0
    counts = np.bincount([int(c) for secret in good["card_secret"] for c in secret], minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-4
    assert good["card_secret"].is_unique


def test_no_code_appears_twice_but_where_a_card_comes_again(calm: dict[int, World]) -> None:
    frame = joined(calm[7])
    code = frame["card_kind"] + frame["card_no"].fillna("") + "|" + frame["card_secret"]
    twice = frame[code.duplicated(keep=False)]
    later = frame[code.duplicated()]
    assert later["cause"].isin(["already_used", "ok", "rate_limited", "issuer_busy"]).mean() > 0.7
    assert len(twice) < 0.02 * len(frame)
