"""Run the service: ``python -m examples.intake_service``; settings come from the environment."""

import os
import sys
import tempfile

from . import logs
from .callers import Callers
from .settings import PREFIX, Settings, SettingsError


def main() -> int:
    """Check the settings, then let uvicorn run the workers; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="cardrisk-service-") as folder:
        os.environ.setdefault(f"{PREFIX}SHARED", folder)
        try:
            settings = Settings.read()
            Callers(settings.callers)  # workers read it themselves; a mistake in it is said here, once and at once
        except SettingsError as error:
            print(error, file=sys.stderr)
            return 2
        import uvicorn

        uvicorn.run(
            f"{__package__}.app:app",
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_config=logs.config(settings.log),
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            limit_concurrency=settings.at_once,
            backlog=settings.at_once,
            timeout_keep_alive=30,
            timeout_worker_healthcheck=60,  # a worker may have to compile before it serves
            timeout_graceful_shutdown=settings.drain_seconds,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
