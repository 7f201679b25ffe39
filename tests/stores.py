"""Stores for every test: a Redis server of the tests' own, and the three stores by URL."""

import shutil
import socket
import subprocess
import time
import uuid
from contextlib import contextmanager

import pytest


@contextmanager
def serving(folder, port=None):
    """A Redis server of our own on ``port`` (any free one unless given); yields its process and its port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    pytest.importorskip("redis")
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield server, port
    finally:
        server.kill()
        server.wait(10)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("redis")) as (_, port):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path}/history.db?timeout=60"


@pytest.fixture
def redis_url(redis_server):
    return f"{redis_server}?prefix={uuid.uuid4().hex}&timeout=30"


@pytest.fixture(params=["memory", "sqlite", "redis"])
def url(request):
    return "memory://" if request.param == "memory" else request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "redis"])
def durable(request):
    """URL of a store that outlives its process."""
    return request.getfixturevalue(f"{request.param}_url")
