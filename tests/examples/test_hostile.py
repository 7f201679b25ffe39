"""Whatever comes in, the answer is one shape, bounded, and holds nothing of it; the service lives on."""

import json
import socket

import pytest

from tests.examples.serving import card

SECRET = "QK7WZ3XN8VB5MTRE"
JSON = b'{"submission_id":"h1","submitter_id":"u","card_secret":"%s"' % SECRET.encode()
DEEP = b"[" * 8_000 + b"]" * 8_000
BODIES = {
    "empty": b"",
    "blank": b"  ",
    "cut off": JSON,
    "a list": b"[" + JSON + b"}]",
    "a text": b'"' + SECRET.encode() + b'"',
    "null": b"null",
    "not a number": JSON + b',"face_value":NaN}',
    "infinite": JSON + b',"face_value":-Infinity}',
    "deep": DEEP,
    "deep inside": JSON + b',"channel":' + DEEP + b"}",
    "deep objects": b'{"a":' * 2_500 + b"1" + b"}" * 2_500,
    "utf-16": json.dumps(card("h1", card_secret=SECRET)).encode("utf-16"),
    "broken utf-8": JSON + b',"channel":"\xff\xfe\x80"}',
    "long number": JSON + b',"face_value":' + b"9" * 10_000 + b"}",
    "nul": JSON + b',"channel":"\x00"}',
    "byte order mark": b"\xef\xbb\xbf" + JSON + b"}",
    "two": JSON + b"}" + JSON + b"}",
}
VALUES = [
    "\ud800",
    "\ud800" * 200,
    "\x00",
    "‮" + SECRET,
    1e308,
    -1e308,
    5e-324,
    10**400,
    -(2**63),
    True,
    [],
    {},
    [SECRET],
    {"a": SECRET},
    "9" * 5_000,
    " ",
    "=cmd()",
    "2026-01-05T08:00:00Z",
    "0000-00-00",
    "合计",
]


def raw(service, path, body, **headers):
    given = {"content-type": "application/json", "x-api-key": service.keys["operator"]} | headers
    return service.http.post(path, content=body, headers=given)


def judged(answer):
    assert answer.status_code < 500, answer.text
    assert SECRET not in answer.text
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert answer.status_code == 200 or set(told) == {"error", "request_id", "model_version", "version"}
    assert len(answer.content) < 10_000
    return answer.status_code


@pytest.mark.parametrize("path", ["/score", "/scores", "/answers", "/check", "/forget"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies(service, path, body):
    assert judged(raw(service, path, body)) in (200, 400, 413, 422)


@pytest.mark.parametrize(
    "column", ["submission_id", "submitted_at", "face_value", "card_no", "account_bound", "client_ip"]
)
def test_values(service, column):
    for value in VALUES:
        if column == "submission_id" and SECRET in repr(value):
            continue  # the platform's own name of a card is said again
        assert judged(raw(service, "/score", json.dumps(card("h2", **{column: value})).encode())) in (200, 400, 422)
        answer = {"submission_id": "h2", "answered_at": "2026-01-05T09:00:00Z", "status": "failed", column: value}
        assert judged(raw(service, "/answers", json.dumps({"answers": [answer]}).encode())) in (200, 400, 422)
        assert judged(raw(service, "/forget", json.dumps({"submitter_id": value}).encode())) in (200, 400, 422)
    assert service.http.get("/health").status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_other_kinds_of_content(service, kind):
    assert judged(raw(service, "/score", json.dumps(card("h3")).encode(), **{"content-type": kind})) == 415


def test_large_bodies_are_not_read(service):
    assert judged(raw(service, "/score", b"x" * 10_000_000)) == 413
    assert judged(raw(service, "/scores", b"x" * 10_000_000)) == 413
    parts = (b"x" * 65_536 for _ in range(160))
    assert judged(raw(service, "/score", parts)) == 413  # no length said beforehand
    head = f"POST /score HTTP/1.1\r\nhost: x\r\nx-api-key: {service.keys['operator']}\r\n"
    head += "content-type: application/json\r\ncontent-length: 999999999999\r\n\r\n{"
    assert talk(service, head.encode()).startswith(b"HTTP/1.1 413")


def talk(service, text, seconds=10):
    with socket.create_connection(("127.0.0.1", service.port), seconds) as wire:
        wire.sendall(text)
        found = b""
        while part := wire.recv(65_536):
            found += part
        return found


def test_slow_bodies_are_given_up(service):
    head = f"POST /score HTTP/1.1\r\nhost: x\r\nx-api-key: {service.keys['operator']}\r\n"
    head += "content-type: application/json\r\n"
    found = talk(service, f'{head}content-length: 50\r\n\r\n{{"card_secret":"{SECRET}"'.encode())
    assert found.startswith(b"HTTP/1.1 408")
    assert SECRET.encode() not in found
    found = talk(service, f"{head}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n".encode())
    assert found.startswith(b"HTTP/1.1 408")


def test_a_connection_that_is_cut_off_hurts_nobody(service):
    for text in (b"POST /score HTTP/1.1\r\ncontent-length: 9", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", service.port), 10) as wire:
            wire.sendall(text)
    assert service.post("/score", card("h4")).status_code == 200


def test_nothing_of_it_stands_in_the_log(service):
    with open(service.log) as log:
        lines = log.read()
    assert SECRET not in lines
    for line in lines.splitlines():
        assert json.loads(line)["level"] in ("info", "warning"), line
