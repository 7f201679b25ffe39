"""Frame, unit and single card agree on every value, and no code comes out."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cardrisk.codes import ANOMALIES, RAW, TOKENS, Intake, intake, intake_one
from cardrisk.codes.anomalies import NAMES
from cardrisk.errors import InputError
from tests.codes.cards import KEY, random_cards


def plain(value: object) -> object:
    return None if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT else value


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    return [{name: plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def test_every_road_gives_the_same_values(full_or) -> None:
    cards = random_cards(full_or(10_000, 600), 21)
    boundary = Intake(KEY)
    whole = records(boundary.frame(cards))
    given = records(cards)
    for first in range(0, len(given), 12):
        unit = boundary.together(given[first : first + 12])
        assert [{k: plain(v) for k, v in card.items()} for card in unit] == whole[first : first + 12]
    for card in given[:100]:
        alone = intake_one(card, key=KEY)
        table = records(intake(pd.DataFrame([card]).astype({"card_no": "str", "card_secret": "str"}), key=KEY))[0]
        assert {name: plain(alone[name]) for name in (*TOKENS, *NAMES)} == {n: table[n] for n in (*TOKENS, *NAMES)}


def test_the_contract_of_the_columns() -> None:
    cards = random_cards(40, 22)
    taken = intake(cards, key=KEY)
    kept = [name for name in cards if name not in RAW]
    assert list(taken.columns) == [*kept, *TOKENS, *NAMES]
    assert taken.index.equals(cards.index)
    pd.testing.assert_frame_equal(taken[kept], cards[kept])
    texts = [*TOKENS, *(anomaly.name for anomaly in ANOMALIES if anomaly.categories)]
    assert all(isinstance(taken[name].dtype, pd.StringDtype) for name in texts)
    assert all(taken[anomaly.name].dtype == np.float32 for anomaly in ANOMALIES if not anomaly.categories)
    for anomaly in ANOMALIES:
        if anomaly.categories:
            assert set(taken[anomaly.name].dropna()) <= set(anomaly.categories)


def test_what_was_taken_in_passes_unchanged() -> None:
    taken = intake(random_cards(10, 23), key=KEY)
    assert intake(taken, key=KEY) is taken


@pytest.mark.parametrize("columns", [[], ["card_no"], ["card_secret", "card_kind"], ["client_ip"]])
def test_columns_that_are_not_there_are_unknown(columns: list[str]) -> None:
    cards = random_cards(30, 24)
    taken = intake(cards[["submission_id", *columns]], key=KEY)
    assert [name for name in TOKENS if taken[name].isna().all()] >= ([] if columns else list(TOKENS))
    assert len(taken) == 30
    assert not set(RAW) & set(taken.columns)


def test_no_rows() -> None:
    taken = intake(random_cards(5, 25)[:0], key=KEY)
    assert len(taken) == 0
    assert list(NAMES) == [name for name in taken if name.startswith("code_")]
    assert Intake(KEY).together([]) == []


@pytest.mark.parametrize("dtype", ["object", "string", "str", "category", pd.ArrowDtype(pa.string())], ids=str)
def test_any_text_dtype_reads_alike(dtype: object) -> None:
    cards = random_cards(200, 26)
    expected = intake(cards, key=KEY)
    texts = ["card_no", "card_secret", "card_kind", "client_ip", "device_id"]
    got = intake(cards.astype(dict.fromkeys(texts, dtype)), key=KEY)
    columns = [*TOKENS, *NAMES]
    pd.testing.assert_frame_equal(got[columns], expected[columns])


def test_numbers_read_as_their_digits() -> None:
    cards = pd.DataFrame({"card_kind": ["qq"] * 2, "card_no": [123456789, 987654321], "card_secret": ["1" * 12] * 2})
    as_text = cards.astype({"card_no": "str"})
    pd.testing.assert_frame_equal(intake(cards, key=KEY), intake(as_text, key=KEY))


def test_a_parallel_worker_with_its_own_chunk_gives_its_rows_of_the_whole() -> None:
    cards = random_cards(240, 27)
    whole = intake(cards, key=KEY)
    parts = pd.concat([intake(cards[first : first + 48], key=KEY) for first in range(0, 240, 48)])
    pd.testing.assert_frame_equal(parts, whole)


@pytest.mark.parametrize("given", [None, 7, [1], "text"])
def test_what_is_no_frame_is_refused_without_its_values(given: object) -> None:
    with pytest.raises(InputError, match="its values are withheld"):
        intake(given, key=KEY)
