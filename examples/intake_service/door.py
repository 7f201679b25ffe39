"""What comes in before anything reads it: a bounded body, in bounded time, as JSON.

Correct when nothing larger or slower than the settings say is ever held, and no refusal shows any part of what came.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

Headers = Iterable[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Any]]


class RefusedError(Exception):
    """A request that gets an error: its status, its code and what to do about it."""

    def __init__(self, status: int, code: str, message: str, *, wait: float | None = None, close: bool = False) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.wait, self.close = status, code, message, wait, close


def _no_constant(name: str) -> float:
    raise ValueError(name)


_DECODE: Final = json.JSONDecoder(parse_constant=_no_constant).decode


async def read_body(headers: Headers, receive: Receive, most: int, seconds: float) -> bytes:
    """Return a request's body.

    Parameters
    ----------
    headers, receive
        The request's.
    most
        Bytes.
    seconds
        Until all of it must be here.

    Raises
    ------
    RefusedError
        No JSON by its own account (415), too large (413) or too slow (408).
    """
    kind = length = b""
    for name, value in headers:
        if name == b"content-type":
            kind = value
        elif name == b"content-length":
            length = value
    if kind.split(b";", 1)[0].strip().lower() != b"application/json":
        raise RefusedError(415, "not_json", "expected content-type: application/json", close=True)
    if length.isdigit() and int(length[:20]) > most:
        raise _too_large(most)
    message = await _next(receive, seconds)
    body: bytes = message["body"]
    if message["more_body"] or len(body) > most:
        try:
            async with asyncio.timeout(seconds):
                body = await _rest(body, receive, most)
        except TimeoutError:
            raise _too_slow(seconds) from None
    return body


async def _next(receive: Receive, seconds: float) -> Mapping[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            return _part(await receive())
    except TimeoutError:
        raise _too_slow(seconds) from None


async def _rest(body: bytes, receive: Receive, most: int) -> bytes:
    parts, size, more = [body], len(body), True
    while more:
        if size > most:
            raise _too_large(most)
        message = _part(await receive())
        parts.append(message["body"])
        size, more = size + len(message["body"]), message["more_body"]
    if size > most:
        raise _too_large(most)
    return b"".join(parts)


def _part(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if message["type"] == "http.disconnect":
        raise RefusedError(400, "gone", "the connection was closed before the body was here", close=True)
    return {"body": message.get("body", b""), "more_body": message.get("more_body", False)}


def _too_large(most: int) -> RefusedError:
    return RefusedError(413, "too_large", f"expected a body of at most {most} bytes", close=True)


def _too_slow(seconds: float) -> RefusedError:
    return RefusedError(408, "too_slow", f"expected the whole body within {seconds:g} s", close=True)


def parse(body: bytes) -> dict[str, Any]:
    """Read a body as a JSON object.

    Raises
    ------
    RefusedError
        It is none (400). NaN and Infinity are no JSON.
    """
    try:
        found = _DECODE(body.decode("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if type(found) is not dict:
        raise RefusedError(400, "bad_json", "expected one JSON object in UTF-8 (numbers finite, nesting shallow)")
    return found


def several(payload: Mapping[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    """Return the objects of a list.

    Raises
    ------
    RefusedError
        There is no such list, it is empty or too long, or holds something else (422).
    """
    found = payload.get(name)
    if type(found) is not list or not 0 < len(found) <= most or not all(type(one) is dict for one in found):
        raise RefusedError(422, "bad_list", f"expected {name!r}: a list of 1 to {most} objects")
    return found


def seconds_text(wait: float) -> bytes:
    """Give a wait as the header ``retry-after`` writes it: whole seconds, at least one."""
    return b"%d" % max(1, math.ceil(wait))
