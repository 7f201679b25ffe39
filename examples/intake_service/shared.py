"""Numbers that the workers of one host keep together, in mapped files: counters and the limit of each caller.

Correct when a counter read by any worker is the sum over all of them, never falls while the folder stands - whichever
worker is killed at whatever point - and no worker ever waits for another.

Each worker counts in a file of its own, which it claims by a lock that dies with it; the next worker goes on in the
file of a dead one. The limits are one file that all write to: two workers that let the same caller in at the very
same instant may count it once.
"""

import fcntl
import hashlib
import mmap
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_HEAD: Final = 32
"""Bytes before the numbers: digest of what they mean."""


class Counters:
    """Whole numbers of this worker, and their sums over all workers.

    Parameters
    ----------
    folder
        Shared by the workers of one service.
    names
        What is counted; the same in every worker.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder, self._size = folder, _HEAD + 8 * len(names)
        self._mark = hashlib.sha256("\n".join(names).encode()).digest()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = self._claim()
        self._map = mmap.mmap(self._file, self._size)
        if self._map[:_HEAD] != self._mark:  # another version counted other things
            self._map[:] = self._mark + bytes(self._size - _HEAD)
        self._view = memoryview(self._map)
        self.values = self._view[_HEAD:].cast("Q")
        """This worker's numbers, in the order of the names; add to them in place."""
        self.identity = os.urandom(4).hex()
        """Names this life of the worker."""

    def _claim(self) -> int:
        number = 0
        while True:
            file = os.open(self._folder / f"worker-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                number += 1
            else:
                if os.fstat(file).st_size != self._size:
                    os.ftruncate(file, self._size)
                return file

    def sums(self) -> tuple[list[int], int]:
        """Return the sums over all workers, dead ones included, and how many workers live."""
        total, alive = [0] * len(self.values), 0
        for path in self._folder.glob("worker-*"):
            with path.open("rb") as file:
                body = file.read()
                alive += _is_held(file.fileno())
            if len(body) == self._size and body[:_HEAD] == self._mark:
                total = [a + b for a, b in zip(total, memoryview(body)[_HEAD:].cast("Q"), strict=True)]
        return total, alive

    def close(self) -> None:
        """Leave the file to the next worker."""
        self.values.release()
        self._view.release()
        self._map.close()
        os.close(self._file)


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


class Limits:
    """How much each caller may ask: ``burst`` at once, ``rate`` a second, over all workers of a host.

    Parameters
    ----------
    folder
        Shared by the workers of one service.
    callers
        Most callers.
    rate, burst
        Units a second and at once.
    """

    def __init__(self, folder: Path, callers: int, rate: float, burst: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._each, self._most = 1.0 / rate, burst
        self._file = os.open(folder / "limits", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size != 8 * callers:
            os.ftruncate(self._file, 8 * callers)
        self._map = mmap.mmap(self._file, 8 * callers)
        self._view = memoryview(self._map)
        self._until = self._view.cast("d")

    def take(self, place: int, units: int = 1, now: float | None = None) -> float:
        """Count ``units`` for the caller at ``place``; returns the seconds to wait instead where it is too much.

        A request of more than ``burst`` units counts as ``burst``.
        """
        moment = time.monotonic() if now is None else now
        whole = self._most * self._each
        until = min(max(self._until[place], moment), moment + whole)  # whatever a former boot left there
        more = min(units, self._most) * self._each
        over = until + more - moment - whole
        self._until[place] = until if over > 1e-9 else until + more
        return max(0.0, over) if over > 1e-9 else 0.0

    def close(self) -> None:
        """Close the file."""
        self._until.release()
        self._view.release()
        self._map.close()
        os.close(self._file)
