"""Events as they stand in the stream, read and told apart.

Correct when every event is a card, an answer or poison, and what is poison is known by a reason that shows nothing
of it.

An event has two fields: ``kind`` (``card`` or ``answer``) and ``body`` (a JSON object with the columns of the table).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

LARGEST: Final = 65_536
"""Bytes of a body."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes
    ----------
    name
        Its id in the stream: the server's milliseconds, a hyphen, a serial.
    kind
        ``card``, ``answer`` or ``poison``.
    row
        Columns; empty for poison.
    reason
        Why it is poison.
    """

    name: bytes
    kind: str
    row: Mapping[str, Any]
    reason: str = ""


def read(name: bytes, fields: Mapping[bytes, bytes] | None) -> Event:
    """Read one event.

    A card counts from the moment its event got its id: every delivery, to whichever consumer, says the same.
    """
    if not fields:
        return Event(name, "poison", {}, "removed")  # somebody trimmed the stream before it was read
    kind, body = fields.get(b"kind", b""), fields.get(b"body", b"")
    if kind not in (b"card", b"answer"):
        return Event(name, "poison", {}, "unknown_kind")
    if len(body) > LARGEST:
        return Event(name, "poison", {}, "too_large")
    try:
        row = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        row = None
    if type(row) is not dict:
        return Event(name, "poison", {}, "bad_json")
    if kind == b"card":
        row["received_at"] = _EPOCH + timedelta(milliseconds=int(name.split(b"-")[0]))
        row.setdefault("submitted_at", row["received_at"])
    return Event(name, kind.decode(), row)


def _refuse(name: str) -> float:
    raise ValueError(name)


def runs(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Give events in order, cards that follow each other as one: they are scored by one call."""
    together: list[Event] = []
    for event in events:
        if event.kind == "card":
            together.append(event)
            continue
        if together:
            yield together
            together = []
        yield [event]
    if together:
        yield together
