"""What an event may be: refused whole or taken whole, late, early, repeated, waiting, ahead of the clock."""

import math
import time
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import FutureEventError, InputError
from cardrisk.features import FEATURES, FeatureSet, LiveHistory, backfill, compute, feature
from cardrisk.features.arrays import DAY, HOUR
from cardrisk.features.catalogue import BATCH, SUBMITTER
from cardrisk.features.stores import Entry
from cardrisk.features.stores.tables import entries_of
from tests.oracles import history as oracle

from . import worlds

T0 = 1_767_000_000_000_000
CARD = {"submission_id": "a", "submitter_id": "u", "submitted_at": T0, "face_value": 10.0}
ASKED = FEATURES.select(
    ["submitter_count_1d", "submitter_failed_7d", "submitter_known_life", "face_value", "ring_cards"]
)


def later(by=1, **more):
    return CARD | {"submission_id": "asked", "submitted_at": T0 + by} | more


def rows_of(history):
    return [entry.row for entry in history.store.since(0) if entry.row]


BAD_CARDS = [
    ("face_value", "ten yuan"), ("face_value", [10.0]), ("submitter_id", ["u"]), ("submitter_id", {"id": "u"}),
    ("submitted_at", "yesterday-ish"), ("submission_id", ["a"]), ("device_token", [1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value"), BAD_CARDS, ids=lambda value: str(value)[:16])
def test_a_card_that_cannot_be_read_is_refused_before_it_is_stored(url, column, value):
    with LiveHistory(ASKED, url) as history:
        for write in (history.observe, history.take):
            with pytest.raises(InputError, match="expected"):
                write(CARD | {column: value})
        assert rows_of(history) == []
        assert history.observe(CARD) == T0
    if url != "memory://":
        with LiveHistory(ASKED, url) as again:
            assert again.features(later())["submitter_count_1d"] == 1.0


@pytest.mark.parametrize(
    ("column", "value"), [("answered_at", "soon"), ("submission_id", ["a"]), ("status", ["failed"])]
)
def test_an_answer_that_cannot_be_read_is_refused_before_it_is_stored(url, column, value):
    said = {"submission_id": "a", "answered_at": T0 + 5, "status": "failed"}
    with LiveHistory(ASKED, url) as history:
        history.observe(CARD)
        with pytest.raises(InputError, match="expected"):
            history.answer(said | {column: value})
        assert len(rows_of(history)) == 1
        history.answer(said)
        assert history.features(later(9))["submitter_failed_7d"] == 1.0


def test_the_error_names_the_column_and_not_the_value():
    with pytest.raises(InputError, match=r"that 'face_value' can hold, got a str; correct it") as caught:
        LiveHistory(ASKED).observe(CARD | {"face_value": "secret-looking"})
    assert "secret-looking" not in str(caught.value)


def test_a_journal_written_by_others_opens_whatever_it_holds(durable):
    other = FEATURES.select(["channel", "submitter_count_1d"])  # needs no face value
    with LiveHistory(other, durable) as history:
        history.observe(CARD | {"face_value": "ten"})
    with pytest.warns(UserWarning, match="a stored event holds a value that counts as unknown"):
        history = LiveHistory(FEATURES.select(["submitter_sum_face_value_7d", "submitter_count_1d"]), durable)
    found = history.features(later())
    assert (found["submitter_count_1d"], found["submitter_sum_face_value_7d"]) == (1.0, 0.0)
    history.close()


def test_the_callers_dict_stays_the_callers():
    history = LiveHistory(ASKED)
    card = dict(CARD)
    history.observe(card)
    card["submitter_id"] = "somebody else"
    history.store.forget("submitter_id", "nobody")
    history._begin()
    assert history.features(later())["submitter_count_1d"] == 1.0


def test_an_id_that_is_not_known_never_repeats(url):
    with LiveHistory(ASKED, url) as history:
        for i in range(3):
            history.observe(CARD | {"submission_id": float("nan"), "submitted_at": T0 + i})
        assert history.features(later(9))["submitter_count_1d"] == 3.0


def test_a_repeated_card_tells_when_the_first_counted(url):
    with LiveHistory(ASKED, url) as history:
        assert history.observe(CARD) == T0
        assert history.observe(CARD | {"submission_id": "b"}, at=T0 + HOUR) == T0 + HOUR
        assert history.observe(CARD, at=T0 + 2 * HOUR) == T0
        assert history.features(later(3 * HOUR))["submitter_count_1d"] == 2.0


def same_bits(features, live, batch):
    np.testing.assert_array_equal(
        np.array([[row[name] for name in features.numeric] for row in live], float),
        batch[features.numeric].to_numpy(float),
    )


@pytest.mark.parametrize("seed", range(3))
def test_answers_handed_over_late_are_exported_with_what_they_said(url, seed):
    rng = np.random.default_rng([9, seed])
    submissions, outcomes = worlds.tables(rng, n=60)
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True).assign(batch_id=None)
    history = LiveHistory(FEATURES, url)
    entries = list(entries_of(submissions, outcomes))
    for place in rng.permutation(len(entries))[:40]:
        entries.insert(min(int(place) + 30, len(entries) - 1), entries.pop(place))
    read = {}
    for entry in entries:
        if entry.kind == "card":
            read[entry.row["submission_id"]] = history.features(entry.row)
            history.observe(entry.row)
        else:
            history.answer(entry.row)
    stored, answered = history.tables()
    assert (answered["received_at"] > answered["answered_at"]).any()
    said = outcomes["answered_at"].to_numpy("datetime64[us]")
    assert set(answered["answered_at"].to_numpy("datetime64[us]")) <= set(said)
    same_bits(FEATURES, [read[name] for name in stored["submission_id"]], compute(stored, answered))
    history.close()


def test_answers_wait_for_their_card_for_ninety_days_and_no_longer():
    for gone, counts in ((89 * DAY, 1.0), (91 * DAY, 0.0)):
        history = LiveHistory(ASKED)
        history.answer({"submission_id": "a", "answered_at": T0, "status": "failed"})
        history.observe(CARD | {"submission_id": "other", "submitter_id": "v"}, at=T0 + gone - 1)
        history.observe(CARD, at=T0 + gone)
        stored, answered = history.tables()
        assert history.features(later(gone + 1))["submitter_failed_7d"] == counts
        asked = pd.DataFrame([later(0, submitted_at=pd.Timestamp(T0 + gone + 1, unit="us", tz="UTC"))])
        batch = compute(asked, answered, history=(stored, None), features=ASKED)
        assert batch["submitter_failed_7d"].item() == counts


def test_what_waits_and_what_was_said_is_bounded():
    history = LiveHistory(FEATURES.select(["batch_top_share_gateway_message_7d", "submitter_count_1d"]))
    for i in range(2_000):
        moment = T0 + i * DAY // 10
        history.observe({"submission_id": f"s{i}", "submitter_id": f"u{i}", "batch_id": f"b{i}"}, at=moment)
        message = {"status": "failed", "gateway_message": f"message {i}", "answered_at": moment + 1}
        history.answer({"submission_id": f"s{i}"} | message)
        history.answer({"submission_id": f"never seen {i}"} | message)
    kept = 90 * 10 + 2
    assert len(history.orphans) <= kept
    assert len(history.orphans.waiting) <= kept
    assert len(history.state.coding.codes) <= 3 * kept
    assert len(history.state.coding.holders) <= 4_096


def test_an_event_ahead_of_the_clock_is_refused_and_moves_nothing():
    now = time.time_ns() // 1_000
    history = LiveHistory(ASKED)
    history.observe(CARD, at=now)
    for write in (history.observe, history.take):
        with pytest.raises(
            FutureEventError, match=r"at most 24 h ahead of this machine's clock, got one 48\.0 h ahead"
        ):
            write(later(), at=now + 2 * DAY)
    with pytest.raises(FutureEventError, match="correct the clock"):
        history.answer({"submission_id": "a", "status": "failed", "answered_at": now + 2 * DAY})
    assert history.now == now
    assert history.too_early(now + 2 * DAY)
    assert not history.too_early(now + HOUR)
    assert history.observe(later(), at=now + HOUR) == now + HOUR
    assert LiveHistory(ASKED, ahead=None).observe(CARD, at=now + 400 * DAY) == now + 400 * DAY


def test_rings_read_ahead_of_time_do_not_stay_when_more_comes():
    history = LiveHistory(ASKED, ahead=None)
    tomorrow = T0 - T0 % DAY + DAY
    linked = {"device_token": "d"}
    history.observe(CARD | linked)
    assert history.features(later() | linked, at=tomorrow)["ring_cards"] == 1.0
    history.observe(CARD | linked | {"submission_id": "b"}, at=T0 + 5)
    assert history.features(later() | linked, at=tomorrow)["ring_cards"] == 2.0


TOGETHER = FEATURES.select([name for name in FEATURES.names if name.startswith(("request_", "ring_"))])


def oracle_requests(cards):
    """The request facts of cards handed in together, straight from their definitions."""

    def values(column):
        return [card[column] for card in cards if card.get(column) is not None]

    bits = [round(value * 1_000_000) for value in values("code_secret_surprise")]
    repeated = {
        name: len(values(column)) - len(set(values(column))) if values(column) else None
        for name, column in (("request_repeated", "card_token"), ("request_same_secret", "secret_token"))
    }
    blocks = len(set(values("serial_block"))) or None
    return {"request_cards": len(cards), "request_serial_blocks": blocks, **repeated}, surprise(sum(bits), len(bits))


def surprise(micro, n):
    """-log10 of the chance that n geometric(1/2) numbers add up to as much, by adding up the distribution."""
    if n == 0:
        return None
    bits = micro // 1_000_000  # whole in these tables
    below = sum(Fraction(math.comb(k + n - 1, k), 2 ** (k + n)) for k in range(bits))
    return -math.log10(1 - below)


def oracle_rings(history, card, t):
    """Cards and failures linked to a card at the day's start: a flood fill over shared values."""
    columns, day = ("device_token", "ip_token", "serial_block"), t - t % oracle.DAY
    seen = [c for c in history.cards if day - 7 * oracle.DAY <= c["t"] < day]
    holders = {}
    for i, c in enumerate(seen):
        for column in columns:
            if c.get(column) is not None:
                holders.setdefault((column, c[column]), []).append(i)
    holders = {value: held for value, held in holders.items() if len(held) <= 100}
    mine = [(column, card[column]) for column in columns if card.get(column) is not None]
    if not mine:
        return None, None
    found, todo = set(), [value for value in mine if value in holders]
    done = set(todo)
    while todo:
        for i in holders[todo.pop()]:
            found.add(i)
            for column in columns:
                value = (column, seen[i].get(column))
                if value in holders and value not in done:
                    done.add(value)
                    todo.append(value)
    answers = [oracle.in_force(seen[i], day) for i in found]
    return len(found), sum(a is not None and oracle.GRAVITY.get(a["status"], 0) >= 2 for a in answers)


@pytest.mark.parametrize("seed", range(3))
def test_rings_and_requests_equal_the_oracle_on_both_roads(seed):
    rng = np.random.default_rng([10, seed])
    submissions, outcomes = worlds.tables(rng, n=70, days=20, entities=4)
    submissions = submissions.drop_duplicates("submission_id", ignore_index=True)
    batch = compute(submissions, outcomes, features=TOGETHER)
    rows = oracle.records(submissions)
    told = oracle.History(rows, oracle.records(outcomes))
    moments = {c["submission_id"]: c["t"] for c in told.cards}
    history, read = LiveHistory(TOGETHER), {}
    pending = []

    def hand_in():
        for (card, _), (row, _) in zip(
            pending, history.take_together([c for c, _ in pending], pending[0][1]), strict=True
        ):
            read[card["submission_id"]] = dict(zip(history._names, row.tolist(), strict=True))
        pending.clear()

    for entry in entries_of(submissions, outcomes):
        if pending and (entry.kind == "answer" or entry.moment != pending[0][1]):
            hand_in()
        if entry.kind == "card":
            pending.append((entry.row, entry.moment))
        else:
            history.answer(entry.row)
    if pending:
        hand_in()
    several = 0
    for i, card in enumerate(rows):
        t = moments[card["submission_id"]]
        same = [c for c in told.cards if c["t"] == t and c.get("batch_id") == card["batch_id"]]
        mates = [c for c in same if card["batch_id"] is not None or c["submission_id"] == card["submission_id"]]
        several += len(mates) > 1
        expected, unlikely = oracle_requests(mates)
        expected["ring_cards"], expected["ring_failed"] = oracle_rings(told, card, t)
        for name, value in expected.items():
            for got in (batch[name].iloc[i], read[card["submission_id"]][name]):
                assert np.isnan(got) if value is None else got == value, (name, value, got)
        for got in (batch["request_surprise"].iloc[i], read[card["submission_id"]]["request_surprise"]):
            assert np.isnan(got) if unlikely is None else np.isclose(got, unlikely, rtol=1e-6, atol=1e-7)
    assert several > 5
    same_bits(TOGETHER, [read[name] for name in submissions["submission_id"]], batch)


@pytest.mark.parametrize("seed", range(4))
def test_loading_in_bulk_leaves_the_same_bits_as_one_by_one(seed, monkeypatch):
    rng = np.random.default_rng([11, seed])
    submissions, outcomes = worlds.tables(rng, n=150, days=int(rng.choice([20, 250])))
    slow, fast = LiveHistory(ahead=None), LiveHistory(ahead=None)
    for entry in entries_of(submissions, outcomes):
        slow.store.extend([entry])
        slow.refresh()
    monkeypatch.setattr("cardrisk.features.live.following.CHUNK", int(rng.integers(2, 400)))
    backfill(fast, submissions, outcomes)
    assert (slow.now, slow.seen, slow.state.by_id) == (fast.now, fast.seen, fast.state.by_id)
    for card in submissions.to_dict("records")[::5]:
        for after in (1, DAY):
            asked = card | {"submission_id": "asked"}
            assert str(slow.features(asked, at=slow.now + after)) == str(fast.features(asked, at=fast.now + after))


def test_a_wide_feature_set_grows_every_table():
    features = FeatureSet((feature("count", SUBMITTER, "30d"), feature("distinct", BATCH, "30d", of="submitter_id")))
    history = LiveHistory(features, ahead=None)
    cards = [{"submission_id": f"s{i}", "submitter_id": f"u{i % 3_000}", "batch_id": f"b{i}"} for i in range(6_000)]
    history.extend(Entry.card(T0 + i, card) for i, card in enumerate(cards))
    for i in range(0, 3_000, 371):
        found = history.features({"submitter_id": f"u{i}", "batch_id": f"b{i}"}, at=T0 + 10_000)
        assert found == {"submitter_count_30d": 2.0, "batch_distinct_submitter_id_30d": 1.0}
