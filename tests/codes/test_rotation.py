"""A key change with overlap keeps every duplicate and velocity within the overlap."""

import pandas as pd
import pytest

from cardrisk.codes import TOKENS, KeyRing, intake, intake_one, rekey, translation
from cardrisk.errors import KeyMaterialError
from tests.codes.cards import KEY, NEXT_KEY, random_cards


def rotated(cards: pd.DataFrame, begins: int, switches: int) -> pd.DataFrame:
    """The history of ``cards`` when both keys are used from row ``begins`` and the next alone from ``switches``."""
    before = intake(cards[:begins], key=KEY)
    overlap = intake(cards[begins:switches], key=KeyRing(KEY, NEXT_KEY))
    after = intake(cards[switches:], key=NEXT_KEY)
    return pd.concat([rekey(pd.concat([before, overlap])), after])


def earlier_equal(frame: pd.DataFrame, name: str, window: int) -> list[int]:
    """How many of the ``window`` rows before each have its token: the stuff of duplicates and velocities."""
    values = frame[name].tolist()
    return [
        sum(value == other for other in values[max(0, row - window) : row]) if isinstance(value, str) else -1
        for row, value in enumerate(values)
    ]


def test_windows_up_to_the_overlap_do_not_notice() -> None:
    cards = pd.concat([random_cards(80, seed) for seed in (3, 1, 2, 1, 3)], ignore_index=True)
    plain, changed = intake(cards, key=KEY), rotated(cards, begins=120, switches=280)
    assert list(plain.columns) == list(changed.columns)
    for name in TOKENS:
        assert earlier_equal(plain, name, 160)[280:] == earlier_equal(changed, name, 160)[280:]
        assert max(earlier_equal(plain, name, 160)[280:]) > 0
    assert earlier_equal(plain, "card_token", 400)[280:] != earlier_equal(changed, "card_token", 400)[280:]


def test_during_the_overlap_the_current_tokens_are_the_old_ones() -> None:
    cards = random_cards(60, 4)
    both, old, new = intake(cards, key=KeyRing(KEY, NEXT_KEY)), intake(cards, key=KEY), intake(cards, key=NEXT_KEY)
    pd.testing.assert_frame_equal(both[old.columns], old)
    pd.testing.assert_frame_equal(rekey(both)[new.columns], new)
    one = intake_one(cards.iloc[0].to_dict(), key=KeyRing(KEY, NEXT_KEY))
    assert one["ip_token_next"] == (None if one["ip_token"] is None else both["ip_token_next"].iloc[0])


def test_a_store_is_translated_token_by_token() -> None:
    cards = random_cards(60, 5)
    both, new = intake(cards, key=KeyRing(KEY, NEXT_KEY)), intake(cards, key=NEXT_KEY)
    words = translation(both[:30], both[30:])
    for name in TOKENS:
        assert both[name].map(words).fillna("-").tolist() == new[name].fillna("-").tolist()


def test_frames_of_one_key_cannot_be_translated() -> None:
    with pytest.raises(KeyMaterialError, match="taken in with a current and a next key"):
        translation(intake(random_cards(3, 1), key=KEY))
