"""A job killed at any point goes on when the same command runs again; its output is that of one never stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cardrisk.jobs.batch import journal
from cardrisk.jobs.batch.context import Limits
from cardrisk.jobs.batch.journal import folder_of
from cardrisk.jobs.batch.pool import LostWorkerError
from cardrisk.jobs.score import run
from tests.conftest import KEY

from . import worlds

PROGRAM = """
import sys
from cardrisk.jobs.batch.context import Limits
from cardrisk.jobs.score import run
if __name__ == "__main__":
    cards, model, history, out, workers = sys.argv[1:]
    limits = Limits(piece=40, part=700, small=0)
    sys.exit(run(cards=cards, model=model, history=history, out=out, workers=int(workers), limits=limits, alone=True))
"""


def start(program, asked, out, workers):
    command = [sys.executable, str(program), *asked, str(out), str(workers)]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command, env={**os.environ, "CARDRISK_KEY": KEY}, **quiet)


def done_tasks(out):
    try:
        return len(list(folder_of(out).glob("*/*.box")))
    except FileNotFoundError:  # the job ends at this moment
        return 0


@pytest.fixture
def asked(tiny, tmp_path):
    rng = np.random.default_rng(8)
    cards = pd.concat([tiny.early.iloc[-70:], tiny.late], ignore_index=True)
    given, past, answers = worlds.disordered(rng, cards, tiny.outcomes, 70)
    path = worlds.write(tmp_path, given, past, answers, rng, "folder")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return program, [str(path), str(tiny.bundle), str(tmp_path / "data")], len(given)


def test_a_killed_job_goes_on_and_gives_the_same_bytes(asked, tmp_path, full_or):
    program, arguments, rows = asked
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    first = start(program, arguments, whole, 1)
    _, trouble = first.communicate()
    assert first.returncode == 1, trouble
    rng = np.random.default_rng(18)
    most = 15
    points, kills, going_on = full_or(50, 1), 0, 0
    while kills < points:
        job = start(program, arguments, out, int(rng.integers(1, 3)))
        target, before = int(rng.integers(0, most)), done_tasks(out)
        while job.poll() is None and done_tasks(out) < before + target:
            time.sleep(0.005)
        time.sleep(float(rng.random()) * 0.05)
        if job.poll() is None:
            os.kill(job.pid, signal.SIGKILL)
            kills += 1
        _, trouble = job.communicate()
        going_on += "goes on" in trouble
        if job.returncode != -signal.SIGKILL:
            assert_same(out, whole, rows)
            out.unlink()
    last = start(program, arguments, out, 1)
    _, trouble = last.communicate()
    going_on += "goes on" in trouble
    assert_same(out, whole, rows)
    assert going_on
    assert not folder_of(out).exists()


class Death:
    """Counts every change of a file's name below a folder, and lets no more happen from one of them on."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.last, self.done = folder, None, []
        for name in ("replace", "unlink"):
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name, call):
        def counted(path, *rest, **named):
            place = Path(os.fsdecode(path)).parent
            if place.is_relative_to(self.folder):
                if len(self.done) == self.last:
                    raise LostWorkerError("dead")
                self.done.append((name, place.name))
            return call(path, *rest, **named)

        return counted

    def at(self, point):
        """Die at a point, None: never."""
        self.last, self.done = point, []


def test_a_job_that_dies_between_any_two_steps_goes_on(asked, tmp_path, key, monkeypatch, full_or):
    _, (cards, model, history), rows = asked
    given = {"cards": cards, "model": model, "history": history, "key": key, "workers": 1, "reasons": "none"}
    given["limits"] = Limits(piece=40, part=700, small=0)
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    death = Death(tmp_path, monkeypatch)
    death.at(None)
    run(**given, out=str(whole))
    steps = death.done
    begun = [i for i in range(1, len(steps)) if steps[i] != steps[i - 1] and steps[i][1] != folder_of(whole).name]
    assert len(begun) > 9
    for point in range(len(steps)) if full_or(1, 0) else begun:
        death.at(point)
        with pytest.raises(LostWorkerError):
            run(**given, out=str(out))
        death.at(None)
        run(**given, out=str(out))
        assert_same(out, whole, rows)
        out.unlink()


def assert_same(out, whole, rows):
    assert out.read_bytes() == whole.read_bytes()
    assert Path(f"{out}.quarantine").read_bytes() == Path(f"{whole}.quarantine").read_bytes()
    assert len(pd.read_parquet(out)) == rows


def test_a_changed_input_starts_anew_and_says_so(asked, tmp_path):
    program, arguments, _ = asked
    out = tmp_path / "out.parquet"
    job = start(program, arguments, out, 1)
    while job.poll() is None and not done_tasks(out):
        time.sleep(0.01)
    job.kill()
    job.communicate()
    given = pd.read_parquet(arguments[0])
    file = next(Path(arguments[0]).iterdir())
    pd.read_parquet(file).iloc[:-3].to_parquet(file)
    again = start(program, arguments, out, 1)
    _, trouble = again.communicate()
    assert "starts anew: inputs" in trouble
    assert len(pd.read_parquet(out)) == len(given) - 3


def test_a_job_whose_files_are_of_another_kind_starts_anew(tmp_path, monkeypatch):
    for protocol, said in ((1, None), (1, "goes on"), (2, "starts anew: protocol changed")):
        monkeypatch.setattr(journal, "PROTOCOL", protocol)
        held = journal.Journal(tmp_path / "out.parquet")
        assert held.begin({"inputs": []}) == said
        held.release()


def test_what_lies_on_disk_is_the_owners_alone(asked, tmp_path):
    program, arguments, _ = asked
    out = tmp_path / "out.parquet"
    job = start(program, arguments, out, 1)
    while job.poll() is None and done_tasks(out) < 5:
        time.sleep(0.01)
    job.kill()
    job.communicate()
    folder = folder_of(out)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*.box"))
