"""``Scorer``: one by one, together and as a table are the same bits; a card counts once; a person can be forgotten."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pandas as pd
import pytest

import cardrisk
from cardrisk.errors import InputError
from cardrisk.features import compute

from .events import assert_same, plain, play


def table(tiny, key, cards, **more):
    return cardrisk.score(cards, model=str(tiny.bundle), history=(tiny.early, tiny.outcomes), key=key, **more)


def test_live_is_the_table_to_the_bit_with_answers_in_between(tiny, key, make, full_or) -> None:
    cards = tiny.late.head(full_or(100_000, 400))
    scores = play(make(reasons="all"), tiny.early, cards, tiny.outcomes)
    assert_same(scores, table(tiny, key, cards, reasons="all"))


def test_every_store_gives_the_same_bits(tiny, key, make, url, full_or) -> None:
    early, cards = tiny.early.tail(800), tiny.late.head(full_or(2_000, 60))
    scores = play(make(url), early, cards, tiny.outcomes)
    expected = cardrisk.score(cards, model=str(tiny.bundle), history=(early, tiny.outcomes), key=key)
    assert_same(scores, expected)


def test_cards_handed_in_together_are_the_table_of_them(tiny, key, make) -> None:
    cards = tiny.late.head(50)
    assert cards["batch_id"].duplicated().any()
    scores = make().score([plain(row) for row in cards.to_dict("records")])
    assert_same(scores, cardrisk.score(cards, model=str(tiny.bundle), key=key))


def test_the_store_as_tables_gives_the_same_scores(tiny, make) -> None:
    """Late cards count from their handing over; the tables say so, and batch over them agrees."""
    scorer = make()
    rows = [plain(row) for row in tiny.late.head(30).to_dict("records")]
    for row in rows:
        row.pop("batch_id", None)
    order = [*rows[10:20], *rows[:10], *rows[20:]]
    scores = [scorer.score(row) for row in order]
    submissions, outcomes = scorer._road.history.tables()
    no_answers = pd.DataFrame(columns=["submission_id", "answered_at", "status"])
    assert len(outcomes) == 0
    p = scorer.model.predict(compute(submissions, no_answers, features=scorer.model.features))
    assert [score.p_fail for score in scores] == p["p_fail"].tolist()


def test_a_retry_gets_the_same_answer_and_counts_once(tiny, make, url) -> None:
    scorer = make(url)
    a, b = (plain(row) for row in tiny.late.head(2).to_dict("records"))
    first = scorer.score(a)
    assert scorer.score(a) == first
    mixed = scorer.score([a, b, b, a])
    assert mixed == [first, mixed[1], mixed[1], first]
    assert len(scorer._road.history.tables()[0]) == 2
    assert scorer.metrics.value("retries") == 2


def test_another_card_under_a_known_name_is_told_of(tiny, make, url, caplog) -> None:
    scorer = make(url)
    card = plain(tiny.late.iloc[0].to_dict())
    first = scorer.score(card)
    later = card | {"received_at": card["submitted_at"] + pd.Timedelta(seconds=9)}
    assert scorer.score([card, later]) == [first, first]
    assert scorer.metrics.value("retries_changed") == 0
    other = card | {"face_value": 1.0 + (card.get("face_value") or 0.0), "card_secret": "A1" * 8}
    with caplog.at_level("WARNING", "cardrisk.scoring"):
        assert scorer.score(other) == first
    assert scorer.metrics.value("retries_changed") == 1
    told = json.loads(caplog.records[-1].getMessage())
    assert told["event"] == "retry_changed"
    assert {"face_value", "secret_token"} <= set(told["columns"])
    assert "A1A1" not in caplog.text


def test_the_same_card_is_no_other_one_alone_or_under_another_key(tiny, make, durable) -> None:
    a, b = (plain(row) for row in tiny.late.head(2).to_dict("records"))
    a |= {"card_no": "6222000000000001", "card_secret": "100000000000000001", "client_ip": "192.0.2.7", "batch_id": "b"}
    b |= {"card_no": "6222000000000002", "card_secret": "100000000000000002", "client_ip": "192.0.2.7", "batch_id": "b"}
    scorer = make(durable)
    scorer.score([a, b | {"submitted_at": a["submitted_at"]}])
    other = make(durable, key=b"another key for tests, 0123456789 abcdefghij")
    for again in (scorer, other):
        again.score(a)
        assert again.metrics.value("retries") == 1
        assert again.metrics.value("retries_changed") == 0


def test_an_answer_without_its_card_is_counted(tiny, make) -> None:
    scorer = make()
    card = plain(tiny.late.iloc[0].to_dict())
    answer = {"answered_at": card["submitted_at"], "status": "failed"}
    scorer.answer(answer | {"submission_id": "never seen"})
    assert scorer.metrics.value("answers_waiting") == 1
    scorer.score(card)
    scorer.answer(answer | {"submission_id": card["submission_id"]})
    assert scorer.metrics.value("answers_waiting") == 1


def test_a_retry_after_a_restart_gets_the_same_answer(tiny, make, durable) -> None:
    rows = [plain(row) for row in tiny.late.head(12).to_dict("records")]
    before = [make(durable).score(row) for row in rows]
    again = make(durable)
    assert [again.score(row) for row in rows] == before
    assert again.score(rows) == before
    assert len(again._road.history.tables()[0]) == 12


def test_a_card_stored_without_its_answer_is_answered_as_it_would_have_been(tiny, make, durable) -> None:
    """A process may die between the two writes; the journal alone gives the answer."""
    rows = [plain(row) for row in tiny.late.head(40).drop(columns="batch_id").to_dict("records")]
    scorer, other = make(durable), make("memory://")
    expected = [other.score(row) for row in rows]
    assert [scorer.score(row) for row in rows] == expected
    scorer._road.ledger.trim(2**62)
    again = make(durable)
    assert [again.score(rows[i]) for i in (0, 17, 39)] == [expected[i] for i in (0, 17, 39)]
    assert len(again._road.history.tables()[0]) == 40


def test_processes_on_one_store_see_each_other(tiny, make, durable) -> None:
    rows = [plain(row) for row in tiny.late.head(40).to_dict("records")]
    one, two, alone = make(durable), make(durable), make("memory://")
    scores = [(one, two)[i % 2].score(row) for i, row in enumerate(rows)]
    assert scores == [alone.score(row) for row in rows]
    assert two.score(rows[0]) == scores[0]
    assert two.score(rows[2]) == scores[2]


def test_a_forgotten_person_leaves_no_event_and_no_record(tiny, make, url) -> None:
    cards = tiny.late.head(60)
    person = cards["submitter_id"].value_counts().index[0]
    rows = [plain(row) for row in cards.to_dict("records")]
    scorer, without = make(url), make("memory://")
    for row in rows:
        scorer.score(row)
    theirs = [row for row in rows if row.get("submitter_id") == person]
    assert scorer.forget(person) == len(theirs)
    assert all(scorer.record(row["submission_id"]) is None for row in theirs)
    for row in rows:
        if row.get("submitter_id") != person:
            without.score(row)
    fresh = plain(tiny.late.iloc[70].to_dict())
    assert scorer.score(fresh) == without.score(fresh)


def test_a_card_that_breaks_a_rule_is_held_and_not_history(tiny, make) -> None:
    scorer = make()
    row = plain(tiny.late.iloc[0].to_dict())
    score = scorer.score({**row, "face_value": -5.0})
    assert (score.p_fail, score.decision, score.rule, score.degraded) == (None, "hold", "negative_money", None)
    assert scorer.score(row).p_fail is not None


def test_a_card_under_chinese_names_is_the_card_under_its_own(tiny, make) -> None:
    card = {"submission_id": "s", "submitted_at": "2026-01-05T08:00:00Z", "submitter_id": "u", "face_value": 100}
    names = {"submission_id": "订单号", "submitted_at": "提交时间", "submitter_id": "商户", "face_value": "面值(元)"}
    chinese = {names[name]: value for name, value in card.items()} | {"备注": "加急", "operator": "x"}
    with make() as own, make() as other:
        assert own.score(card) == other.score(chinese)
        assert own.score([card]) == other.score([chinese])
        refused = other.score(chinese | {"面值(元)": -1})
        assert (refused.submission_id, refused.rule) == ("s", "negative_money")
        assert other.score([chinese | {"面值(元)": -1}])[0] == refused


def test_a_card_without_optional_columns_is_scored_as_a_table_of_it(tiny, key, make) -> None:
    card = {"submission_id": "a", "submitted_at": "2026-02-01T00:00:00Z", "submitter_id": "u"}
    assert_same([make().score(card)], cardrisk.score(card, model=str(tiny.bundle), key=key))


def test_exploring_draws_the_same_lot(tiny, key, make) -> None:
    costs = cardrisk.Costs(explore=0.5, explore_limit=1e6, margin=0.0)
    cards = tiny.late.head(60)
    expected = cardrisk.score(cards, model=str(tiny.bundle), key=key, costs=costs)
    assert (expected["propensity"] == 0.5).any()
    assert_same(make(costs=costs).score([plain(row) for row in cards.to_dict("records")]), expected)


def test_unusable_calls_say_what_was_expected(make) -> None:
    with pytest.raises(InputError, match="expected a mapping or a list of mappings, got str"):
        make().score("a")
    with pytest.raises(InputError, match="expected a mapping or a list of mappings, got NoneType"):
        make().score(None)
    with pytest.raises(InputError, match="'status' breaks the rule"):
        make().answer({"submission_id": "a", "answered_at": "2026-01-05T08:00:00Z", "status": "maybe"})
    with pytest.raises(InputError, match="reasons: expected 'stopped', 'all' or 'none', got 'some'"):
        make(reasons="some")


def test_a_card_costs_redis_one_round_trip(tiny, make, redis_url, monkeypatch) -> None:
    redis = pytest.importorskip("redis")
    scorer = make(redis_url)
    rows = [plain(row) for row in tiny.late.head(12).drop(columns="batch_id").to_dict("records")]
    scorer.score(rows[0])
    trips, read = [], redis.connection.Connection.read_response

    def counted(*given, **more):
        trips.append(1)
        return read(*given, **more)

    monkeypatch.setattr(redis.connection.Connection, "read_response", counted)
    for row in rows[1:]:
        trips.clear()
        assert scorer.score(row).degraded is None
        assert len(trips) == 1


def test_reasons_are_worked_out_when_read_and_stay(tiny, make) -> None:
    """Whoever reads them first - another thread, a pickle, a comparison - gets those of the table's road."""
    rows = [plain(row) for row in tiny.late.head(30).to_dict("records")]
    one, other = make(reasons="all"), make(reasons="all")
    scores, eager = [one.score(row) for row in rows], []
    for row in rows:
        eager.append(other.score(row))
        assert isinstance(eager[-1].reasons, tuple)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda score: score.reasons, scores * 2))
    assert found[:30] == found[30:] == [score.reasons for score in eager]
    assert any(found)
    fresh = make(reasons="all").score(rows[0])
    assert pickle.loads(pickle.dumps(fresh)) == fresh == eager[0]
    assert not hasattr(fresh, "_nothing")


