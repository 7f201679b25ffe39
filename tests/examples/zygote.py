"""A process that has everything imported and compiled, and forks one service for each line it reads.

A service started so is a real server in a process of its own; it only need not import and compile anew.
"""

import json
import os
import sys
from typing import Any

import cardrisk
from examples.intake_service import app, logs
from examples.intake_service.worker import _warm


def become(told: dict[str, Any]) -> None:
    """Become a service, or a consumer where no port is named, until killed."""
    os.setsid()
    for file in (1, 2):
        os.dup2(os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), file)
    os.environ.update(told["environ"])
    if told["port"]:
        serve(told["port"], told["environ"])
    else:
        from examples.stream_consumer.__main__ import main as consume

        consume()


def serve(port: int, environ: dict[str, str]) -> None:
    """Become a service, until killed."""
    import uvicorn

    uvicorn.run(
        app.App(),
        host="127.0.0.1",
        port=port,
        log_config=logs.config(environ.get("CARDRISK_SERVICE_LOG", "warning")),
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=10,
    )


def main() -> None:
    """Warm up, say so, then fork for every line."""
    _warm(cardrisk.Scorer(sys.argv[1] or None, reasons="all"))
    print("ready", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                become(told)
            finally:
                os._exit(1)
        print(child, flush=True)
        while True:  # those that ended meanwhile
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break


if __name__ == "__main__":
    main()
