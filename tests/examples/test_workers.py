"""Several workers over one store count every card once, share a limit, and a request to any of them shows all."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from examples.intake_service import worker as one_worker
from examples.intake_service.settings import Settings
from tests.examples.serving import ROOT, Service, card, environment, free_port, history

pytestmark = pytest.mark.timeout(600)  # a worker of its own may have to compile anew


def children(pid):
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def two(tiny, tmp_path_factory):
    """The service as it is meant to be run, with two workers."""
    folder, port = tmp_path_factory.mktemp("workers"), free_port()
    store = f"sqlite:///{folder}/history.db?timeout=10"
    settings = {"store": store, "callers": "open", "model": tiny.bundle, "port": port, "workers": 2, "log": "info"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "examples.intake_service"],
            cwd=ROOT,
            env=environment(**settings),
            stderr=log,
            start_new_session=True,
        )
    service = Service(process.pid, port, folder / "log")
    service.store = store
    service.wait()
    wait_for(lambda: service.metrics()["cardrisk_service_workers"] == 2)
    yield service
    service.http.close()
    process.terminate()
    assert process.wait(60) == 0
    lines = (folder / "log").read_text()
    assert lines.count('"event": "stopped"') >= 2


def wait_for(holds, seconds=250):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_cards_sent_to_all_workers_at_once_count_once(two):
    """The same cards over eight connections, each card three times: one answer each, one entry each."""
    names = [f"w{i % 60}" for i in range(180)]
    with httpx.Client(base_url=two.url, timeout=60) as client, ThreadPoolExecutor(8) as pool:
        before = two.metrics()
        answers = list(pool.map(lambda name: client.post("/score", json=card(name)).json(), names))
    after = two.metrics()
    by_name = {}
    for answer in answers:
        assert by_name.setdefault(answer["submission_id"], answer) == answer
    found, _ = history(two.store)
    assert {name: found[name] for name in names} == dict.fromkeys(names, 1)
    assert counted(after, "cardrisk_scores_total{") - counted(before, "cardrisk_scores_total{") <= 180
    name = 'cardrisk_service_requests_total{operation="score",status="200"}'
    assert after[name] - before.get(name, 0) == 180


def counted(metrics, start):
    return sum(value for name, value in metrics.items() if name.startswith(start))


def test_a_killed_worker_is_replaced_and_its_counts_stay(two):
    before = two.metrics()
    workers = [pid for pid in children(two.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)

    def whole():
        try:
            return two.metrics()["cardrisk_service_workers"] == 2
        except httpx.HTTPError:
            return False

    wait_for(lambda: not Path(f"/proc/{workers[0]}").exists() or workers[0] not in children(two.pid))
    wait_for(whole)
    after = two.metrics()
    assert all(after[name] >= value for name, value in before.items() if name.endswith("total"))
    assert two.post("/score", card("after")).status_code == 200


def test_workers_share_a_callers_limit(zygote, callers, tmp_path):
    path, keys = callers
    given = {"store": f"sqlite:///{tmp_path}/h.db?timeout=10", "callers": path, "shared": tmp_path / "shared"}
    workers = [zygote.start(keys, **given, rate=0.01, burst=12) for _ in range(2)]
    answers = [worker.post("/check", {"card_no": "1"}, "submitter") for worker in workers * 10]
    codes = [answer.status_code for answer in answers]
    assert codes == [200] * 12 + [429] * 8
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert workers[0].post("/check", {"card_no": "1"}, "reviewer").status_code == 200
    assert workers[1].metrics()["cardrisk_service_workers"] == 2
    together = {"cards": [card(f"l{i}") for i in range(12)]}
    assert workers[0].post("/scores", together, "reviewer").status_code == 429  # a card each, and one is used
    for worker in workers:
        worker.close()


def test_a_mistake_in_the_settings_stops_the_start():
    done = subprocess.run(
        [sys.executable, "-m", "examples.intake_service"],
        cwd=ROOT,
        env=environment(port="http"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "CARDRISK_SERVICE_PORT: expected a whole number from 1 to 65535"


def test_callers_that_cannot_be_read_stop_the_start(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "examples.intake_service"],
        cwd=ROOT,
        env=environment(store="memory://", callers=str(tmp_path / "none")),
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["callers: expected a readable file, got FileNotFoundError"]


def test_told_to_stop_it_answers_what_it_took(zygote, tmp_path):
    store = f"sqlite:///{tmp_path}/h.db?timeout=10"
    service = zygote.start(store=store)
    names = [f"d{i}" for i in range(200)]

    def send(name):
        try:
            return name, httpx.post(f"{service.url}/score", json=card(name), timeout=60).status_code
        except httpx.HTTPError:
            return name, None

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(send, names)
        time.sleep(0.2)
        service.kill(signal.SIGTERM)
        codes = dict(answers)
    assert set(codes.values()) <= {200, None}
    found, _ = history(store)
    assert {name for name, code in codes.items() if code == 200} <= set(found)
    assert all(number == 1 for number in found.values())


def test_a_worker_lets_go_of_what_is_old_where_it_is_told_to(tmp_path, monkeypatch):
    monkeypatch.setenv("CARDRISK_KEY", secrets.token_urlsafe(32))
    monkeypatch.setattr(one_worker, "PULSE", 0.01)
    monkeypatch.setattr(one_worker, "TRIMMED", 1)
    monkeypatch.setattr(one_worker.gc, "set_threshold", lambda *_: None)  # other tests run in this process
    given = {"STORE": f"sqlite:///{tmp_path / 'h.db'}?timeout=5", "CALLERS": "open", "SHARED": str(tmp_path / "shared")}
    given |= {"CLOCK": "given", "KEEP_DAYS": "90"}
    named = {f"CARDRISK_SERVICE_{name}": value for name, value in given.items()} | {"CARDRISK_KEY": "k" * 32}
    one = one_worker.Worker(Settings.read(named))
    for name, month in (("old", 1), ("young", 6)):
        card = {"submission_id": name, "submitted_at": datetime(2026, month, 1, tzinfo=UTC), "submitter_id": "u"}
        assert one.scorer.score(card).degraded is None

    async def watched():
        watch = asyncio.create_task(one.watch())
        while one.scorer.metrics.value("trimmed") == 0:
            await asyncio.sleep(0.02)
        watch.cancel()

    asyncio.run(asyncio.wait_for(watched(), 60))
    assert one.scorer.record("old") is None
    assert one.scorer.record("young") is not None
    one.close()
