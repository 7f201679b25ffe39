"""When a card cannot be scored: it is held, marked with the reason, at once - never accepted, never in silence.

Correct when, as long as something a score rests on is broken, every card gets such an answer without waiting for it
anew: after a failure the store is left alone for ``PAUSE`` seconds, and one call then asks again.
"""

import time
from typing import Final

from cardrisk.errors import StoreError
from cardrisk.scoring.clock import Clock

STORE: Final = "store"
DISK_FULL: Final = "disk_full"
BUNDLE: Final = "bundle"
CLOCK: Final = "clock"
CLOSED: Final = "closed"
REASONS: Final = {
    STORE: "the history store cannot be read or written",
    DISK_FULL: "the disk of the history store is full or refuses to write",
    BUNDLE: "there is no verified model",
    CLOCK: "the clock of this host was set back",
    CLOSED: "the scorer was closed",
}
"""Why a card is held without a score. None of them is the card's fault."""

PAUSE: Final = 1.0
"""Seconds for which a store that failed is not asked again."""

MEMORY: Final = 10.0
"""Seconds after which a failure says nothing any more: who sends no cards while it lasts must learn to try again."""

TIMEOUT: Final = 0.012
"""Seconds to wait for a store whose URL names no timeout: with the rest of a call this stays below 20 ms."""


class Guard:
    """Watches what scoring rests on.

    Parameters
    ----------
    clock
        The host's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reason: str | None = None
        self._until = 0.0

    def known(self) -> str | None:
        """What is known to be broken, for ``MEMORY`` seconds after it was last met; asking changes nothing."""
        if self._clock.set_back():
            return CLOCK
        return self._reason if time.monotonic() < self._until + MEMORY else None

    def trouble(self) -> str | None:
        """Why this card cannot be scored; None where nothing is known to be broken, or where it is its turn to ask."""
        if self._clock.set_back():
            return CLOCK
        if self._reason is not None:
            if time.monotonic() < self._until:
                return self._reason
            self._until = time.monotonic() + PAUSE  # this call asks; the others wait for what it finds
        return None

    def failed(self, error: StoreError) -> str:
        """Note that the store failed; return the reason's name."""
        full = any(word in str(error) for word in ("SQLITE_FULL", "SQLITE_IOERR", "No space left"))
        self._reason = DISK_FULL if full else STORE
        self._until = time.monotonic() + PAUSE
        return self._reason

    def worked(self) -> None:
        """Note that the store works."""
        self._reason = None


def bounded(url: str) -> str:
    """Give a store's URL a timeout, unless it names one.

    Raises
    ------
    StoreError
        It is no text.
    """
    if not isinstance(url, str):
        raise StoreError(f"store: expected memory://, sqlite:///PATH or redis://..., got {type(url).__name__}")
    if url.split(":", 1)[0] not in ("sqlite", "redis", "rediss") or "timeout=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}timeout={TIMEOUT:g}"
