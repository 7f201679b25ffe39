"""Put load on a service of one's own: bounded in count and time, and to the loopback only.

Run: ``python -m examples.intake_service.load --port 8080 --requests 20000 --connections 16 [--key-file FILE]``. Prints
requests a second, latencies, what was answered, and the processor time that the load itself took. Every card is new,
made up, and says so.
"""

import argparse
import asyncio
import ipaddress
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

MOST_REQUESTS = 1_000_000
MOST_SECONDS = 660.0
MOST_CONNECTIONS = 512
_KINDS = {"jd_ecard": (16, 16), "china_telecom": (19, 18), "junnet": (16, 16), "qq": (9, 12)}


class NotLoopbackError(ValueError):
    """A host that is not this one."""


def loopback(host: str, port: int) -> str:
    """Return the address of a host whose every address is this machine's own.

    Raises
    ------
    NotLoopbackError
        It has another one.
    """
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        found = set()
    if not found or not all(ipaddress.ip_address(address).is_loopback for address in found):
        raise NotLoopbackError("expected a loopback address: load is for a service of one's own, on the same machine")
    return sorted(found)[0]


def cards(count: int, seed: int = 0, run: str | None = None) -> list[dict[str, Any]]:
    """Made-up cards: submitters and suppliers that come back, codes of the right shape."""
    draw = random.Random(seed)
    name = run or f"load-{time.time_ns():x}-{seed}"
    now = datetime.now(UTC).isoformat()
    return [_card(draw, f"{name}-{i}", now) for i in range(count)]


def _card(draw: random.Random, name: str, now: str) -> dict[str, Any]:
    kind = draw.choice(list(_KINDS))
    number, secret = ("".join(draw.choices("0123456789", k=size)) for size in _KINDS[kind])
    face = draw.choice((10, 20, 50, 100, 200))
    return {
        "submission_id": name,
        "submitted_at": now,
        "channel": draw.choice(("ecommerce", "vertical", "offline")),
        "card_kind": kind,
        "submitter_id": f"user-{draw.randrange(3_000)}",
        "supplier_id": f"supplier-{draw.randrange(60)}",
        "client_ip": f"198.51.100.{draw.randrange(250)}",
        "device_id": f"device-{draw.randrange(2_000)}",
        "entry_method": draw.choice(("typed", "pasted", "photo")),
        "face_value": face,
        "asking_price": round(face * draw.uniform(0.8, 0.97), 2),
        "card_no": number,
        "card_secret": secret,
    }


def request(path: str, payload: Any, key: str = "") -> bytes:
    """Return a request as it goes over the wire."""
    body = json.dumps(payload).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    )
    return head.encode() + (f"x-api-key: {key}\r\n\r\n" if key else "\r\n").encode() + body


