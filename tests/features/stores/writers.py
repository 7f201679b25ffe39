"""Writers to be run as a program of their own: ``kill`` them at random, or ``count`` what eight of them wrote."""

import os
import random
import select
import signal
import struct
import sys
import threading
import time

from cardrisk.features.stores import Entry, open_store

T0 = 1_767_000_000_000_000
THREADS = 2
ACK = struct.Struct("<q")


def write_until_killed(url, start, pipe):
    """Append cards and answers from two threads; every acknowledged one is told through the pipe, in one write."""
    store = open_store(url)

    def run(thread):
        i = start + thread
        while True:
            row = {"submission_id": f"s{i}", "submitter_id": "hot", "face_value": i / 100}
            store.append(Entry.answer(T0 + i, row) if i % 5 == 0 else Entry.card(T0 + i, row), 10**12)
            os.write(pipe, ACK.pack(i))
            i += THREADS

    threads = [threading.Thread(target=run, args=(k,)) for k in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def acknowledged(pipe):
    data = b""
    while part := os.read(pipe, 1 << 16):
        data += part
    whole = len(data) - len(data) % ACK.size
    return {number for (number,) in ACK.iter_unpack(data[:whole])}


def kill_often(url, points, seed):
    """Kill a writer at random points; print what was lost, doubled, never asked for, and how much was written."""
    rng = random.Random(seed)
    lost = doubled = strange = total = seen = 0
    for point in range(points):
        start = point * 1_000_000
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            write_until_killed(url, start, writing)
        os.close(writing)
        if rng.random() < 0.7:  # most points after the first acknowledgement, the others anywhere: while it opens too
            select.select([reading], [], [], 60)
        time.sleep(rng.random() ** 2 * 0.03)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        asked = acknowledged(reading)
        os.close(reading)
        store = open_store(url)
        found = list(store.since(seen))
        store.close()
        numbers = [entry.number for entry in found]
        names = [int(entry.row["submission_id"][1:]) for entry in found]
        assert numbers == list(range(seen + 1, seen + 1 + len(found)))
        lost += len(asked - set(names))
        doubled += len(names) - len(set(names))
        strange += len(set(names) - asked) > THREADS or any(name < start for name in names)
        total += len(asked)
        seen += len(found)
    print(lost, doubled, strange, total)


def count(url, events, processes=4, threads=2):
    """Let four processes of two threads each write about one submitter; every third event is answered."""

    def run(store, writer):
        seen = 0
        for i in range(events):
            name = f"{writer}-{i}"
            row = {"submission_id": name, "submitter_id": "hot", "face_value": 10.0}
            for entry in store.append(Entry.card(T0 + i, row), seen):
                assert entry.number == seen + 1
                seen = entry.number
            if i % 3 == 0:
                said = {"submission_id": name, "status": "failed", "answered_at": T0 + i}
                for entry in store.append(Entry.answer(T0 + i, said), seen):
                    assert entry.number == seen + 1
                    seen = entry.number
            store.append(Entry.card(T0 + i, row), seen)  # handed over again: must count once

    children = []
    store = open_store(url)  # opened before the fork: every child must get a connection of its own
    for process in range(processes):
        child = os.fork()
        if child == 0:
            failed = []

            def guarded(writer, failed=failed):
                try:
                    run(store, writer)
                except BaseException as reason:
                    failed.append(reason)
                    raise

            workers = [threading.Thread(target=guarded, args=(f"{process}.{k}",)) for k in range(threads)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            os._exit(bool(failed))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    kinds = [entry.kind for entry in store.since(0)]
    print(sum(codes), kinds.count("card"), kinds.count("answer"))


if __name__ == "__main__":
    what, url, *numbers = sys.argv[1:]
    {"kill": kill_often, "count": count}[what](url, *map(int, numbers))
