"""The host's clock, as far as scoring rests on it.

Correct when a clock that was set back is noticed, and an event dated ahead of the clock is told from one of now.
History reads everything as of the latest moment it knows: one event from next year would age every window by a year.
"""

import time
from collections.abc import Callable
from typing import Final

AHEAD: Final = 300.0
"""Seconds by which an event may be ahead: hosts that keep time differ by less, a wrong time zone is at least 15
minutes."""
SET_BACK: Final = 2.0
"""Seconds by which a clock may go backwards: time servers correct that much without harm."""

_NEVER: Final = 2**62


class Clock:
    """Watches a clock.

    Parameters
    ----------
    seconds
        Gives seconds since 1970. None: there is no clock, nothing is ahead of it and it is never set back.
    """

    def __init__(self, seconds: Callable[[], float] | None = time.time) -> None:
        self._seconds = seconds
        self._highest = 0.0 if seconds is None else seconds()

    def set_back(self) -> bool:
        """Whether the clock shows less than it did, by more than `SET_BACK`."""
        if self._seconds is None:
            return False
        now = self._seconds()
        if now > self._highest:
            self._highest = now
        return now < self._highest - SET_BACK

    def limit(self) -> int:
        """The latest moment, in microseconds, that is not ahead."""
        return _NEVER if self._seconds is None else int((self._seconds() + AHEAD) * 1e6)