def test_what_is_old_leaves_the_store_and_its_records_and_no_window_misses_it(make, url) -> None:
    card = {"submitter_id": "u", "supplier_id": "s", "client_ip": "192.0.2.7", "card_kind": "qq", "face_value": 50.0}
    start = pd.Timestamp("2026-01-05T08:00:00Z")
    scorer, other = make(url, clock=None), make(clock=None)
    for day in range(0, 150, 5):
        for one in (scorer, other):
            one.score(card | {"submission_id": f"d{day}", "submitted_at": start + pd.Timedelta(days=day)})
    with pytest.raises(InputError, match="90 days or more"):
        scorer.trim(timedelta(days=89))
    in_memory = url.startswith("memory:")  # where all but 90 days has left by itself
    assert scorer.trim(timedelta(days=100)) == (0 if in_memory else 9)  # the last card known is of day 145
    assert scorer.record("d40") is None
    assert in_memory or scorer.record("d45") is not None
    assert scorer.trim(timedelta(days=100)) == 0
    last = card | {"submission_id": "last", "submitted_at": start + pd.Timedelta(days=150)}
    assert scorer.score(last) == other.score(last)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"language": "fr"}, r"language: expected one of \('en', 'zh'\), got 'fr'"),
        ({"costs": {"review": 3.0}}, r"costs: expected cardrisk.Costs\(...\), got dict"),
        ({"store": None}, "store: expected memory://, .*, got NoneType"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(tiny, key, given, match):
    with pytest.raises(cardrisk.CardriskError, match=match):
        cardrisk.Scorer(str(tiny.bundle), key=key, **given)
    if "store" not in given:
        with pytest.raises(cardrisk.CardriskError, match=match):
            cardrisk.score(tiny.early[:2], model=str(tiny.bundle), key=key, **given)
