"""Compiled code on disk is never older than the room it belongs to."""

import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from cardrisk import _compiled
from cardrisk._compiled import compiled


def test_the_stamp_covers_the_room_and_the_rooms_imported(tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("from cardrisk.policy import x\n")
    other.write_text("from cardrisk.codes import x\n")
    assert _compiled._stamp(one) != _compiled._stamp(other)
    assert _compiled._room("policy") != _compiled._room("codes")


@compiled
def total(values: np.ndarray) -> float:
    out = 0.0
    for value in values:
        out += value
    return out


def test_sums_run_in_order_without_fast_math() -> None:
    values = np.array([1e16, 1.0, -1e16, 1.0])
    assert total(values) == 1.0
    assert len(total._cache._cache_file._source_stamp) == 2


ONE = """
import sys
import numpy as np
from cardrisk._compiled import compiled

@compiled
def doubled(values):
    return 2.0 * values[values > 1.0].copy()

@compiled
def late(values):
    return np.sort(doubled(values)).sum() + len({1: 2.0})

found = doubled(np.array([1.0, 2.0, 3.0]))
print("numba.typed.dictimpl" in sys.modules, found.tolist(), list(doubled.stats.cache_hits.values()))
if sys.argv[1:]:
    print(late(np.array([1.0, 2.0, 3.0])))
"""


@pytest.mark.skipif(numba.version_info.short not in _compiled._QUICK, reason="loaded as ever under this version")
def test_machine_code_loads_without_what_compiling_needs_and_compiling_works_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text(ONE)

    def run(*more: str) -> list[str]:
        done = subprocess.run([sys.executable, file, *more], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    assert run() == ["True [4.0, 6.0] []"]
    assert run("late") == ["False [4.0, 6.0] [1]", "11.0"]
