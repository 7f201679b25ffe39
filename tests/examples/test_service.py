"""What goes in and comes out over HTTP, in both scopes."""

import re

import pytest

from tests.examples.serving import card, history


def test_a_reviewer_gets_everything_and_a_retry_the_same(service):
    from examples.intake_service.models import Reviewed

    first = service.post("/score", card("r1"))
    again = service.post("/score", card("r1", face_value=900))
    told = Reviewed.model_validate(first.json())
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert told.submission_id == "r1"
    assert 0 < told.p_fail < 1
    assert sum(told.causes.values()) == pytest.approx(told.p_fail)
    assert told.rule is None
    assert told.degraded is None
    assert told.model_version
    assert told.version
    assert history(service.store)[0]["r1"] == 1


def test_a_submitter_gets_an_action_and_questions_only(service):
    from examples.intake_service.models import Told

    given = card("s1", card_kind="jd_ecard", card_no="1" * 17)
    answer = service.post("/score", given, "submitter").json()
    assert set(answer) == set(Told.model_fields)
    assert Told.model_validate(answer).hints
    together = service.post("/scores", {"cards": [card("s2"), card("s3")]}, "submitter").json()
    assert all(set(one) == set(Told.model_fields) for one in together["scores"])


def test_a_submitter_is_not_told_whether_a_card_was_seen(service):
    codes = {"card_kind": "jd_ecard", "card_no": "AB12CD34EF56GH78", "card_secret": "ZZ98YY76XX54WW32"}
    first = service.post("/score", card("seen-1", **codes), "submitter").json()
    for i in range(3):
        service.post("/score", card(f"seen-again-{i}", **codes), "reviewer")
    words = service.post("/score", card("seen-2", **codes), "submitter").json()
    assert words["hints"] == first["hints"] or words["action"] != first["action"]
    assert set(words) == set(first)
    assert "seen" not in str(words["hints"])


def test_strangers_and_narrow_scopes_are_turned_away(service):
    assert service.post("/score", card("x"), "nobody").status_code == 401
    assert service.http.post("/score", json=card("x"), headers={"x-api-key": "wrong"}).status_code == 401
    assert service.post("/answers", {"answers": []}, "submitter").status_code == 403
    assert service.post("/forget", {"submitter_id": "u1"}, "reviewer").status_code == 403
    assert "x" not in history(service.store)[0]


def test_cards_handed_in_together_come_back_in_order(service):
    cards = [card(f"t{i}", batch_id="b9", submitter_id=f"u{i}") for i in range(30)]
    scores = service.post("/scores", {"cards": cards}).json()["scores"]
    assert [score["submission_id"] for score in scores] == [f"t{i}" for i in range(30)]


@pytest.mark.parametrize("cards", [None, [], {}, [1], [[]], "x"])
def test_a_list_that_is_none_is_refused(service, cards):
    answer = service.post("/scores", {"cards": cards})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_list")


def test_too_many_together_are_refused(service):
    answer = service.post("/scores", {"cards": [card(f"m{i}") for i in range(1_001)]})
    assert answer.status_code == 422
    assert not [name for name in history(service.store)[0] if name.startswith("m")]


def test_a_card_that_breaks_its_contract_is_held_with_the_rule(service):
    score = service.post("/score", card("q1", face_value=-1)).json()
    assert (score["decision"], score["rule"], score["p_fail"]) == ("hold", "negative_money", None)
    assert "q1" not in history(service.store)[0]


def test_a_card_that_cannot_be_read_costs_its_neighbours_nothing(service):
    answers = [service.post("/score", card("n1", submitted_at="2026-01-05 08:00")), service.post("/score", card("n2"))]
    assert [answer.status_code for answer in answers] == [422, 200]
    assert answers[0].json()["error"]["code"] == "unreadable"


def test_names_that_mean_nothing_are_counted(service):
    assert service.post("/score", card("i1", whatever=1, 卡号=2)).json()["ignored"] == 2


def test_cards_count_from_their_arrival_whatever_they_say(service):
    late = service.post("/score", card("c1", received_at="2099-01-01T00:00:00Z")).json()
    after = service.post("/score", card("c2")).json()
    assert late["rule"] is None
    assert after["rule"] is None
    metric = service.post("/answers", {"answers": [answer("c1", "2098-01-01T00:00:00Z")]}).json()
    assert metric["refused"] == [{"position": 0, "rule": "dated_ahead", "column": "answered_at"}]


def test_a_list_with_a_time_without_a_zone_names_the_card(service):
    before = history(service.store)
    given = [card("z1"), card("z2", submitted_at="2026-01-05T09:00:00"), card("z3")]
    refused = service.post("/scores", {"cards": given})
    assert refused.status_code == 422
    assert "position 1" in refused.text
    assert "submitted_at" in refused.text
    assert history(service.store) == before


