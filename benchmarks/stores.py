"""Journals side by side: what one event costs, how fast a journal fills and is read, and how long a start takes.

Peers: SQLite as most programs use it (its defaults, one commit per event, pickled rows), and Redis with one command
after another. Every journal must hold the same events in the end; the ratio is to our SQLite store.
"""

import argparse
import pickle
import shutil
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from cardrisk.features import LiveHistory
from cardrisk.features.stores import Entry, open_store

T0 = 1_767_000_000_000_000
FAR = 10**12


FIXED = {
    "channel": "ecommerce", "card_kind": "netease", "entry_method": "pasted", "medium": "physical",
    "face_value": 100.0, "asking_price": 86.74, "region_of_use": "SN", "valid_until": T0 + 10**12,
    "code_kind_fit": "fits", "code_kinds_fitting": 1.0, "code_stray": 0.0, "code_break_at": "none",
    "code_cleaned": "no", "code_secret_run": 1.0, "code_secret_surprise": 0.25,
}  # fmt: skip
SAID = {"cause": "mistyped", "gateway_code": "1007", "gateway_message": "wrong number", "label_source": "gateway"}


def token(number):
    return f"41feb5f3.{number:022d}"


def event(i):
    """A card as the intake boundary hands it on (26 columns), or the answer to the one before."""
    moment = T0 + i * 1_000
    if i % 2:
        status = "failed" if i % 9 == 0 else "success"
        row = {"submission_id": f"S{i - 1:015d}", "answered_at": moment, "status": status}
        return Entry.answer(moment, row | SAID)
    own = token(i * 2654435761 % 2**61)
    row = {"submission_id": f"S{i:015d}", "submitted_at": moment, "received_at": moment, "number_token": own}
    row |= {"card_token": own, "submitter_id": f"U{i % 4_001}", "batch_id": f"B{i % 2_003}"}
    row |= {"supplier_id": f"P{i % 301}", "ip_token": token(i % 6_007), "device_token": token(i % 5_003)}
    return Entry.card(moment, row | {"serial_block": token(i % 9_001)} | FIXED)


