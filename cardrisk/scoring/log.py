"""Structured log lines: one JSON object a line under the logger ``cardrisk.scoring``; never a code, never a token.

ASCII alone: an id may hold what no encoding takes, and a handler that fails prints the whole record.
"""

import json
import logging
from typing import Any, Final

from cardrisk._version import __version__
from cardrisk.scoring.result import Score

LOGGER: Final = logging.getLogger("cardrisk.scoring")


def event(name: str, **fields: Any) -> None:
    """Log what an operator must see."""
    LOGGER.warning("%s", json.dumps({"event": name, "version": __version__, **fields}))


def score(given: Score) -> None:
    """Log one answer, at level INFO: where nobody listens it costs nothing."""
    if LOGGER.isEnabledFor(logging.INFO):
        fields: dict[str, Any] = {"event": "score", "version": __version__, "submission_id": given.submission_id}
        fields |= {"decision": given.decision, "p_fail": given.p_fail, "rule": given.rule}
        fields |= {"degraded": given.degraded, "model_version": given.model_version}
        LOGGER.info("%s", json.dumps(fields))
