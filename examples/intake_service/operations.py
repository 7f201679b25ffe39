"""The operations of the service: who may, what is read, what is done, what is said.

Correct when every request gets exactly one answer, an error the one shape of errors, and no answer holds any part of
a code. Operations are plain ASGI applications: a request passes no layer that it does not need.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import cardrisk
from cardrisk.errors import InputError, StoreError, TimeZoneError
from cardrisk.tables import SUBMISSIONS, Rejected, check_one, check_one_outcome

from . import logs, views
from .callers import Caller
from .door import Headers, RefusedError, parse, read_body, seconds_text, several
from .worker import Worker

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
Payload = dict[str, Any]
Act = Callable[[Worker, Caller, Payload], Awaitable[tuple[dict[str, Any], float | None]]]

_NAMES: Final = SUBMISSIONS.names
_RETRY: Final = 1.0
"""Seconds after which what could not be kept is worth handing in again."""


class Operation:
    """One operation as an ASGI application.

    Parameters
    ----------
    worker
        What does the work.
    name
        Of the operation; a scope opens it.
    act
        Gives the answer, and the seconds after which to try again where that helps.
    most
        Bytes of a body.
    """

    def __init__(self, worker: Worker, name: str, act: Act, most: int) -> None:
        self._worker, self._name, self._act, self._most = worker, name, act, most

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        worker = self._worker
        request_id = worker.request_id()
        status, wait, close, caller = 200, None, False, None
        try:
            caller = self._admitted(scope["headers"])
            body = await read_body(scope["headers"], receive, self._most, worker.settings.read_seconds)
            found, wait = await self._act(worker, caller, parse(body))
            told = views.body(found)
        except Exception as error:
            refused = self._refusal(error, request_id)
            status, wait, close = refused.status, refused.wait, refused.close
            told = views.body(views.error(refused.code, refused.message, request_id, worker.model_version))
        seconds = time.perf_counter() - began
        worker.count.request(self._name, status, seconds)  # before the answer: whoever has it finds it counted
        await _respond(send, status, told, request_id, wait, close)
        if logs.LOGGER.isEnabledFor(logging.INFO):
            self._log(request_id, status, seconds, caller)

    def _refusal(self, error: Exception, request_id: str) -> RefusedError:
        """Say what went wrong without a word of what came in."""
        if isinstance(error, RefusedError):
            return error
        if isinstance(error, InputError):
            return RefusedError(422, "unreadable", "a member has a form that cannot be read, or a time has no zone")
        if isinstance(error, StoreError):
            said = "the history store is down; hand the whole request in again, which is harmless"
            return RefusedError(503, "store_down", said, wait=_RETRY)
        logs.event(logging.ERROR, "failed", request_id=request_id, operation=self._name, **logs.failure(error))
        return RefusedError(500, "internal", "an error of the service; it was logged")

    def _admitted(self, headers: Headers) -> Caller:
        caller = self._worker.callers.of(headers)
        if caller is None:
            raise RefusedError(401, "unknown_caller", "expected the header x-api-key with a known key", close=True)
        if self._name not in caller.may:
            raise RefusedError(403, "not_allowed", f"expected a key whose scope opens {self._name!r}", close=True)
        charge(self._worker, caller, 1)
        return caller

    def _log(self, request_id: str, status: int, seconds: float, caller: Caller | None) -> None:
        told = {"request_id": request_id, "operation": self._name, "status": status, "ms": round(seconds * 1e3, 3)}
        name = caller.name if caller else None
        logs.event(logging.INFO, "request", **told, caller=name, model_version=self._worker.model_version)


async def _respond(send: Send, status: int, body: bytes, request_id: str, wait: float | None, close: bool) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
    ]
    if wait is not None:
        headers.append((b"retry-after", seconds_text(wait)))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def charge(worker: Worker, caller: Caller, units: int) -> None:
    """Count against a caller's limit.

    Raises
    ------
    RefusedError
        It is used up (429).
    """
    wait = worker.limits.take(caller.place, units) if units else 0.0
    if wait:
        raise RefusedError(429, "too_many", "expected fewer requests of this caller; wait and retry", wait=wait)


def _versions(worker: Worker) -> dict[str, Any]:
    return {"model_version": worker.model_version, "version": cardrisk.__version__}


def _known(card: Payload) -> Payload:
    return {name: card[name] for name in _NAMES if name in card}


def _seen_by(caller: Caller, worker: Worker, score: Any, card: Payload, ignored: int) -> dict[str, Any]:
    if caller.sees_all:
        return views.reviewer(score, ignored)
    language: Any = worker.settings.language
    return views.submitter(score, card, language, ignored)


async def score(worker: Worker, caller: Caller, payload: Payload) -> tuple[dict[str, Any], float | None]:
    """Score one card; it is history afterwards."""
    card = _known(payload)
    ignored = len(payload) - len(card)  # before the card is told when it came
    found = await worker.taking.one(card)
    return _seen_by(caller, worker, found, card, ignored), None if found.degraded is None else _RETRY


async def scores(worker: Worker, caller: Caller, payload: Payload) -> tuple[dict[str, Any], float | None]:
    """Score cards handed in together."""
    given = several(payload, "cards", worker.settings.together)
    charge(worker, caller, len(given) - 1)
    cards = [_known(card) for card in given]
    ignored = [len(all_of_it) - len(card) for all_of_it, card in zip(given, cards, strict=True)]
    try:
        found = worker.taking.together(cards)
    except TimeZoneError:
        raise _without_zone(worker, cards) from None
    shown = [_seen_by(caller, worker, *row) for row in zip(found, cards, ignored, strict=True)]
    wait = _RETRY if any(one.degraded is not None for one in found) else None
    return {"scores": shown, **_versions(worker)}, wait


def _without_zone(worker: Worker, cards: list[Payload]) -> RefusedError:
    """Name the first card of a list that has a time without a zone, by its place and the column alone."""
    for position, card in enumerate(cards):
        try:
            check_one(card, tz=worker.settings.tz or None)
        except TimeZoneError as error:
            column = str(error).partition(":")[0]  # a name of the contract
            said = (
                f"the card at position {position} (from 0) has no zone in {column!r}; nothing of the list was taken in"
            )
            return RefusedError(422, "time_without_zone", said)
    return RefusedError(422, "time_without_zone", "a time has no zone; nothing of the list was taken in")


async def answers(worker: Worker, caller: Caller, payload: Payload) -> tuple[dict[str, Any], float | None]:
    """Take answers in, in their order."""
    given = several(payload, "answers", worker.settings.together)
    charge(worker, caller, len(given) - 1)
    accepted, refused = 0, []
    for position, outcome in enumerate(given):
        found = _broken(worker, outcome) or _kept(worker, outcome)
        if found is None:
            accepted += 1
            continue
        worker.count.add("cardrisk_answers_refused_total", "rule", found.rule)
        refused.append({"position": position, "rule": found.rule, "column": found.column})
    return {"accepted": accepted, "refused": refused, **_versions(worker)}, None


def _broken(worker: Worker, outcome: Payload) -> Rejected | None:
    try:
        checked = check_one_outcome(outcome, tz=worker.settings.tz or None)
    except TimeZoneError:
        return Rejected("time_without_zone", "answered_at")
    return checked if isinstance(checked, Rejected) else None


def _kept(worker: Worker, outcome: Payload) -> Rejected | None:
    """Take one answer in; its contract holds, so that only its date can still be refused."""
    try:
        worker.scorer.answer(outcome)
    except InputError:
        return Rejected("dated_ahead", "answered_at")
    worker.count.answers(worker.scorer)
    return None


async def check(worker: Worker, caller: Caller, payload: Payload) -> tuple[dict[str, Any], float | None]:
    """Ask what to look at again; nothing is kept, and nothing but the codes in hand counts."""
    language: Any = worker.settings.language
    card = {name: payload[name] for name in ("card_kind", "card_no", "card_secret") if name in payload}
    return {"hints": views.hints_of(card, language, doubt=False), **_versions(worker)}, None


async def forget(worker: Worker, caller: Caller, payload: Payload) -> tuple[dict[str, Any], float | None]:
    """Remove a person's history from the store."""
    name = payload.get("submitter_id")
    if not isinstance(name, str) or not 0 < len(name) <= 128:
        raise RefusedError(422, "bad_person", "expected submitter_id: a text of 1 to 128 characters")
    removed = worker.scorer.forget(name)
    worker.count.add("cardrisk_forgotten_total", by=removed)
    return {"removed": removed, **_versions(worker)}, None
