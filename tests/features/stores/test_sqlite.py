"""The file: private, checked before use, safe across fork and spawn, and plain about what went wrong."""

import multiprocessing
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cardrisk.errors import StoreError
from cardrisk.features.stores import Entry, open_store
from cardrisk.features.stores.codec import decode
from cardrisk.features.stores.sqlite import SqliteStore
from cardrisk.features.stores.sqlite_file import STEP

T0 = 1_767_000_000_000_000
ROOT = Path(__file__).parents[3]


def card(i, **more):
    return Entry.card(T0 + i, {"submission_id": f"s{i}", **more})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:", "sqlite:///", "sqlite:///?timeout=1", "sqlite://history.db", "memory://x", "memory:"],
)
def test_a_url_that_names_no_store_is_refused_and_makes_no_file(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=r"expected (sqlite:///relative|memory://)"):
        open_store(url)
    assert not list(tmp_path.iterdir())


def test_files_are_readable_by_their_user_alone(path):
    store = open_store(f"sqlite:///{path}")
    store.append(card(1), 0)
    files = sorted(path.parent.iterdir())
    assert len(files) == 3  # the file, its log, the log's index
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    store.close()


def test_it_opens_again_with_everything_in_it(path):
    for i in range(3):
        with_one = open_store(f"sqlite:///{path}")
        with_one.append(card(i), 0)
        with_one.close()
        assert len(list(with_one.since(0))) == i + 1  # a closed store opens by itself when used
        with_one.close()


def test_what_is_forgotten_leaves_the_files(path):
    store = open_store(f"sqlite:///{path}")
    for i in range(3_000):
        person = "forget-this-person" if i % 7 == 0 else f"another-{i % 50}"
        store.append(card(i, submitter_id=person, note="n" * (i % 400)), 10**9)
    store.trim(T0 + 500)
    assert store.forget("submitter_id", "forget-this-person") == len([i for i in range(500, 3_000) if i % 7 == 0])
    for file in path.parent.iterdir():
        assert b"forget-this-person" not in file.read_bytes(), file.name
    assert b"another-" in path.read_bytes()
    store.close()


def test_trimming_bounds_the_file(path):
    store = open_store(f"sqlite:///{path}")
    sizes = []
    for turn in range(12):
        store.extend([card(turn * 500 + i, note="n" * 200) for i in range(500)])
        store.trim(T0 + turn * 500 - 500)
        store.close()  # brings the log into the file
        sizes.append(path.stat().st_size)
    assert max(sizes[3:]) <= 1.1 * sizes[3]


def test_another_programs_database_is_left_alone(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's database"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_later_protocol_is_refused(path):
    open_store(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match=r"protocol 3 at .*, got 99"):
        open_store(f"sqlite:///{path}")


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"submission_id,status\n" * 100)
    with pytest.raises(StoreError, match="no SQLite database"):
        open_store(f"sqlite:///{path}")


def test_a_damaged_file_says_so(path):
    store = open_store(f"sqlite:///{path}")
    store.extend([card(i, note="n" * 300) for i in range(2_000)])
    store.close()
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        list(open_store(f"sqlite:///{path}").since(0))


def test_a_damaged_row_says_so(path):
    store = open_store(f"sqlite:///{path}")
    store.append(card(1), 0)
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE journal SET row = x'ff00'")
    db.close()
    with pytest.raises(StoreError, match="2 bytes that are none; the store is damaged"):
        list(store.since(0))
    store.close()


