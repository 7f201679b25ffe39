"""What a task has freed does not stay with its process."""

from pathlib import Path

import numpy as np
import pytest

from cardrisk.jobs.batch import memory

ROLLUP = Path("/proc/self/smaps_rollup")


def own() -> int:
    """Anonymous memory of this process, bytes."""
    lines = dict(line.split(":", 1) for line in ROLLUP.read_text().splitlines()[1:])
    return int(lines["Pss_Anon"].split()[0]) * 1024


@pytest.mark.skipif(not ROLLUP.exists() or memory._trim() is None, reason="needs Linux and glibc")
def test_what_is_free_between_things_that_are_held_is_given_back():
    blocks = [np.ones(1 << 13) for _ in range(2_000)]  # 64 kB each: too small to be handed out as pages of their own
    before = own()
    del blocks[1::2]  # every other one: nothing of it lies at the end of what the C library holds
    memory.give_back()
    assert before - own() > 40 << 20
    assert all(block.all() for block in blocks)