@dataclass
class Result:
    """What a run found.

    Attributes
    ----------
    seconds, processor
        Of the whole run; processor time of this process alone.
    latencies
        Seconds of each answered request.
    statuses
        How often each status came; ``0``: no answer.
    marked
        Answers that say they are degraded.
    """

    seconds: float = 0.0
    processor: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    marked: int = 0

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def at(self, share: float) -> float:
        """Return the latency in milliseconds below which ``share`` of the requests stayed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3 if ordered else float("nan")

    def __str__(self) -> str:
        errors = sum(number for status, number in self.statuses.items() if status != 200)
        share = self.processor / self.seconds if self.seconds else 0.0
        return (
            f"{self.rate:,.0f} requests/s, p50 {self.at(0.5):.2f} ms, p99 {self.at(0.99):.2f} ms, "
            f"{len(self.latencies):,} answered, {errors} errors {dict(self.statuses)}, {self.marked} degraded; "
            f"the load itself took {share:.0%} of a core"
        )


class _Connection(asyncio.Protocol):
    """One connection kept alive, one request at a time."""

    def __init__(self, run: "_Run") -> None:
        self._run, self._data = run, b""
        self._began = 0.0
        self._transport: Any = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        body = self._run.take()
        if body is None:
            self._transport.close()
            return
        wait = self._run.wait()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send, body, 0.0)
        else:
            self._send(body, wait)

    def _send(self, body: bytes, late: float) -> None:
        """Send a request; at a steady rate one that is late counts from when it was due."""
        self._busy, self._began = True, time.perf_counter() + late
        self._transport.write(body)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head = self._data.find(b"\r\n\r\n")
        if head < 0:
            return
        length = self._data.find(b"content-length: ", 0, head)
        stop = self._data.find(b"\r\n", length)
        if len(self._data) < head + 4 + int(self._data[length + 16 : stop]):
            return
        result = self._run.result
        result.latencies.append(time.perf_counter() - self._began)
        result.statuses[int(self._data[9:12])] += 1
        result.marked += b'"degraded":"' in self._data
        self._data, self._busy = b"", False
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if self._busy:
            self._run.result.statuses[0] += 1
        self._run.lost()


class _Run:
    def __init__(self, bodies: Iterable[bytes], seconds: float, rate: float) -> None:
        self._left = iter(bodies)
        self._due = time.perf_counter()
        self._until = self._due + seconds
        self._each = 1 / rate if rate else 0.0
        self.result = Result()
        self.open = 0
        self.done = asyncio.get_running_loop().create_future()

    def take(self) -> bytes | None:
        return None if time.perf_counter() > self._until else next(self._left, None)

    def wait(self) -> float:
        """Seconds until the request just taken is due; below 0 where that is past, 0 without a rate."""
        self._due += self._each
        return self._due - time.perf_counter() if self._each else 0.0

    def lost(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


async def load(
    address: str, port: int, bodies: Iterable[bytes], connections: int, seconds: float, rate: float = 0.0
) -> Result:
    """Send requests over ``connections`` at once, for ``seconds`` at most, each once the one before is answered.

    With a ``rate`` (requests a second over all connections) each also waits until it is due.
    """
    run = _Run(islice(bodies, MOST_REQUESTS), min(seconds, MOST_SECONDS), rate)
    began, spent = time.perf_counter(), time.process_time()
    loop = asyncio.get_running_loop()
    run.open = min(connections, MOST_CONNECTIONS)
    for _ in range(run.open):
        try:
            await loop.create_connection(lambda: _Connection(run), address, port)
        except OSError:
            run.result.statuses[0] += 1
            run.lost()
    await asyncio.wait_for(run.done, MOST_SECONDS)
    run.result.seconds, run.result.processor = time.perf_counter() - began, time.process_time() - spent
    return run.result


def main() -> int:
    """Read the arguments, run, print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--requests", type=int, default=2_000, help=f"at most {MOST_REQUESTS:,}")
    parser.add_argument("--seconds", type=float, default=30.0, help=f"at most {MOST_SECONDS:g}")
    parser.add_argument("--connections", type=int, default=8, help=f"at most {MOST_CONNECTIONS}")
    parser.add_argument(
        "--rate", type=float, default=0.0, help="requests a second; as fast as answers come unless given"
    )
    parser.add_argument("--together", type=int, default=1, help="cards of a request; more than 1 goes to /scores")
    parser.add_argument("--key-file", type=Path, help="file with the caller's key")
    given = parser.parse_args()
    if not 0 < given.requests <= MOST_REQUESTS or not 0 < given.seconds <= MOST_SECONDS:
        parser.error(f"expected at most {MOST_REQUESTS:,} requests and {MOST_SECONDS:g} seconds")
    try:
        address = loopback(given.host, given.port)
    except NotLoopbackError as error:
        parser.error(str(error))
    key = given.key_file.read_text().strip() if given.key_file else ""
    made = cards(given.requests * given.together)
    if given.together > 1:
        groups = [made[i : i + given.together] for i in range(0, len(made), given.together)]
        bodies = [request("/scores", {"cards": group}, key) for group in groups]
    else:
        bodies = [request("/score", card, key) for card in made]
    result = _runner()(load(address, given.port, bodies, given.connections, given.seconds, given.rate))
    print(result)
    return 0 if set(result.statuses) == {200} else 1


def _runner() -> Any:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


if __name__ == "__main__":
    sys.exit(main())
