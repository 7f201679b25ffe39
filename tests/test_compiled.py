"""Compiled code on disk is never older than the room it belongs to."""

from pathlib import Path

import numpy as np

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
