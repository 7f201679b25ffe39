"""What the service leaves behind: answers in every scope, errors, metrics, log lines, its store and shared files."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.canary import Planted, surface


@surface("a service, its answers and its files")
def service(planted: Planted) -> Iterator[Any]:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    from examples.intake_service.callers import SCOPES, add
    from tests.examples.serving import Zygote

    for client in ("httpx", "httpcore"):
        logging.getLogger(client).setLevel(logging.WARNING)  # what the test itself sends is no leak
    keys = {scope: add(scope, scope, planted.tmp / "callers") for scope in SCOPES}
    zygote = Zygote("", planted.tmp)
    try:
        settings = {"callers": planted.tmp / "callers", "log": "debug", "reasons": "all", "clock": "given"}
        running = zygote.start(keys, store=f"sqlite:///{planted.tmp}/history.db?timeout=10", **settings)
        for scope in ("reviewer", "submitter"):
            yield scope, "".join(answers(running, planted, scope))
        yield "errors", "".join(errors(running, planted))
        yield "metrics", running.http.get("/metrics").text
        yield "page", running.http.get("/openapi.json").text
    finally:
        zygote.close()
    yield "files", planted.tmp


def answers(running: Any, planted: Planted, scope: str) -> Iterator[str]:
    cards = [{k: str(v) if k == "submitted_at" else v for k, v in card.items()} for card in planted.cards[:60]]
    cards = [{**card, "submission_id": f"{scope}-{card['submission_id']}"} for card in cards]
    for card in cards[:30]:
        yield running.post("/score", card, scope).text
        yield running.post("/check", {**card, "card_no": card["card_no"][:-1]}, scope).text
    yield running.post("/scores", {"cards": cards[30:]}, scope).text


def errors(running: Any, planted: Planted) -> Iterator[str]:
    for card in planted.cards[60:80]:
        number, secret = card["card_no"], card["card_secret"]
        for body in ({number: secret}, {"cards": [number]}, {"cards": {number: secret}}, {"submitter_id": [number]}):
            for path in ("/score", "/scores", "/answers", "/check", "/forget"):
                yield running.post(path, body).text
        yield running.post("/score", {"submission_id": "e", "submitter_id": "u", "submitted_at": f"at {number}"}).text
        yield running.post("/score", {"submission_id": "e", "submitter_id": "u", "face_value": [secret]}).text
        yield running.post(
            "/answers", {"answers": [{"submission_id": "e", "answered_at": f"at {number}", "status": secret}]}
        ).text
        yield running.http.get(f"/{number}").text
        yield running.http.post("/score", content=f'{{"card_no":"{number}"', headers={"x-api-key": secret}).text
        yield running.http.post("/score", content=number, headers={"content-type": number}).text
