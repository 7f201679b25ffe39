"""A stream delivered at least once: every card in history once, one result each, poison set apart."""

import json
import time
from datetime import UTC, datetime

import pytest

from tests.examples.serving import card, history

redis = pytest.importorskip("redis")


@pytest.fixture
def client(redis_server):
    made = redis.Redis.from_url(redis_server.url)
    made.flushdb()
    yield made
    made.close()


@pytest.fixture
def scorer(tiny, key, tmp_path):
    import cardrisk

    made = []

    def one():
        made.append(cardrisk.Scorer(str(tiny.bundle), store=f"sqlite:///{tmp_path}/h.db?timeout=10", key=key))
        return made[-1]

    yield one
    for other in made:
        other.close()


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/h.db?timeout=10"


def put(client, kind, body):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.xadd("cardrisk:events", {"kind": kind, "body": text})


def results(client, stream="results"):
    return [json.loads(fields[b"body"]) for _, fields in client.xrange(f"cardrisk:{stream}")]


def waiting(client):
    return client.xpending("cardrisk:events", "cardrisk")["pending"]


def drain(consumer, client):
    for _ in range(200):
        consumer.step(0.01)
        if not waiting(client) and client.xinfo_groups("cardrisk:events")[0]["lag"] == 0:
            return
    raise AssertionError("the stream was not read to its end")


def consumer(client, scorer, name="one", **more):
    from examples.stream_consumer.consumer import Consumer, Streams

    return Consumer(client, scorer, name, Streams(**more))


POISON = {
    "bad_json": b'{"card_secret":"QK7WZ3XN8VB5"',
    "unusable_card": json.dumps(card("p", submitted_at="2026-01-05 08:00")).encode(),
    "too_large": b" " * 70_000,
}


def test_cards_answers_and_poison(client, scorer, store):
    put(client, "card", card("a"))
    for body in POISON.values():
        put(client, "card", body)
    put(client, "word", b"{}")
    put(client, "answer", {"submission_id": "a", "answered_at": datetime.now(UTC).isoformat(), "status": "failed"})
    put(client, "answer", {"submission_id": "a", "answered_at": "never", "status": "failed"})
    put(client, "card", card("b", face_value=-1))
    put(client, "card", card("a"))
    drain(consumer(client, scorer()), client)
    told = results(client)
    assert [(one["submission_id"], one["rule"]) for one in told] == [("a", None), ("b", "negative_money"), ("a", None)]
    assert told[0] == told[2]
    assert history(store) == ({"a": 1}, 1)
    assert sorted(one["reason"] for one in results(client, "poison")) == sorted(
        [*POISON, "unknown_kind", "unusable_answer"]
    )
    assert b"QK7WZ3XN8VB5" not in repr(client.xrange("cardrisk:poison")).encode()


def test_what_a_dead_consumer_left_is_taken_over(client, scorer, store, monkeypatch):
    for i in range(20):
        put(client, "card", card(f"c{i}"))
    dying = consumer(client, scorer(), "dying")
    monkeypatch.setattr(dying, "_done", lambda name, result: 1 / 0)  # scored, not yet acknowledged
    with pytest.raises(ZeroDivisionError):
        dying.step(0.01)
    assert len(history(store)[0]) == 20
    assert waiting(client) == 20
    drain(consumer(client, scorer(), "heir", idle=1), client)
    assert history(store)[0] == {f"c{i}": 1 for i in range(20)}
    assert sorted(one["submission_id"] for one in results(client)) == sorted(f"c{i}" for i in range(20))


def test_a_slow_consumer_that_was_taken_over_publishes_nothing_twice(client, scorer):
    put(client, "card", card("slow"))
    slow = consumer(client, scorer(), "slow")
    found = slow._new(0.01)
    drain(consumer(client, scorer(), "fast", idle=1), client)
    from examples.stream_consumer.events import read

    slow._take([read(*row) for row in found])
    assert len(results(client)) == 1


def test_what_kills_consumers_becomes_poison(client, scorer, monkeypatch):
    put(client, "card", card("deadly"))
    shared = scorer()
    for i in range(3):
        dying = consumer(client, shared, f"dying-{i}", idle=1, deliveries=3)
        monkeypatch.setattr(dying, "_take", lambda run: 1 / 0)
        dying._own = False
        time.sleep(0.01)
        with pytest.raises(ZeroDivisionError):
            dying.step(0.01)
    time.sleep(0.01)
    drain(consumer(client, shared, "heir", idle=1, deliveries=3), client)
    assert [one["reason"] for one in results(client, "poison")] == ["delivered_too_often"]


def test_a_store_that_is_down_for_long_makes_no_poison(client, scorer, monkeypatch):
    put(client, "card", card("patient"))
    one = consumer(client, scorer(), "one", deliveries=3)
    with monkeypatch.context() as down:
        down.setattr(one, "_take", lambda run: 0)
        for _ in range(8):
            assert one.step(0.01) == 0
    drain(one, client)
    assert [told["submission_id"] for told in results(client)] == ["patient"]
    assert results(client, "poison") == []


def test_two_consumers_one_killed_and_started_again(zygote, client, redis_server, tiny, store, full_or):
    names = [f"s{i}" for i in range(full_or(20_000, 600))]
    environ = {
        "CARDRISK_STREAM_REDIS": redis_server.url,
        "CARDRISK_STREAM_STORE": store,
        "CARDRISK_STREAM_MODEL": str(tiny.bundle),
        "CARDRISK_STREAM_IDLE": "200",
    }
    started = [zygote.fork(0, environ | {"CARDRISK_STREAM_NAME": name}) for name in ("one", "two")]
    for start in range(0, len(names), 200):
        for name in names[start : start + 200]:
            put(client, "card", card(name))
        done = client.xlen("cardrisk:results")
        while client.xlen("cardrisk:results") < min(done + 20, start):
            time.sleep(0.01)
        if start:
            started[0].kill()
            started[0] = zygote.fork(0, environ | {"CARDRISK_STREAM_NAME": "one"})
    end = time.monotonic() + 200
    while client.xlen("cardrisk:results") < len(names):
        assert time.monotonic() < end, client.xinfo_groups("cardrisk:events")
        time.sleep(0.05)
    for one in started:
        one.close()
    assert sorted(one["submission_id"] for one in results(client)) == sorted(names)
    assert history(store)[0] == dict.fromkeys(names, 1)
    assert client.xlen("cardrisk:poison") == 0
