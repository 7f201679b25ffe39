"""With the store or the model down every card is held, marked, at once; and all is well again by itself."""

import shutil
import sqlite3
import time
from pathlib import Path

from tests.examples.serving import card, history


def until(service, status, seconds=60):
    end = time.monotonic() + seconds
    while service.http.get("/health").status_code != status:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_redis_dies_and_comes_back(zygote, redis_server):
    store = f"{redis_server.url}?prefix=down&timeout=1"
    service = zygote.start(store=store)
    for i in range(10):
        assert service.post("/score", card(f"before-{i}")).json()["degraded"] is None
    redis_server.kill()
    for i in range(5):
        answer = service.post("/score", card(f"down-{i}"))
        told = answer.json()
        assert answer.status_code == 200
        assert answer.headers["retry-after"] == "1"
        assert (told["decision"], told["degraded"], told["p_fail"]) == ("hold", "store", None)
    refused = service.post(
        "/answers",
        {"answers": [{"submission_id": "before-1", "answered_at": "2026-01-05T09:00:00Z", "status": "failed"}]},
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_down")
    until(service, 503)
    assert service.http.get("/health/live").status_code == 200
    assert service.metrics()["cardrisk_service_ready"] == 0
    assert service.metrics()['cardrisk_degraded_total{reason="store"}'] == 5
    redis_server.start()
    until(service, 200)
    end = time.monotonic() + 30
    while service.post("/score", card("down-0")).json()["degraded"] is not None:
        assert time.monotonic() < end
        time.sleep(0.1)
    found, _ = history(store)
    assert found == dict.fromkeys([*(f"before-{i}" for i in range(10)), "down-0"], 1)
    service.close()


def test_a_store_that_can_be_read_but_not_written_is_not_healthy(zygote, tmp_path):
    store = f"sqlite:///{tmp_path}/h.db?timeout=0.05"
    service = zygote.start(store=store)
    assert service.post("/score", card("before")).json()["degraded"] is None
    other = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nobody else writes; everybody reads
    assert history(store)[0] == {"before": 1}
    end = time.monotonic() + 60
    while True:  # a failure is remembered for some seconds only: whoever looks late must hand in another card
        told = service.post("/score", card("down")).json()
        assert (told["decision"], told["degraded"], told["p_fail"]) == ("hold", "store", None)
        health = service.http.get("/health")
        if health.status_code == 503:
            break
        assert time.monotonic() < end
        time.sleep(0.1)
    assert (health.json()["degraded"], health.json()["ready"], health.json()["live"]) == ("store", False, True)
    assert service.http.get("/health/live").status_code == 200
    assert service.metrics()["cardrisk_service_ready"] == 0
    other.execute("ROLLBACK")
    other.close()
    while (told := service.post("/score", card("down")).json())["degraded"] is not None:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert told["p_fail"] is not None
    until(service, 200)
    assert service.http.get("/health").json()["degraded"] is None
    assert history(store)[0] == {"before": 1, "down": 1}
    service.close()


def test_a_model_that_is_missing_is_waited_for(zygote, tiny, tmp_path):
    service = zygote.start(store=f"sqlite:///{tmp_path}/h.db?timeout=10", model=tmp_path / "bundle")
    told = service.post("/score", card("early")).json()
    assert (told["decision"], told["degraded"], told["model_version"]) == ("hold", "bundle", "")
    health = service.http.get("/health")
    assert (health.status_code, health.json()["degraded"]) == (503, "bundle")
    assert service.post("/forget", {"submitter_id": "u1"}).status_code == 503
    shutil.copytree(tiny.bundle, tmp_path / "moved")
    (tmp_path / "moved").rename(tmp_path / "bundle")
    until(service, 200)
    told = service.post("/score", card("early")).json()
    assert (told["degraded"], told["rule"]) == (None, None)
    assert told["p_fail"] is not None
    service.close()


def test_a_strict_start_refuses(zygote, tmp_path):
    service = zygote.start(store=f"sqlite:///{tmp_path}/no/such/folder/h.db", start="strict", wait=False)
    end = time.monotonic() + 60
    while "usable history store" not in Path(service.log).read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
    service.close()
