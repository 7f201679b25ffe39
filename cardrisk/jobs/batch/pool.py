"""Tasks on all cores, in processes forked from one that has loaded this library and done nothing else.

That one is the job's own process where it runs nothing but the job, as the command line does; else one is started
for it. The token key goes to workers through a pipe, never to disk.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Final, Literal

from cardrisk.codes import KeyRing
from cardrisk.errors import CardriskError
from cardrisk.jobs.batch import judging, keying, settling, taking
from cardrisk.jobs.batch.context import Context, Settings
from cardrisk.jobs.batch.memory import give_back, keep

TASKS: Final[dict[str, Callable[..., None]]] = {
    "take": taking.take_unit,
    "tell": taking.tell_unit,
    "settle": settling.settle_ids,
    "facts": settling.tell_facts,
    "rings": settling.tell_rings,
    "repair": settling.repair_steps,
    "deal": keying.deal_chunks,
    "compute": keying.compute_group,
    "judge": judging.judge_chunk,
}
Task = tuple[str, tuple[Any, ...], Path]
"""Name in ``TASKS``, arguments, and the file that stands when it is done."""

Material = tuple[tuple[bytes, ...], tuple[bytes, ...]]
"""The key and the next one, where there are any; else the random one of this run."""

_HERE: dict[bytes, Context] = {}
"""The job that this worker works at, by what was told of it."""
_DONE: list[str] = []
"""The tasks that this process did last, all of one kind."""
FEW: Final = 4
"""After so many tasks of a kind memory is not given back: fetching it anew is a twentieth of a small job."""


class LostWorkerError(CardriskError, RuntimeError):
    """A worker process died, most likely for want of memory."""


def material_of(key: KeyRing | None, shared: KeyRing | None) -> Material:
    """Give keys as bytes: they travel to workers through a pipe."""
    return _bytes(key), _bytes(shared)


def _bytes(ring: KeyRing | None) -> tuple[bytes, ...]:
    return () if ring is None else tuple(key.reveal() for key in (ring.current, ring.next) if key is not None)


def _begin() -> None:
    """Make a worker ready; it ends when the job does, however that one died."""
    warnings.simplefilter("ignore")
    keep()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the job is interrupted, and ends its workers
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    job = parent_process()
    if job is not None:
        job.join()
    os._exit(1)


def _work(context: Context, name: str, arguments: tuple[Any, ...]) -> None:
    if name not in _DONE[-1:]:
        if len(_DONE) > FEW:
            give_back()
        _DONE.clear()
    _DONE.append(name)
    TASKS[name](context, *arguments)


def _work_here(job: bytes, name: str, arguments: tuple[Any, ...]) -> None:
    if job not in _HERE:
        folder, settings, material = pickle.loads(job)  # noqa: S301 - from this job's own process, through a pipe
        _HERE.clear()
        _HERE[job] = Context(folder, Settings.of(settings), *(KeyRing(*part) if part else None for part in material))
    _work(_HERE[job], name, arguments)


def _nothing() -> None:
    """Start the workers."""


class Pool:
    """Runs tasks; with one worker in this very process.

    Parameters
    ----------
    workers
        Processes.
    alone
        This process runs nothing but the job: workers are forked from it, at once.
    """

    def __init__(self, workers: int, *, alone: bool) -> None:
        self._workers = workers
        self._executor: ProcessPoolExecutor | None = None
        if workers == 1 and alone:
            keep()
        if workers > 1 and alone and sys.platform == "linux" and threading.active_count() == 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries that can be forked
                self._start("fork").submit(_nothing).result()

    def run(self, context: Context, tasks: list[Task]) -> Iterator[int]:
        """Run tasks of a job whose files do not stand yet; gives the place of each one done, those done before first.

        Raises
        ------
        LostWorkerError
            A worker died.
        """
        open_tasks = []
        for i, (_, _, path) in enumerate(tasks):
            if path.exists():
                yield i
            else:
                open_tasks.append(i)
        if self._workers == 1:
            for i in open_tasks:
                _work(context, tasks[i][0], tasks[i][1])
                yield i
            return
        yield from self._spread(context, tasks, open_tasks)

    def _spread(self, context: Context, tasks: list[Task], places: list[int]) -> Iterator[int]:
        told = (context.folder, context.settings.document(), material_of(context.key, context.shared))
        job = pickle.dumps(told)
        waiting = list(reversed(places))
        running: dict[Future[None], int] = {}
        while waiting or running:
            while waiting and len(running) < self._workers + 1:
                i = waiting.pop()
                running[(self._executor or self._start("forkserver")).submit(_work_here, job, *tasks[i][:2])] = i
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    future.result()
                except BrokenProcessPool:
                    raise LostWorkerError(
                        "a worker process died, most likely for want of memory; run the same command again to go on"
                    ) from None
                yield running.pop(future)

    def _start(self, how: Literal["fork", "forkserver"]) -> ProcessPoolExecutor:
        of = get_context(how)
        if how == "forkserver":
            of.set_forkserver_preload([__name__])
        self._executor = ProcessPoolExecutor(self._workers, of, _begin)
        return self._executor

    def close(self) -> None:
        """Stop the workers at once; what this process did itself leaves no memory behind."""
        if self._workers == 1:
            give_back()
        if self._executor is not None:
            for process in list((self._executor._processes or {}).values()):
                process.terminate()
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
