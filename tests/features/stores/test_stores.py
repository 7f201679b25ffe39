"""One suite over every store: each acknowledged event once, in one order, with moments that never fall."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import StoreError
from cardrisk.features.stores import Entry, open_store

T0 = 1_767_000_000_000_000


def card(i, moment=None, **more):
    return Entry.card(T0 + i if moment is None else moment, {"submission_id": f"s{i}", "face_value": 0.1 * i, **more})


def answer(i, moment):
    return Entry.answer(moment, {"submission_id": f"s{i}", "status": "failed"})


def names(entries):
    return [(entry.kind, entry.row["submission_id"]) for entry in entries if entry.kind != "again"]


@pytest.fixture
def store(url):
    store = open_store(url)
    yield store
    store.close()


def test_what_is_appended_is_read_in_order(store):
    seen = 0
    for i in range(5):
        (new,) = store.append(card(i), seen)
        assert new.number > seen
        assert (new.moment, dict(new.row)) == (T0 + i, dict(card(i).row))
        seen = new.number
    assert names(store.since(0)) == [("card", f"s{i}") for i in range(5)]
    assert list(store.since(seen)) == []


def test_an_append_returns_everything_not_seen_the_new_one_last(store):
    for i in range(3):
        store.append(card(i), 0)
    found = store.append(answer(1, T0 + 9), 1)
    assert names(found) == [("card", "s1"), ("card", "s2"), ("answer", "s1")]
    assert [entry.number for entry in found] == sorted(entry.number for entry in found)


def test_moments_never_fall(store):
    moments = [5, 3, 9, 1, 9, 12]
    for i, moment in enumerate(moments):
        store.append(card(i, T0 + moment), 0)
    assert [entry.moment - T0 for entry in store.since(0)] == list(np.maximum.accumulate(moments))


def test_a_card_counts_once_and_its_second_handing_over_moves_no_clock(store):
    store.append(card(1), 0)
    store.append(card(2), 0)
    again = store.append(card(1, T0 + 500), 1)
    assert names(again) == [("card", "s2")]
    store.append(card(3, T0 + 3), 2)
    assert [(e.number, e.moment - T0) for e in store.since(0)] == [(1, 1), (2, 2), (3, 3)]


def test_answers_may_repeat_and_cards_without_an_id_never_do(store):
    nameless = Entry.card(T0, {"face_value": 10.0})
    for entry in (answer(1, T0), answer(1, T0), nameless, nameless):
        store.append(entry, 0)
    assert len(list(store.since(0))) == 4


def test_extend_does_as_append(store, url):
    rng = np.random.default_rng(3)
    entries = [
        card(int(i), T0 + int(m)) if rng.random() < 0.6 else answer(int(i), T0 + int(m))
        for i, m in zip(rng.integers(0, 2_000, 5_000), rng.integers(0, 9_000, 5_000), strict=True)
    ]
    store.extend(entries)
    memory = open_store("memory://")
    for entry in entries:
        memory.append(entry, 10**9)
    assert list(store.since(0)) == list(memory.since(0))
    assert list(store.since(1_234)) == list(memory.since(1_234))


def test_the_quick_way_into_memory_does_as_append():
    memory, plain = open_store("memory://"), open_store("memory://")
    for entry in (card(1), card(1), card(2), answer(1, T0), answer(1, T0 + 90), card(3, T0 + 5), card(2)):
        for seen in (plain.count, max(plain.count - 2, 0)):  # knowing everything; and others were faster
            found = memory.add(entry.moment, entry.kind, entry.row, seen)
            if isinstance(found, int):
                found = [Entry(found, entry.kind, entry.row, seen + 1)]
            assert list(found) == list(plain.append(entry, seen))
    assert list(memory.since(0)) == list(plain.since(0))


def test_trim_forgets_what_lies_before(store):
    for i in range(10):
        store.append(card(i), 0)
    assert store.trim(T0 + 4) == 4
    assert names(store.since(0)) == [("card", f"s{i}") for i in range(4, 10)]
    assert store.trim(T0 + 4) == 0
    store.append(card(1, T0 + 20), 0)  # its name is free again
    assert names(store.since(10)) == [("card", "s1")]


def test_numbers_and_moments_go_on_after_everything_was_forgotten(store):
    for i in range(3):
        store.append(card(i, T0 + 10), 0)
    assert store.trim(T0 + 11) == 3
    assert list(store.since(0)) == []
    (new,) = store.append(card(7, T0), 3)
    assert (new.number, new.moment) == (4, T0 + 10)
    assert store.forget("submission_id", "s7") == 1
    mark, new = store.append(card(8, T0), 4)
    assert (mark.kind, mark.number, mark.moment) == ("again", 5, T0 + 10)
    assert (new.number, new.moment) == (6, T0 + 10)


def test_forget_removes_a_persons_cards_and_answers_and_nothing_else(store):
    for i in range(6):
        store.append(card(i, submitter_id=f"u{i % 2}", supplier_id="u1"), 0)
    for i in range(6):
        store.append(answer(i, T0 + 10), 0)
    assert store.forget("submitter_id", "u1") == 6
    assert names(store.since(0)) == [(kind, f"s{i}") for kind in ("card", "answer") for i in (0, 2, 4)]
    assert store.forget("submitter_id", "u1") == 0
    mark, new = store.append(card(1, T0 + 11), 12)
    assert (mark.kind, mark.number, new.number) == ("again", 13, 14)


VALUES = [
    None, True, False, 0, -1, 2**70, 0.1, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), 1e22, 100.0,
    "", "点卡", 'a"\\\n\0', "😀", "\ud800", "=1", "@2", "null", "1.0",
    dt.datetime(2026, 3, 29, 1, 30, 0, 123_457, dt.UTC), dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_values_come_back_as_they_went_in(store, value):
    store.append(Entry.card(T0, {"submission_id": "a", "own column": value}), 0)
    (found,) = store.since(0)
    got = found.row["own column"]
    assert type(got) is type(value)
    assert repr(got) == repr(value)


def test_values_of_numpy_and_pandas_come_back_as_what_they_stand_for(store, url):
    zoned = pd.Timestamp("2026-03-29 03:30:00.123457", tz="Asia/Shanghai")
    row = {
        "a": np.float64(0.1), "b": np.int64(7), "c": np.bool_(True), "d": pd.NA, "e": pd.NaT, "f": zoned,
        "g": np.datetime64("2026-03-29T01:02:03.000004"), "h": np.float32(0.1), "i": zoned.to_pydatetime(),
    }  # fmt: skip
    (new,) = store.append(Entry.card(T0, row), 0)
    (read,) = store.since(0)
    assert dict(read.row) == dict(new.row) or url == "memory://"
    if url != "memory://":
        assert read.row["a"] == 0.1
        assert (read.row["c"], read.row["d"], read.row["e"]) == (True, None, None)
        assert read.row["f"] == read.row["i"] == zoned
        assert read.row["h"] == float(np.float32(0.1))


def test_closing_twice_is_harmless(store):
    store.append(card(1), 0)
    store.close()
    store.close()


def test_an_unknown_scheme_is_refused():
    with pytest.raises(StoreError, match=r"expected memory://, sqlite:///\.\.\. or redis://"):
        open_store("mysql://here")
