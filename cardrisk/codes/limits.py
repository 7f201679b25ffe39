"""How often one caller may ask: a token bucket per caller, for services that offer ``check``.

Correct when a caller is let through at most ``burst + rate * seconds`` times in any stretch of ``seconds``, while no
more than ``callers`` different ones were heard of in between.
"""

import time
from collections import OrderedDict
from threading import Lock

from cardrisk.errors import InputError


class CallerLimit:
    """Limits each caller by itself; starts no threads and holds a bounded number of callers.

    Parameters
    ----------
    rate
        Calls a second that a caller may keep up.
    burst
        Calls a caller may make at once after a silence.
    callers
        Callers remembered; beyond it the one unheard of longest is forgotten and starts afresh.

    Raises
    ------
    InputError
        A limit that is not positive.

    Examples
    --------
    >>> limit = CallerLimit(rate=1.0, burst=2)
    >>> [limit.allow("203.0.113.9", now=0.0) for _ in range(3)]
    [True, True, False]
    """

    def __init__(self, rate: float, burst: int, callers: int = 100_000) -> None:
        if not (rate > 0 and burst >= 1 and callers >= 1):
            raise InputError(f"limit: expected positive rate, burst and callers, got {rate}, {burst}, {callers}")
        self._rate, self._burst, self._most = float(rate), float(burst), callers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def allow(self, caller: str, now: float | None = None) -> bool:
        """Tell whether ``caller`` may go on, and count the call if so.

        Parameters
        ----------
        caller
            Who asks: an account or an address, best as its token.
        now
            Seconds on a clock that does not go back; the system's monotonic clock by default.
        """
        moment = time.monotonic() if now is None else now
        with self._lock:
            left = self._left(caller, moment)
            allowed = left >= 1.0
            self._buckets[caller] = (left - allowed, moment)
            self._buckets.move_to_end(caller)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        return allowed

    def wait(self, caller: str, now: float | None = None) -> float:
        """Return the seconds until ``caller`` may go on; 0 where it may now."""
        moment = time.monotonic() if now is None else now
        with self._lock:
            return max(0.0, (1.0 - self._left(caller, moment)) / self._rate)

    def _left(self, caller: str, moment: float) -> float:
        left, then = self._buckets.get(caller, (self._burst, moment))
        return min(self._burst, left + max(0.0, moment - then) * self._rate)
