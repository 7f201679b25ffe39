"""The ASGI application that every worker runs: ``uvicorn examples.intake_service.app:app``.

The operations answer their own paths at once; everything else goes to the page. Measured on one core, in microseconds
of processor a request: the server alone 136, Starlette's routing 60 more, FastAPI's 220 more, its reading of models
280 more, a plain function on its thread pool 750 more.
"""

import asyncio
import contextlib
import json
import logging
import logging.config
from collections.abc import Awaitable, Callable
from typing import Any

from cardrisk.errors import CardriskError

from . import logs
from .operations import Operation
from .page import operations_of, page
from .settings import Settings, SettingsError
from .worker import Worker

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


class App:
    """A worker's application; it opens the store when the server starts and closes it when the server has drained."""

    def __init__(self) -> None:
        self._operations: dict[str, Operation] = {}
        self._page: Any = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request, or live through start and stop."""
        if scope["type"] == "http":
            operation = self._operations.get(scope["path"]) if scope["method"] == "POST" else None
            await (operation or self._page)(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            settings = Settings.read()
            logging.config.dictConfig(logs.config(settings.log))
            worker = Worker(settings)
        except (SettingsError, CardriskError) as error:
            await send({"type": "lifespan.startup.failed", "message": json.dumps(str(error))})
            return
        self._operations = operations_of(worker)
        self._page = page(worker, self._operations)
        watch = asyncio.create_task(worker.watch())
        logs.event(logging.INFO, "started", model_version=worker.model_version, degraded=worker.degraded)
        await send({"type": "lifespan.startup.complete"})
        await receive()  # the server has stopped listening and answered what was under way
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        worker.close()
        logs.event(logging.INFO, "stopped")
        await send({"type": "lifespan.shutdown.complete"})


app = App()
