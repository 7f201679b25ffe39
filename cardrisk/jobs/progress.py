"""Progress of long work: a bar on a terminal, one plain line a step everywhere else; always on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

BAR_WIDTH: Final = 24
REFRESH: Final = 0.2
"""Seconds between two pictures of a bar."""


def _pace(count: int, total: int, seconds: float) -> str:
    if not count or not seconds:
        return ""
    left = seconds * max(total - count, 0) / count
    return f": {count:,} of {total:,}, {count / seconds:,.0f} a second, {left:,.0f} s left"


class Steps:
    """Numbered steps of one job.

    Parameters
    ----------
    total
        How many steps there will be.
    quiet
        Say nothing.
    """

    def __init__(self, total: int, *, quiet: bool = False) -> None:
        self.total = total
        self.done = 0
        self.quiet = quiet
        self._live = sys.stderr.isatty() and not quiet

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Announce ``what``, run the body, and say how long it took."""
        started = time.perf_counter()
        if self._live:
            self._write(f"\r\033[K{self._bar()} {what} ...")
        yield
        self.done += 1
        if not self.quiet:
            line = f"[{self.done}/{self.total}] {what}: {time.perf_counter() - started:.1f} s"
            self._write(f"\r\033[K{line}\n{self._bar()}" if self._live else f"{line}\n")
            if self._live and self.done == self.total:
                self._write("\r\033[K")

    @contextmanager
    def track(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """As :meth:`step`, for work that tells how far it is: the body calls what it is given with units done.

        On a terminal the line shows rate and time left of this step.
        """
        started, shown, count = time.perf_counter(), 0.0, 0

        def done(more: int) -> None:
            nonlocal shown, count
            count += more
            now = time.perf_counter()
            if self._live and now - shown > REFRESH:
                shown = now
                self._write(f"\r\033[K{self._bar(count / max(total, 1))} {what}{_pace(count, total, now - started)}")

        with self.step(what):
            yield done

    def note(self, text: str) -> None:
        """Say one line."""
        if not self.quiet:
            self._write(f"\r\033[K{text}\n" if self._live else f"{text}\n")

    def _bar(self, part: float = 0.0) -> str:
        filled = int(BAR_WIDTH * (self.done + part) / self.total)
        return f"|{'█' * filled}{'·' * (BAR_WIDTH - filled)}|"

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
