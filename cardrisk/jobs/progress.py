"""Progress of long work: a bar on a terminal, one plain line a step everywhere else; always on standard error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

BAR_WIDTH: Final = 24


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

    def _bar(self) -> str:
        filled = BAR_WIDTH * self.done // self.total
        return f"|{'█' * filled}{'·' * (BAR_WIDTH - filled)}|"

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
