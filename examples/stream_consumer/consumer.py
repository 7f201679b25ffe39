"""Reads events of a Redis stream as one consumer of a group, scores them, and acknowledges what is durable.

Correct when, wherever a consumer dies and however often an event is delivered: every card of the stream is in history
once, every card has one result in the stream of results, and nothing is acknowledged before it is in history.

A consumer scores first - the card is then durable - and then, in one atomic step of the server, acknowledges the event
and publishes its result, unless somebody else acknowledged it meanwhile. An event between the two is delivered again;
its ``submission_id`` is known and gets the answer it got.
"""

import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

import cardrisk
from cardrisk.errors import CardriskError, InputError, StoreError
from cardrisk.scoring import Score, Scorer

from .events import Event, read, runs

LOGGER: Final = logging.getLogger("cardrisk.stream")
_ACKNOWLEDGE: Final = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 and ARGV[3] ~= '' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], '*', 'event', ARGV[2], 'body', ARGV[3])
end
"""


@dataclass(frozen=True, slots=True)
class Streams:
    """Names and limits.

    Attributes
    ----------
    events, results, poison
        Streams read, and written. Poison holds ids and reasons, never the event itself: it holds codes.
    group
        Of consumers; each event goes to one of them.
    idle
        Milliseconds after which an unacknowledged event of another consumer is taken over.
    deliveries
        How often an event may be delivered before it counts as poison: something in it kills consumers.
    count
        Events of one read.
    keep
        About how many results and poisonous events are kept.
    """

    events: str = "cardrisk:events"
    results: str = "cardrisk:results"
    poison: str = "cardrisk:poison"
    group: str = "cardrisk"
    idle: int = 30_000
    deliveries: int = 5
    count: int = 64
    keep: int = 1_000_000


class Consumer:
    """One consumer of the group.

    Parameters
    ----------
    client
        Of the server with the streams; answers as bytes.
    scorer
        Over a store that all consumers share.
    name
        Of this consumer, the same after a restart: it then finds what it had not acknowledged.
    streams
        Names and limits.
    """

    def __init__(self, client: "redis.Redis", scorer: Scorer, name: str, streams: Streams | None = None) -> None:
        self._client: Any = client
        self._scorer, self._name, self._streams = scorer, name, streams or Streams()
        self._acknowledge = self._client.register_script(_ACKNOWLEDGE)
        self._looked = float("-inf")
        try:
            self._client.xgroup_create(self._streams.events, self._streams.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._own = True

    def step(self, wait: float = 1.0) -> int:
        """Read some events and deal with them; returns how many were acknowledged.

        Parameters
        ----------
        wait
            Seconds to wait for events.
        """
        found = self._pending() or self._new(wait)
        done = 0
        for run in runs([read(name, fields) for name, fields in found]):
            kept = self._take(run)
            done += kept
            if kept < len(run):  # the store is down: what is left is delivered again
                time.sleep(min(wait, 1.0))
                self._own = True
                self._count_anew([name for name, _ in found])
                break
        return done

    def _count_anew(self, names: list[Any]) -> None:
        """Let deliveries that met a store that is down not count: only an event that stops its consumer is poison."""
        s = self._streams
        self._client.xclaim(s.events, s.group, self._name, 0, names, retrycount=0, justid=True)

    def _pending(self) -> list[Any]:
        """Events once delivered and never acknowledged: this consumer's own, then those of consumers that are gone."""
        s = self._streams
        if self._own:
            answer = self._client.xreadgroup(s.group, self._name, {s.events: "0"}, count=s.count)
            found = answer[0][1] if answer else []
            self._own = bool(found)
            return self._survivors(found)
        if time.monotonic() < self._looked + s.idle / 2_000:
            return []
        self._looked = time.monotonic()
        _, claimed, *_ = self._client.xautoclaim(s.events, s.group, self._name, s.idle, count=s.count)
        return self._survivors(claimed)

    def _survivors(self, found: list[Any]) -> list[Any]:
        """Leave out what was delivered too often."""
        s = self._streams
        kept = []
        for name, fields in found:
            told = self._client.xpending_range(s.events, s.group, name, name, 1)
            if told and told[0]["times_delivered"] > s.deliveries:
                self._poison(Event(name, "poison", {}, "delivered_too_often"))
            else:
                kept.append((name, fields))
        return kept

    def _new(self, wait: float) -> list[Any]:
        s = self._streams
        block = max(1, int(wait * 1_000))
        answer = self._client.xreadgroup(s.group, self._name, {s.events: ">"}, count=s.count, block=block)
        return answer[0][1] if answer else []

    def _take(self, run: Sequence[Event]) -> int:
        """Deal with one answer, one poisonous event, or cards that follow each other; returns how many are done."""
        if run[0].kind == "card":
            return self._cards(run)
        event = run[0]
        if event.kind == "answer":
            try:
                self._scorer.answer(event.row)
            except InputError:
                event = Event(event.name, "poison", {}, "unusable_answer")
            except StoreError:
                return 0
        if event.kind == "poison":
            self._poison(event)
        else:
            self._done(event.name, "")
        return 1

    def _cards(self, run: Sequence[Event]) -> int:
        try:
            scores = self._scorer.score([event.row for event in run])
        except CardriskError:
            if len(run) > 1:  # one of them cannot be read: it alone is poison
                return self._until_first_left(self._cards([event]) for event in run)
            self._poison(Event(run[0].name, "poison", {}, "unusable_card"))
            return 1
        done = 0
        for event, score in zip(run, scores, strict=True):
            if score.degraded is not None:
                LOGGER.warning("%s", json.dumps({"event": "degraded", "reason": score.degraded}))
                break
            self._done(event.name, _result(score))
            done += 1
        return done

    @staticmethod
    def _until_first_left(counts: Iterable[int]) -> int:
        done = 0
        for count in counts:
            if count == 0:
                break
            done += count
        return done

    def _done(self, name: bytes, result: str) -> None:
        s = self._streams
        self._acknowledge(keys=[s.events, s.results], args=[s.group, name, result, s.keep])

    def _poison(self, event: Event) -> None:
        s = self._streams
        LOGGER.warning("%s", json.dumps({"event": "poison", "reason": event.reason, "id": event.name.decode()}))
        body = json.dumps({"reason": event.reason, "version": cardrisk.__version__})
        self._acknowledge(keys=[s.events, s.poison], args=[s.group, event.name, body, s.keep])


def _result(score: Score) -> str:
    """Write the result of a card as JSON."""
    known = score.p_fail is not None and score.p_fail == score.p_fail
    return json.dumps(
        {
            "submission_id": score.submission_id,
            "p_fail": score.p_fail if known else None,
            "cause": score.cause,
            "decision": score.decision,
            "rule": score.rule,
            "model_version": score.model_version,
            "version": cardrisk.__version__,
        }
    )
