"""One worker: a scorer over the shared store, the counters, and a watch on what scoring rests on.

Correct when a worker that could not start whole becomes whole by itself as soon as it can, and what it says of its
health is no older than two seconds.
"""

import asyncio
import contextlib
import gc
import logging
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, cast

import cardrisk
from cardrisk.errors import CardriskError, StoreError
from cardrisk.scoring import Scorer

from . import logs
from .callers import MOST, Callers
from .counting import Count
from .settings import Settings, SettingsError
from .shared import Limits
from .taking import Taking

PULSE: Final = 1.0
"""Seconds between looks at the store."""
TRIMMED: Final = 3_600
"""Looks at the store from one that takes out what is old to the next."""
_NOBODY: Final = "\x00 no card has this name"
_COLLECTED: Final = (20_000, 20, 20)
"""Python's garbage collector looks at what requests leave behind thirty times as rarely as it would by itself: a
request makes no cycles unless it fails, and what it leaves is history, which stays."""


class Worker:
    """Everything that a request needs.

    Parameters
    ----------
    settings
        What to run with.

    Raises
    ------
    SettingsError
        The callers' file cannot be used.
    CardriskError
        With ``start=strict``: the model or the store cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.callers = Callers(settings.callers)
        self.scorer = _scorer(settings)
        folder = Path(settings.shared)
        try:
            self.count = Count(folder)
            self.limits = Limits(folder, MOST, settings.rate, settings.burst)
        except OSError as error:
            raise SettingsError(f"shared: expected a folder to write to, got {type(error).__name__}") from None
        self.taking = Taking(
            self.scorer, settings.clock == "arrival", lambda found: self.count.scores(found, self.scorer)
        )
        self.model_version = ""
        """Names the model's content; empty where there is none."""
        self.degraded: str | None = None
        self._numbers = count()
        self._look()

    def request_id(self) -> str:
        """Name a request; different in every worker."""
        return f"{self.count.counters.identity}-{next(self._numbers):x}"

    async def watch(self) -> None:
        """Look at the store for ever, open again what was missing at the start, and let go of what is old."""
        keep = timedelta(days=self.settings.keep_days)
        for pulse in count(1):
            await asyncio.sleep(PULSE)
            try:
                self._look()
                if keep and self.degraded is None and pulse % TRIMMED == 0:
                    await asyncio.to_thread(self.scorer.trim, keep)
            except Exception as error:
                logs.event(logging.ERROR, "watch_failed", **logs.failure(error))

    def _look(self) -> None:
        found: str | None
        try:
            found = None if self.scorer.reopen() else self.scorer.degraded or "unknown"
            if found is None:
                self.model_version = self.scorer.model.version
                self.scorer.record(_NOBODY)
                found = self.scorer.degraded  # a store may still be read that takes no card in
        except StoreError:
            found = "store"
        if found != self.degraded:
            logs.event(
                logging.WARNING, "degraded" if found else "whole", reason=found, at=datetime.now(UTC).isoformat()
            )
        self.degraded = found

    def close(self) -> None:
        """Release the store and the shared files."""
        self.scorer.close()
        self.limits.close()
        self.count.close()


def _scorer(settings: Settings) -> Scorer:
    """Make the scorer; everything is compiled before the first request comes."""
    given: dict[str, Any] = {
        "model": settings.model or None,
        "tz": settings.tz or None,
        "reasons": cast(Any, settings.reasons),
        "language": cast(Any, settings.language),
    }
    if settings.clock == "given":
        given["clock"] = None
    scorer = Scorer(store=settings.store, start=cast(Any, settings.start), **given)
    with contextlib.suppress(CardriskError), Scorer(store="memory://", **(given | {"reasons": "all"})) as warm:
        _warm(warm)
    scorer.freeze()
    gc.set_threshold(*_COLLECTED)
    return scorer


def _warm(scorer: Scorer) -> None:
    now = datetime.now(UTC)
    card = {
        "submitted_at": now,
        "submitter_id": "warm",
        "face_value": 1.0,
        "card_no": "1" * 16,
        "card_secret": "2" * 16,
    }
    for names in (("1",), ("2", "3"), ("1",)):
        for score in scorer.score([{**card, "submission_id": name} for name in names]):
            _ = score.reasons
    scorer.answer({"submission_id": "1", "answered_at": now, "status": "success"})
    cardrisk.check(card, doubt=True)
