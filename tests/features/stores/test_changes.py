"""What is changed in a journal reaches whoever reads on from before: nobody keeps what was forgotten."""

import threading

import pytest

from cardrisk.errors import InputError
from cardrisk.features import FEATURES, LiveHistory
from cardrisk.features.stores import Entry, open_store

T0 = 1_767_000_000_000_000
ASKED = FEATURES.select(["submitter_count_1d", "submitter_failed_7d", "ip_count_1d", "supplier_count_7d"])


def card(i, **more):
    return {"submission_id": f"s{i}", "submitted_at": T0 + i, "submitter_id": "u", "supplier_id": "p", **more}


def asked(history, **more):
    return history.features(
        {"submission_id": "asked", "submitter_id": "u", "supplier_id": "p", **more}, history.now + 1
    )


@pytest.mark.parametrize("wakes", ["write", "refresh", "take"])
def test_what_one_process_forgets_the_others_forget_at_their_next_step(durable, wakes):
    with LiveHistory(ASKED, durable) as one, LiveHistory(ASKED, durable) as other:
        for i in range(6):
            one.observe(card(i, submitter_id="gone" if i % 2 else "u"))
        one.answer({"submission_id": "s1", "answered_at": T0 + 9, "status": "failed"})
        other.refresh()
        assert asked(other, submitter_id="gone")["submitter_count_1d"] == 3.0
        assert one.forget("submitter_id", "gone") == 4
        if wakes == "refresh":
            other.refresh()
        elif wakes == "write":
            other.observe(card(20))
        else:
            row, _ = other.take(card(20, submitter_id="gone"))
            assert dict(zip(other._names, row.tolist(), strict=True))["submitter_count_1d"] == 0.0
            other.forget("submission_id", "s20")
        found = asked(other, submitter_id="gone")
        assert (found["submitter_count_1d"], found["submitter_failed_7d"]) == (0.0, 0.0)
        one.refresh()
        assert str(asked(one)) == str(asked(other))
        assert not any("gone" in str(entry) for entry in other.store.since(0))


def test_a_reader_that_is_up_to_date_builds_nothing_anew(durable):
    with LiveHistory(ASKED, durable) as history:
        history.observe(card(1))
        history.observe(card(2, submitter_id="gone"))
        history.forget("submitter_id", "gone")
        state = history.state
        history.refresh()
        history.observe(card(3))
        assert history.state is state


TOKENS = {f"old-{i}": f"new-{i}" for i in range(40)}


def test_a_rekeyed_journal_has_the_next_tokens_everywhere(url):
    store = open_store(url)
    rows = [card(i, ip_token=f"old-{i % 30}", device_token=None, note="old-1") for i in range(300)]
    rows[7] |= {"ip_token": "unheard of", "ip_token_next": "new-own"}
    rows[8] |= {"ip_token": "unheard of"}
    store.extend([Entry.card(T0 + i, row) for i, row in enumerate(rows)])
    store.append(Entry.answer(T0 + 400, {"submission_id": "s7", "status": "failed"}), 10**9)
    assert store.rekey(TOKENS) == 300
    found = [entry.row for entry in store.since(0) if entry.kind == "card"]
    assert [row["ip_token"] for row in found[:7]] == [f"new-{i}" for i in range(7)]
    assert found[7]["ip_token"] == found[8]["ip_token"] == "new-own"  # what one row says of a token holds for all
    assert not any("ip_token_next" in row for row in found)
    assert {row["note"] for row in found} == {"old-1"}
    assert [entry.number for entry in store.since(0)] == list(range(1, 303))
    assert store.rekey(TOKENS) == 0
    store.append(Entry.card(T0 + 1, card(1)), 10**9)  # still known by its name
    assert len(list(store.since(0))) == 302
    store.close()


def test_other_processes_follow_a_rekeying(durable):
    with LiveHistory(ASKED, durable) as one, LiveHistory(ASKED, durable) as other:
        for i in range(4):
            one.observe(card(i, ip_token="old-1"))
        other.refresh()
        assert one.rekey(TOKENS) == 4
        other.observe(card(9, ip_token="new-1"))
        assert asked(other, ip_token="new-1")["ip_count_1d"] == 5.0
        assert asked(other, ip_token="old-1")["ip_count_1d"] == 0.0


def test_writers_go_on_while_a_journal_is_rekeyed(durable):
    store, writer = open_store(durable), open_store(durable)
    store.extend([Entry.card(T0 + i, card(i, ip_token="old-1")) for i in range(3_000)])
    stop, written = threading.Event(), []

    def write():
        while not stop.is_set() and len(written) < 400:
            i = 10_000 + len(written)
            writer.append(Entry.card(T0 + i, card(i, ip_token="new-1")), 10**9)
            written.append(i)

    thread = threading.Thread(target=write)
    thread.start()
    store.rekey(TOKENS)
    stop.set()
    thread.join()
    found = [entry.row for entry in store.since(0) if entry.kind == "card"]
    assert len(found) == 3_000 + len(written)
    assert {row["ip_token"] for row in found} == {"new-1"}
    store.close()
    writer.close()


def test_threads_share_commits_and_every_read_is_exact(sqlite_url):
    with LiveHistory(ASKED, sqlite_url) as history:
        commits = []
        history.store._connection().set_trace_callback(lambda text: commits.append(1) if text == "COMMIT" else None)
        commit, waiting = history.store.write, []

        def slow(entries, seen):  # while one commits the others come to wait
            waiting.append(len(entries))
            threading.Event().wait(0.002)
            return commit(entries, seen)

        history.store.write = slow
        found, bad = {}, []

        def run(k):
            for i in range(12):
                row, moment = history.take(card(100 * k + i, submitted_at=T0 + 100 * i + k))
                found[f"s{100 * k + i}"] = dict(zip(history._names, row.tolist(), strict=True)), moment
                try:
                    history.observe(card(0, face_value=[1], note=[2]))
                except InputError:
                    bad.append(k)

        threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(bad) == 96
        assert max(waiting) > 1
        assert len(commits) < 96
        entries = [entry for entry in history.store.since(0) if entry.kind == "card"]
        assert len(entries) == 96
        for entry in entries:
            row, moment = found[entry.row["submission_id"]]
            assert moment == entry.moment
            before = [e for e in entries if entry.moment - 86_400_000_000 <= e.moment < entry.moment]
            assert row["submitter_count_1d"] == len(before)
