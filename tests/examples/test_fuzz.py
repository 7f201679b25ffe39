"""Whatever the page allows, and what it does not: never an error of the service, always what the page says."""

import pytest

schemathesis = pytest.importorskip("schemathesis")

SAID = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


def ask(operation, mode, examples, key, seen):
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    checks = [CHECKS.get_one(name) for name in SAID]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case):
        answer = case.call(headers=key, timeout=250)
        seen.setdefault(operation.path, []).append(answer.status_code)
        case.validate_response(answer, checks=checks)

    one()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(3_600)
def test_no_generated_request_breaks_the_service(service, full_or):
    from hypothesis.errors import Unsatisfiable
    from schemathesis.generation import GenerationMode

    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    key = {"x-api-key": service.keys["operator"]}
    seen = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode:
            try:
                ask(operation, mode, full_or(300, 10) if operation.body else 3, key, seen)
            except Unsatisfiable:
                assert not operation.body  # nothing to get wrong
    assert set(seen) >= {"/score", "/scores", "/answers", "/check", "/forget", "/health", "/metrics"}
    assert 200 in seen["/score"]
    assert {400, 422} & {status for found in seen.values() for status in found}
    assert len(seen["/score"]) >= full_or(300, 10)
