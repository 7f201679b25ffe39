"""A Redis server of the tests' own, and the three stores by name."""

import shutil
import socket
import subprocess
import time
import uuid

import pytest


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    pytest.importorskip("redis")
    folder = tmp_path_factory.mktemp("redis")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
            stdout=log,
            stderr=log,
        )
    try:
        _wait(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def _wait(port):
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("redis-server did not start")


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