def answer(name, at, status="failed"):
    return {"submission_id": name, "answered_at": at, "status": status}


def test_answers_are_taken_in_or_named(service):
    service.post("/score", card("a1"))
    before = service.metrics().get('cardrisk_answers_total{status="failed"}', 0)
    given = [answer("a1", "2026-01-05T09:00:00Z"), answer("a1", "never"), answer("a1", None)]
    given.append(answer("a1", "2026-01-05T09:00:00"))
    told = service.post("/answers", {"answers": given}, "reviewer").json()
    assert told["accepted"] == 1
    assert [(one["position"], one["rule"]) for one in told["refused"]] == [
        (1, "unreadable_time"),
        (2, "missing_required"),
        (3, "time_without_zone"),
    ]
    assert service.metrics()['cardrisk_answers_total{status="failed"}'] == before + 1


def test_the_checker_asks_about_positions_and_keeps_nothing(service):
    before = history(service.store)
    told = service.post("/check", {"card_kind": "china_telecom", "card_no": "12345678901234567B9"}, "submitter").json()
    assert [18] in [hint["positions"] for hint in told["hints"]]
    assert history(service.store) == before


def test_a_person_is_forgotten(service):
    for i in range(3):
        service.post("/score", card(f"f{i}", submitter_id="forget-me"))
    told = service.post("/forget", {"submitter_id": "forget-me"}).json()
    assert told["removed"] == 3
    assert not [name for name in history(service.store)[0] if name in ("f0", "f1", "f2")]


def test_health_metrics_and_the_page(service):
    health = service.http.get("/health").json()
    assert health["live"]
    assert health["ready"]
    assert health["workers"] == 1
    assert service.http.get("/health/live").status_code == 200
    schema = service.http.get("/openapi.json").json()
    assert {"/score", "/scores", "/answers", "/check", "/forget", "/health", "/metrics"} <= set(schema["paths"])
    names = set(schema["components"]["schemas"])
    assert {"Card", "Cards", "Answers", "Codes", "Person", "Reviewed", "Told", "Error"} <= names
    assert schema["components"]["schemas"]["Card"]["examples"]


def test_the_written_page_tells_everything_and_asks_no_other_host(service):
    answer, schema = service.http.get("/docs"), service.http.get("/openapi.json").json()
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not any(word in answer.text for word in ("<script", "http:", "https:", "src="))
    models = schema["components"]["schemas"]
    members = {name for model in models.values() for name in model.get("properties", {})}
    links = set(re.findall(r'href="#(\w+)"', answer.text))
    assert links <= models.keys() == set(re.findall(r'id="(\w+)"', answer.text))
    assert all(f"<code>{name}</code>" in answer.text for name in members | set(schema["paths"]))


def test_the_written_page_quotes_what_it_is_told():
    from examples.intake_service.written import written

    bad = '<b>&"x"</b>'
    member = {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}], "description": bad}
    models = {bad: {"description": bad, "properties": {bad: member}, "examples": [{bad: bad}]}, "Few": {"enum": [bad]}}
    told = {"summary": bad, "responses": {"200": {"description": bad, "content": {bad: {}}}}}
    info = {"title": bad, "version": bad, "description": f"a `{bad}` b"}
    text = written({"info": info, "paths": {bad: {bad: told}}, "components": {"schemas": models}})
    assert "<b>" not in text
    assert "<code>&lt;b&gt;" in text
    assert "string or null" in text
    assert "at most 3 characters" in text


def test_the_page_names_the_columns_of_the_contract():
    from cardrisk.tables import OUTCOMES, SUBMISSIONS
    from examples.intake_service.models import Answer, Card

    assert tuple(Card.model_fields) == SUBMISSIONS.names
    assert tuple(Answer.model_fields) == OUTCOMES.names


def test_every_error_has_one_shape(service):
    from examples.intake_service.models import Error

    answers = [
        service.http.get("/nowhere"),
        service.http.get("/score"),
        service.http.post("/score", content=b"{", headers={"content-type": "application/json"}),
        service.post("/forget", {}),
    ]
    assert [answer.status_code for answer in answers] == [404, 405, 401, 422]
    for one in answers:
        assert Error.model_validate(one.json()).error.code


def test_metrics_are_prometheus_text(service):
    before = service.metrics()
    service.post("/score", card("p1"))
    after = service.metrics()
    name = 'cardrisk_service_requests_total{operation="score",status="200"}'
    assert after[name] == before.get(name, 0) + 1
    buckets = [
        value
        for key, value in after.items()
        if key.startswith('cardrisk_service_request_seconds_bucket{operation="score"')
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == after['cardrisk_service_request_seconds_count{operation="score"}']