class PlainSqlite:
    """SQLite by its defaults."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.execute("CREATE TABLE events (number INTEGER PRIMARY KEY, moment, kind, name, row)")
        self.db.execute("CREATE UNIQUE INDEX names ON events (name) WHERE kind = 'card'")

    def append(self, entry, seen):
        with self.db:
            self.db.execute(
                "INSERT OR IGNORE INTO events (moment, kind, name, row) VALUES (?, ?, ?, ?)",
                (entry.moment, entry.kind, entry.row["submission_id"], pickle.dumps(dict(entry.row))),
            )

    def events(self):
        return self.db.execute("SELECT count(*) FROM events").fetchone()[0]


class PlainRedis:
    """Redis with a command at a time: no atomic step, four round trips."""

    def __init__(self, url):
        import redis

        self.client = redis.Redis.from_url(url)

    def append(self, entry, seen):
        if entry.kind == "card" and not self.client.hsetnx("plain:names", entry.row["submission_id"], 1):
            return
        self.client.incr("plain:number")
        length = self.client.rpush("plain:rows", pickle.dumps(entry))
        pickle.loads(self.client.lrange("plain:rows", length - 1, -1)[0])

    def events(self):
        return self.client.llen("plain:rows")


def one_writer(store, entries):
    """CPU of this process and waiting time per event, in microseconds."""
    waits, seen, cpu = [], 0, time.process_time()
    for entry in entries:
        begun = time.perf_counter()
        found = store.append(entry, seen)
        waits.append(time.perf_counter() - begun)
        seen = found[-1].number if found else seen
    cpu = time.process_time() - cpu
    waits = statistics.quantiles(waits, n=100)
    return cpu / len(entries) * 1e6, waits[49] * 1e6, waits[98] * 1e6


def many_writers(store, entries, count=8):
    """CPU and wall time per event with many threads, in microseconds."""
    threads = [
        threading.Thread(target=lambda k=k: [store.append(e, FAR) for e in entries[k::count]]) for k in range(count)
    ]
    cpu, wall = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.process_time() - cpu) / len(entries) * 1e6, (time.perf_counter() - wall) / len(entries) * 1e6


def server(folder):
    """Start a Redis server; return (process, URL) or None where there is none."""
    if shutil.which("redis-server") is None:
        return None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", folder, "--bind", "127.0.0.1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"redis://127.0.0.1:{port}/0"
        time.sleep(0.02)
    raise RuntimeError("redis-server did not start")


def singles(folder, redis_url, entries):
    stores = {
        "memory": lambda: open_store("memory://"),
        "sqlite": lambda: open_store(f"sqlite:///{folder}/ours.db"),
        "sqlite sync=full": lambda: open_store(f"sqlite:///{folder}/full.db?sync=full"),
        "peer: sqlite by default": lambda: PlainSqlite(f"{folder}/plain.db"),
    }
    if redis_url:
        stores |= {
            "redis": lambda: open_store(f"{redis_url}?prefix=ours"),
            "peer: redis by commands": lambda: PlainRedis(redis_url),
        }
    print(f"{'one writer, per event':28} {'CPU us':>8} {'p50 us':>8} {'p99 us':>8} {'p50 to sqlite':>14}")
    found = {}
    for name, make in stores.items():
        store = make()
        slow = "full" in name or name == "peer: sqlite by default"
        part = entries[: len(entries) // 10] if slow else entries
        found[name] = one_writer(store, part)
        kept = store.events() if hasattr(store, "events") else len(list(store.since(0)))
        assert kept == len(part), name
        if name in ("sqlite", "redis"):
            assert [dict(e.row) for e in store.since(0)] == [dict(e.row) for e in entries], name
    base = found["sqlite"][1]
    for name, (cpu, middle, tail) in found.items():
        print(f"{name:28} {cpu:8.0f} {middle:8.0f} {tail:8.0f} {middle / base:13.1f}x")


def groups(folder, entries):
    print(f"\n{'SQLite, threads':28} {'CPU us':>8} {'wall us':>8}")
    for sync in ("normal", "full"):
        for count in (1, 8, 32):
            store = open_store(f"sqlite:///{folder}/group-{sync}-{count}.db?sync={sync}")
            part = entries[: len(entries) // (10 if sync == "full" else 1)]
            cpu, wall = many_writers(store, part, count)
            assert len(list(store.since(0))) == len(part)
            print(f"{'sync=' + sync:16} {count:3} threads {cpu:8.0f} {wall:8.0f}")
            store.close()


def bulk(folder, redis_url, entries):
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{folder}/bulk.db"}
    if redis_url:
        urls["redis"] = f"{redis_url}?prefix=bulk&timeout=30"
    print(f"\n{'CPU us per event':28} {'extend':>8} {'since':>8} {'start of LiveHistory':>22}")
    for name, url in urls.items():
        store = open_store(url)
        begun = time.process_time()
        store.extend(entries)
        filled = time.process_time() - begun
        begun = time.process_time()
        assert sum(1 for _ in store.since(0)) == len(entries)
        read = time.process_time() - begun
        begun = time.process_time()
        history = LiveHistory(store=store)
        started = time.process_time() - begun
        assert history.seen == len(entries)
        each = [seconds / len(entries) * 1e6 for seconds in (filled, read, started)]
        print(f"{name:28} {each[0]:8.1f} {each[1]:8.1f} {each[2]:22.1f}")
        history.close()
    size = Path(f"{folder}/bulk.db").stat().st_size / len(entries)
    pickled = sum(len(pickle.dumps(dict(e.row))) for e in entries[:1_000]) / 1_000
    print(f"SQLite file: {size:.0f} bytes an event; pickled rows alone: {pickled:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="2,000 events instead of 20,000 (100,000 in bulk)")
    small = parser.parse_args().small
    entries = [event(i) for i in range(2_000 if small else 20_000)]
    with tempfile.TemporaryDirectory() as folder:
        found = server(folder)
        try:
            url = found[1] if found else None
            singles(folder, url, entries)
            groups(folder, entries)
            LiveHistory().close()  # compiled code is read once
            bulk(folder, url, entries if small else [event(i) for i in range(100_000)])
        finally:
            if found:
                found[0].terminate()
                found[0].wait()


if __name__ == "__main__":
    main()