def test_a_missing_folder_says_so(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory"):
        open_store(f"sqlite:///{tmp_path}/none/history.db")


@pytest.mark.parametrize("query", ["timeout=soon", "timeout=-1", "sync=never", "pool=3"])
def test_unknown_options_are_refused(path, query):
    with pytest.raises(StoreError, match=r"expected (a timeout|sqlite:///)"):
        open_store(f"sqlite:///{path}?{query}")


def test_an_event_outside_of_time_is_refused_alone(path):
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(StoreError, match="expected a moment in microseconds"):
        store.append(Entry.card(2**63, {"submission_id": "s"}), 0)
    assert len(store.append(card(1), 0)) == 1
    store.close()


def test_a_file_held_by_another_process_says_so_within_the_timeout(path):
    store = open_store(f"sqlite:///{path}?timeout=0.01")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process holds it"):
        store.append(card(1), 0)
    holder.execute("ROLLBACK")
    holder.close()
    assert [entry.number for entry in store.append(card(1), 0)] == [1]
    store.close()


FULL = """
import resource, signal, sys
from cardrisk.errors import StoreError
from cardrisk.features.stores import Entry, open_store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_store("sqlite:///" + sys.argv[1])
kept = 0
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    for i in range(10_000):
        store.append(Entry.card(i, {"submission_id": f"s{i}", "note": "n" * 500}), 10**9)
        kept += 1
except StoreError as reason:
    print(reason)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert len(list(store.since(0))) == kept
store.append(Entry.card(0, {"submission_id": "after"}), 10**9)
assert len(list(store.since(0))) == kept + 1
print(kept)
"""


def test_a_full_disk_says_so_and_keeps_what_was_acknowledged(path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert "nothing of this event was kept" in done.stdout
    assert 10 < int(done.stdout.split()[-1]) < 10_000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write every file")
def test_a_read_only_file_says_so(path):
    open_store(f"sqlite:///{path}").close()
    path.chmod(0o400)
    with pytest.raises(StoreError, match="Permission denied"):
        open_store(f"sqlite:///{path}")


def test_threads_share_commits(path):
    store = open_store(f"sqlite:///{path}?sync=full")
    commits = []
    store._connection().set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    together = threading.Barrier(8)

    def write(k):
        together.wait()
        for i in range(25):
            found = store.append(card(1_000 * k + i), 0)
            assert found[-1].row["submission_id"] == f"s{1_000 * k + i}"

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.number for entry in store.since(0)] == list(range(1, 201))
    assert len(commits) < 200
    store.close()


def test_only_what_others_wrote_is_read_back(path, monkeypatch):
    one, two = (open_store(f"sqlite:///{path}") for _ in range(2))
    mine = [Entry.card(T0 + i, {"submission_id": f"s{i}"}) for i in range(3)]
    one.append(mine[0], 0)
    two.append(mine[1], 1)
    read = []
    monkeypatch.setattr("cardrisk.features.stores.sqlite.decode", lambda data: read.append(data) or decode(data))
    found = one.write([mine[2]], 1)
    assert [(entry.number, entry.row["submission_id"]) for entry in found] == [(2, "s1"), (3, "s2")]
    assert len(read) == 1
    assert [entry.number for entry in one.write([mine[2]], 2)] == [3]  # it is stored already
    assert one.write([mine[2]], 3) == []
    one.close()
    two.close()


def test_a_failed_commit_is_told_to_everybody_who_waited(path, monkeypatch):
    store = open_store(f"sqlite:///{path}")

    def refuse(tickets):
        raise sqlite3.OperationalError("no")

    monkeypatch.setattr(store, "_transaction", refuse)
    for _ in range(2):
        with pytest.raises(StoreError, match="OperationalError: no"):
            store.append(card(1), 0)
    monkeypatch.undo()
    assert len(store.append(card(1), 0)) == 1
    store.close()


def _append(store, i):
    store.append(card(i), 0)


def test_a_spawned_process_opens_the_file_by_itself(path):
    store = SqliteStore(f"{path}?timeout=30")
    store.append(card(1), 0)
    child = multiprocessing.get_context("spawn").Process(target=_append, args=(store, 2))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert len(list(store.since(0))) == 2
    assert pickle.loads(pickle.dumps(store)).path == store.path
    store.close()


FORK = """
import os, sys
from cardrisk.features.stores import Entry, open_store
store = open_store("sqlite:///" + sys.argv[1])
store.append(Entry.card(1, {"submission_id": "parent"}), 0)

def opened():
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # the listing itself
            pass
    return [name for name in found if "history.db" in name]

assert opened()
for turn in range(20):
    child = os.fork()
    if child == 0:
        assert not opened()
        store.append(Entry.card(turn, {"submission_id": f"child {turn}"}), 0)
        sys.exit(0)  # the interpreter takes everything down: that must not touch the parent's file
    store.append(Entry.card(turn, {"submission_id": f"beside {turn}"}), 0)
    assert os.waitpid(child, 0)[1] == 0
assert len(list(store.since(0))) == 41
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_no_open_file_goes_through_a_fork(path):
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_what_is_trimmed_in_many_steps_leaves_from_the_front_and_others_write_in_between(path):
    """Whatever stands when trimming ends is what is young, and what came meanwhile; numbers go on."""
    store, other = (open_store(f"sqlite:///{path}?timeout=30") for _ in range(2))
    many = 5 * STEP + 7
    store.extend([card(i) for i in range(many)])
    come = []

    def write():
        come.extend(other.append(Entry.card(T0 + 10**9, {"submission_id": f"n{i}"}), 0)[-1].number for i in range(40))

    writer = threading.Thread(target=write)
    writer.start()
    assert store.trim(T0 + 4 * STEP) == 4 * STEP
    writer.join()
    names = [entry.row["submission_id"] for entry in store.since(0)]
    assert names == [f"s{i}" for i in range(4 * STEP, many)] + [f"n{i}" for i in range(40)]
    assert come == list(range(many + 1, many + 41))
    assert store.trim(2**61) == len(names)
    assert store.append(card(0, last=1), come[-1])[-1].number == come[-1] + 1
