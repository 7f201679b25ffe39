"""Nothing acknowledged is lost, nothing counts twice: writers killed at random points, eight writers on one key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cardrisk.features import LiveHistory

WRITERS = Path(__file__).parent / "writers.py"
ROOT = Path(__file__).parents[3]


def run(*arguments):
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(WRITERS), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.split()]


def test_kill_at_random_points_loses_and_doubles_nothing(sqlite_url, full_or):
    points = full_or(1_000, 25)
    lost, doubled, strange, written = run("kill", sqlite_url, points, 5)
    assert (lost, doubled, strange) == (0, 0, 0)
    assert written > points  # the writers did write


@pytest.mark.timeout(600)
def test_eight_writers_on_one_key_count_exactly(durable, full_or):
    events = full_or(2_000, 150)
    failed, cards, answers = run("count", durable, events)
    answered = len(range(0, events, 3))
    assert (failed, cards, answers) == (0, 8 * events, 8 * answered)
    with LiveHistory(store=durable) as history:
        later = {"submitter_id": "hot", "submitted_at": history.now + 1}
        found = history.features(later)
    assert found["submitter_count_1d"] == 8 * events
    assert found["submitter_failed_1d"] == 8 * answered
