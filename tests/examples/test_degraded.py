"""With the store or the model down every card is held, marked, at once; and all is well again by itself."""

import shutil
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
