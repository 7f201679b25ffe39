"""Killed at any point, a service has every card that it answered in history, once."""

import asyncio
import json
import random
import signal

import pytest

from examples.intake_service.load import request
from tests.examples.serving import card, history

CLIENTS = 4


async def client(number, port, point, names, acknowledged):
    """Send cards one after the other until the service is gone."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return
    try:
        for i in range(100_000):
            name = f"k{point}-{number}-{i}"
            names.append(name)
            writer.write(request("/score", card(name)))
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            told = json.loads(await reader.readexactly(size))
            assert head.startswith(b"HTTP/1.1 200")
            if told["degraded"] is None:
                acknowledged.append(told["submission_id"])
    except (OSError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def run(service, point, after, sent, acknowledged):
    clients = [asyncio.create_task(client(i, service.port, point, sent, acknowledged)) for i in range(CLIENTS)]
    began = len(acknowledged)
    while len(acknowledged) < began + 5:  # under load, at last
        await asyncio.sleep(0.001)
    await asyncio.sleep(after)
    service.kill(signal.SIGKILL)
    await asyncio.gather(*clients)


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.db?timeout=10"
    return request.getfixturevalue("redis_server").url + f"?prefix=kill{tmp_path.name}&timeout=10"


@pytest.mark.timeout(3_600)
def test_every_acknowledged_card_is_in_history_once(zygote, store, full_or):
    draw, sent, acknowledged = random.Random(5), [], []
    for point in range(full_or(200, 3)):
        service = zygote.start(store=store)
        asyncio.run(run(service, point, draw.random() * 0.2, sent, acknowledged))
        service.gone()
        service.close()
    found, _ = history(store)
    assert len(acknowledged) == len(set(acknowledged)) > 0
    assert set(acknowledged) <= set(found) <= set(sent)
    assert all(number == 1 for number in found.values())
    service = zygote.start(store=store)
    lost = [name for name in sent if name not in set(acknowledged)]
    for name in [*lost, *acknowledged[-20:]]:  # the retry of a card whose answer was lost
        assert service.post("/score", card(name)).json()["degraded"] is None
    found, _ = history(store)
    assert found == dict.fromkeys(sent, 1)
    service.close()
