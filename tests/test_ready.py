"""What is made ready is the code that an ordinary call runs, and opening a scorer asks numba for no kind."""

import subprocess
import sys

import numba
import numpy as np
import pytest

from cardrisk._ready import WHOLE, array_of, made_ready
from cardrisk.codes._sha256 import INITIAL, midstate
from cardrisk.risk.trees.single import NODE, WIDE

FIRST = """
import sys, warnings
warnings.simplefilter("ignore")
import cardrisk
scorer = cardrisk.Scorer(reasons="none")
print("numpy.ma" in sys.modules)
score = scorer.score({"submission_id": "a", "submitted_at": "2026-01-05T08:00:00Z", "submitter_id": "u"})
assert score.p_fail is not None
print("pandas" in sys.modules)
"""


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.float64, NODE, WIDE], ids=str)
def test_kinds_are_those_that_numba_finds(dtype: object) -> None:
    assert array_of(dtype) == numba.typeof(np.zeros(3, dtype))
    assert array_of(dtype, 2) == numba.typeof(np.zeros((3, 2), dtype))
    assert numba.typeof(3) == WHOLE


def test_what_is_made_ready_gives_what_the_function_gives() -> None:
    block = np.arange(64, dtype=np.uint8)
    ready = made_ready(midstate, array_of(np.uint32), array_of(np.uint8))
    assert ready(INITIAL, block).tolist() == midstate(INITIAL, block).tolist()
    assert made_ready(len) is len, "where nothing is compiled it is the function itself"


def test_a_scorer_opens_without_masked_arrays_and_scores_without_pandas() -> None:
    """In a process that finds its machine code compiled: the first of these may have to compile it."""
    for _ in range(2):
        found = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
