"""What a task has freed serves the next one of its kind, and does not stay with its process beyond."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cardrisk.jobs.batch import memory, pool

ROLLUP = Path("/proc/self/smaps_rollup")


def own() -> int:
    """Anonymous memory of this process, bytes."""
    lines = dict(line.split(":", 1) for line in ROLLUP.read_text().splitlines()[1:])
    return int(lines["Pss_Anon"].split()[0]) * 1024


TRIMS = ROLLUP.exists() and hasattr(memory._library(), "malloc_trim")


@pytest.mark.skipif(not TRIMS, reason="needs Linux and glibc")
def test_what_is_free_between_things_that_are_held_is_given_back():
    blocks = [np.ones(1 << 13) for _ in range(2_000)]  # 64 kB each: too small to be handed out as pages of their own
    before = own()
    del blocks[1::2]  # every other one: nothing of it lies at the end of what the C library holds
    memory.give_back()
    assert before - own() > 40 << 20
    assert all(block.all() for block in blocks)


AGAIN = """
import resource
import numpy as np
from cardrisk.jobs.batch import memory
memory.keep()
for _ in range(2):
    blocks = [np.ones(1 << 18) for _ in range(10)]  # 2 MB each
    del blocks
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
blocks = [np.ones(1 << 18) for _ in range(10)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""


@pytest.mark.skipif(not hasattr(memory._library(), "mallopt"), reason="needs glibc")
def test_what_was_freed_is_there_for_the_next_of_its_kind():
    asked = subprocess.run([sys.executable, "-c", AGAIN], check=True, capture_output=True, text=True)
    assert int(asked.stdout) < 100  # pages; 5,120 are written


def test_memory_is_given_back_after_more_than_a_few_tasks_of_another_kind(monkeypatch):
    given: list[int] = []
    monkeypatch.setattr(pool, "give_back", lambda: given.append(len(done)))
    monkeypatch.setattr(pool, "_DONE", [])
    done: list[str] = []
    monkeypatch.setattr(pool, "TASKS", {name: lambda _, name=name: done.append(name) for name in ("take", "judge")})
    for name, tasks in (("take", pool.FEW), ("judge", pool.FEW + 1), ("take", 1), ("judge", 1)):
        for _ in range(tasks):
            pool._work(None, name, ())
    assert given == [2 * pool.FEW + 1]
    assert len(done) == 2 * pool.FEW + 3
