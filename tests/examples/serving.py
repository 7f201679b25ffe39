"""Services, callers and Redis servers of the tests' own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
KEY = "a key for tests alone, 0123456789 abcdefghij"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**settings):
    """Environment of a child: the tests' key and these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARDRISK_SERVICE_")}
    more = {f"CARDRISK_SERVICE_{name.upper()}": str(value) for name, value in settings.items()}
    return kept | {"CARDRISK_KEY": KEY} | more


def card(name, **more):
    now = datetime.now(UTC).isoformat()
    return {
        "submission_id": name,
        "submitted_at": now,
        "submitter_id": "u1",
        "face_value": 50,
        "channel": "offline",
    } | more


class Service:
    """A running service and a client of it."""

    def __init__(self, pid, port, log, keys=None):
        self.pid, self.port, self.log, self.keys = pid, port, log, keys or {}
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def wait(self, seconds=250):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(httpx.HTTPError):
                return self.http.get("/health")
            if "startup failed" in Path(self.log).read_text():
                break
            time.sleep(0.02)
        raise AssertionError(f"the service did not start: {Path(self.log).read_text()}")

    def post(self, path, payload, scope="operator", **more):
        headers = {"x-api-key": self.keys[scope]} if scope in self.keys else {}
        return self.http.post(path, json=payload, headers=headers, **more)

    def metrics(self):
        lines = self.http.get("/metrics").text.splitlines()
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}

    def kill(self, how=signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(self.pid, how)

    def gone(self, seconds=30):
        """Wait until nobody listens any more."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    return
            time.sleep(0.01)
        raise AssertionError("the service still listens")

    def close(self):
        self.http.close()
        self.kill()


class Zygote:
    """Starts services quickly."""

    def __init__(self, bundle, folder):
        self.folder, self.bundle = folder, bundle
        with (folder / "zygote.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.examples.zygote", str(bundle)],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.made = []

    def start(self, keys=None, wait=True, **settings):
        given = {"model": self.bundle, "callers": "open", "shared": self.folder / f"shared-{len(self.made)}"} | settings
        environ = {f"CARDRISK_SERVICE_{name.upper()}": str(value) for name, value in given.items()}
        service = self.fork(free_port(), environ, keys)
        if wait:
            service.wait()
        return service

    def fork(self, port, environ, keys=None):
        """Start a service, or a consumer where the port is 0."""
        log = self.folder / f"service-{len(self.made)}.log"
        log.touch()
        if not self.made:
            assert self.process.stdout.readline() == "ready\n", (self.folder / "zygote.log").read_text()
        self.process.stdin.write(json.dumps({"port": port, "environ": environ, "log": str(log)}) + "\n")
        self.process.stdin.flush()
        service = Service(int(self.process.stdout.readline()), port, log, keys)
        self.made.append(service)
        return service

    def close(self):
        for service in self.made:
            service.close()
        self.process.stdin.close()
        self.process.kill()
        self.process.wait(60)
        self.process.stdout.close()


class RedisServer:
    """A server that keeps what it holds across a restart."""

    def __init__(self, program, folder):
        self.port = free_port()
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._command += ["--appendonly", "yes", "--appendfsync", "always"]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(1_000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("redis-server did not start")

    def kill(self):
        self.process.kill()
        self.process.wait(10)


def history(url):
    """Return how often each card stands in the journal of a store, and how many answers."""
    from cardrisk.features.stores.base import CARD, open_store

    store = open_store(url)
    cards, answers = {}, 0
    for entry in store.since(0):
        if entry.kind == CARD:
            cards[entry.row["submission_id"]] = cards.get(entry.row["submission_id"], 0) + 1
        else:
            answers += 1
    store.close()
    return cards, answers
