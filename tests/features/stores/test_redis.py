"""The server: one round trip per event, journals apart by prefix, outages said in words."""

import os
import pickle
import socket
import sys
import threading

import pytest

from cardrisk.errors import MissingExtraError, StoreError
from cardrisk.features.stores import Entry, open_store
from cardrisk.features.stores.redis import RedisStore

T0 = 1_767_000_000_000_000


def card(i, **more):
    return Entry.card(T0 + i, {"submission_id": f"s{i}", **more})


def test_an_append_is_one_round_trip(redis_url):
    store = open_store(redis_url)
    sent = []
    connection = store._client.connection_pool.get_connection()
    kind = type(connection)
    store._client.connection_pool.release(connection)
    whole = kind.send_packed_command
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "send_packed_command", lambda self, *a, **k: (sent.append(1), whole(self, *a, **k))[1])
        for i in range(20):
            store.append(card(i), i)
            assert len(sent) == i + 1
    store.close()


def test_one_database_holds_journals_apart(redis_server):
    one, other = (open_store(f"{redis_server}?prefix={name}-{os.getpid()}") for name in ("one", "other"))
    one.append(card(1), 0)
    assert list(other.since(0)) == []
    assert len(list(one.since(0))) == 1
    for store in (one, other):
        store.close()


def test_what_is_forgotten_or_trimmed_leaves_the_server(redis_url):
    store = open_store(redis_url)
    store.extend([card(i, submitter_id=f"u{i % 3}") for i in range(5_000)])
    store.trim(T0 + 1_000)
    store.forget("submitter_id", "u1")
    kept = [i for i in range(1_000, 5_000) if i % 3 != 1]
    marks = [entry for entry in store.since(0) if entry.kind == "again"]
    assert store._client.hlen(store._keys[1]) - len(marks) == store._client.hlen(store._keys[2]) == len(kept)
    assert not any(b'"u1"' in row for row in store._client.hvals(store._keys[1]))
    assert [entry.row["submission_id"] for entry in store.since(0) if entry.row] == [f"s{i}" for i in kept]
    store.close()


def test_a_restarted_server_is_taken_up_again(redis_url):
    store = open_store(redis_url)
    store.append(card(1), 0)
    store._client.script_flush()
    store._client.connection_pool.disconnect()
    assert len(store.append(card(2), 1)) == 1
    store.close()


def test_no_server_says_so(redis_url):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StoreError, match=r"to answer within 1 s, got ConnectionError; see that it runs"):
        open_store(f"redis://127.0.0.1:{port}/0")


def test_a_silent_server_says_so_within_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(StoreError, match=r"within 0.05 s"):
        open_store(f"redis://127.0.0.1:{server.getsockname()[1]}/0?timeout=0.05")


def test_an_error_shows_no_password(redis_server):
    port = redis_server.rsplit(":", 1)[1]
    with pytest.raises(StoreError, match="expected the Redis server") as caught:
        open_store(f"redis://user:hunter2@127.0.0.1:{port}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("query", ["timeout=0", "timeout=never"])
def test_a_timeout_must_be_seconds(query):
    with pytest.raises(StoreError, match="expected a timeout in seconds"):
        open_store(f"redis://127.0.0.1:1/0?{query}")


def test_moments_beyond_the_servers_numbers_are_refused(redis_url):
    store = open_store(redis_url)
    with pytest.raises(StoreError, match="before the year 2255"):
        store.append(Entry.card(2**53, {"submission_id": "s"}), 0)
    assert list(store.since(0)) == []
    store.close()


def test_microseconds_and_numbers_stay_exact(redis_url):
    store = open_store(redis_url)
    last = 2**53 - 1
    store.append(Entry.card(last - 1, {"submission_id": "a"}), 0)
    store.append(Entry.card(last, {"submission_id": "b"}), 0)
    assert [entry.moment for entry in store.since(0)] == [last - 1, last]
    store.close()


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtraError, match=r"cardrisk\[redis\]"):
        open_store("redis://127.0.0.1:1/0")


def test_threads_write_at_once(redis_url):
    store = open_store(redis_url)

    def write(k):
        for i in range(40):
            store.append(card(1_000 * k + i), 0)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.number for entry in store.since(0)] == list(range(1, 161))
    assert isinstance(pickle.loads(pickle.dumps(store)), RedisStore)
    store.close()
