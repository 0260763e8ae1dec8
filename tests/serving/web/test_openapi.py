"""Whatever the gateway's own description allows, and much that it does not, is sent.

Schemathesis makes the calls: no failure of the gateway, no status, type or body that
the description does not have.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.leaks import no_leak

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ROUTES = {
    "POST /captions",
    "GET /jobs/{job_id}",
    "GET /jobs/{job_id}/result",
    "DELETE /jobs/{job_id}",
    "GET /models",
}


def test_described_calls_are_answered_as_described(site):
    assert send_all(site, 4) == ROUTES


@pytest.mark.slow
def test_many_described_calls_are_answered_as_described(site):
    send_all(site, 20)
    with no_leak():
        send_all(site, 300)


def send_all(site, examples: int) -> set[str]:
    """Sends so many calls of each route, and returns the routes."""
    schema = schemathesis.openapi.from_url(f"{site.gateway.url}openapi.json")
    routes = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        routes.add(operation.label)

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(case=operation.as_strategy())
        def send(case) -> None:
            answer = case.call(timeout=120)
            case.validate_response(answer, checks=CHECKS)
            assert "Traceback" not in answer.text

        send()
    return routes
