"""Log lines: one JSON object each, ASCII; of errors their kind and place, never their words or values.

Correct when nothing that a request held can stand in a line.
"""

import json
import logging
import os
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

import cardrisk

LOGGER: Final = logging.getLogger("cardrisk.service")


class Lines(logging.Formatter):
    """Writes records as JSON objects; a message that is one already is merged."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": os.getpid(),
            "version": cardrisk.__version__,
        }
        message = record.getMessage()
        try:
            merged = json.loads(message) if message.startswith("{") else None
        except ValueError:
            merged = None
        told |= merged if isinstance(merged, dict) else {"message": message}
        if record.exc_info and record.exc_info[1] is not None:
            told |= failure(record.exc_info[1])
        return json.dumps(told, default=str)


def failure(error: BaseException) -> dict[str, str]:
    """Return an error's kind and the line it came from."""
    trace: TracebackType | None = error.__traceback__
    last = traceback.extract_tb(trace)[-1:] if trace else []
    where = f"{os.path.basename(last[0].filename)}:{last[0].lineno}" if last else ""
    return {"error": type(error).__name__, "where": where}


def event(level: int, name: str, **fields: Any) -> None:
    """Log an event by its name."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, "%s", json.dumps({"event": name, **fields}, default=str))


def config(level: str) -> dict[str, Any]:
    """Return the logging of a whole worker, for ``logging.config.dictConfig``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["lines"], "level": "WARNING"},
        "loggers": {
            "cardrisk": {"level": level.upper()},
            "cardrisk.scoring": {"level": "DEBUG" if level == "debug" else "WARNING"},
            "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},  # a path is input
            "uvicorn": {"level": "INFO" if level in ("debug", "info") else "WARNING"},
        },
    }
