"""Run a consumer: ``python -m examples.stream_consumer``.

``CARDRISK_STREAM_REDIS`` (server with the streams), ``CARDRISK_STREAM_STORE`` (history; the same for all consumers),
``CARDRISK_STREAM_NAME`` (of this consumer; the host's and process' unless given), ``CARDRISK_STREAM_MODEL``,
``CARDRISK_STREAM_IDLE`` (milliseconds), and the key in ``CARDRISK_KEY``.
"""

import logging
import os
import signal
import socket
import sys
import time

import redis

from cardrisk.errors import CardriskError
from cardrisk.scoring import Scorer

from .consumer import LOGGER, Consumer, Streams


def main() -> int:
    """Consume until told to stop; returns the exit code."""
    logging.basicConfig(format='{"at":"%(asctime)s","level":"%(levelname)s","told":%(message)s}')
    environ = os.environ
    missing = [
        name for name in ("CARDRISK_STREAM_REDIS", "CARDRISK_STREAM_STORE", "CARDRISK_KEY") if name not in environ
    ]
    if missing:
        print(f"expected the variables {', '.join(missing)}", file=sys.stderr)
        return 2
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stopped.append(number))
    name = environ.get("CARDRISK_STREAM_NAME", f"{socket.gethostname()}-{os.getpid()}")
    streams = Streams(idle=int(environ.get("CARDRISK_STREAM_IDLE", "30000")))
    try:
        scorer = Scorer(environ.get("CARDRISK_STREAM_MODEL") or None, store=environ["CARDRISK_STREAM_STORE"])
    except CardriskError as error:
        print(error, file=sys.stderr)
        return 2
    with scorer:
        client = redis.Redis.from_url(environ["CARDRISK_STREAM_REDIS"], socket_timeout=10)
        _run(client, scorer, name, streams, stopped)
    return 0


def _run(client: "redis.Redis", scorer: Scorer, name: str, streams: Streams, stopped: list[int]) -> None:
    consumer: Consumer | None = None
    while not stopped:
        try:
            consumer = consumer or Consumer(client, scorer, name, streams)
            consumer.step()
        except redis.RedisError as error:
            LOGGER.warning('{"event":"stream_down","error":"%s"}', type(error).__name__)
            consumer = None  # made anew, it begins with what it had not acknowledged
            time.sleep(1.0)


if __name__ == "__main__":
    sys.exit(main())
