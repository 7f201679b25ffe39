"""A small model, a process that starts services, callers, and a Redis server."""

import shutil

import pytest

from tests.examples.serving import RedisServer, Zygote

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")


@pytest.fixture(scope="session")
def zygote(tiny, tmp_path_factory):
    made = Zygote(tiny.bundle, tmp_path_factory.mktemp("services"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def callers(tmp_path_factory):
    """File of callers, and their keys by scope."""
    from examples.intake_service.callers import SCOPES, add

    path = tmp_path_factory.mktemp("callers") / "callers.txt"
    return path, {scope: add(f"test-{scope}", scope, path) for scope in SCOPES}


@pytest.fixture(scope="session")
def redis_program():
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    pytest.importorskip("redis")
    return program


@pytest.fixture(scope="module")
def redis_server(redis_program, tmp_path_factory):
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def service(zygote, callers, tmp_path_factory):
    """A service over SQLite; every scope has a key."""
    path, keys = callers
    store = f"sqlite:///{tmp_path_factory.mktemp('store')}/history.db?timeout=10"
    made = zygote.start(keys, store=store, callers=path, log="info", reasons="all", read_seconds=1)
    made.store = store
    yield made
    made.close()
