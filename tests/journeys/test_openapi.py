"""The OpenAPI document held against the running service: every answer is one the document tells of."""

from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from service.demo.stage import OPERATOR_TOKEN, Stage
from tests.journeys.practice import Practice

EXAMPLES = 25  # for each route and each of good and bad data


async def test_no_answer_is_undocumented(practice: Practice, running: Stage) -> None:
    """Good and bad data on every route: no 5xx, no status, header, media type or shape the document does not have."""
    client = await practice.client()
    await practice.note(client, subjective="התחילה לרוץ שוב ביום שלישי, שני קילומטרים.")
    token = practice.therapist.http.cookies.get("access_token")
    # Not in a thread, where CPython's ast may fail on what schemathesis imports; nobody else waits for this loop.
    tried = _try_everything(running.service_url, token)
    assert set(tried) == {
        ("POST", "/api/v1/ai/agent/chat"),
        ("GET", "/api/v1/ai/agent/history"),
        ("GET", "/api/v1/ai/agent/history/{conversation_id}"),
        ("GET", "/api/v1/ai/agent/history/{conversation_id}/export"),
        ("DELETE", "/api/v1/ai/agent/history"),
        ("DELETE", "/api/v1/ai/agent/history/{conversation_id}"),
        ("POST", "/api/v1/ai/agent/feedback"),
        ("POST", "/internal/v1/events"),
        ("GET", "/internal/v1/dead-letters"),
        ("POST", "/internal/v1/dead-letters/{what}"),
        ("POST", "/internal/v1/reconcile"),
        ("GET", "/internal/v1/erasures"),
        ("POST", "/internal/v1/erasures"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    }
    assert 200 in tried["POST", "/api/v1/ai/agent/chat"]
    assert 422 in tried["POST", "/api/v1/ai/agent/chat"]
    assert {202, 422} <= tried["POST", "/internal/v1/erasures"]


def _try_everything(url: str, token: str | None) -> dict[tuple[str, str], set[int]]:
    """The statuses that each route answered with; raises what the document does not allow."""
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    return {
        (found.ok().method.upper(), found.ok().path): _try(found.ok(), token)
        for found in schema.get_all_operations()
    }


def _try(operation: Any, token: str | None) -> set[int]:
    statuses: set[int] = set()
    token = OPERATOR_TOKEN if "operators" in operation.tags else token
    headers = {"Authorization": f"Bearer {token}"}
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except schemathesis.errors.InvalidSchema:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def holds(case: Any) -> None:
            response = case.call(headers=headers)
            statuses.add(response.status_code)
            excluded = _excluded(case)
            if "client_needed" in response.text:
                excluded.append(positive_data_acceptance)
            case.validate_response(response, headers=headers, excluded_checks=excluded)

        with suppress(Unsatisfiable):  # a route that takes nothing has no bad data
            holds()
    return statuses


def _excluded(case: Any) -> list[Any]:
    """What no schema can say: which strings are a cursor of ours; that a workspace is erased by its own id; that names
    we do not know are passed over; how many bytes events may have, which is judged before anybody counts them; and, as
    the answer shows, that a form needs one client, whom the question may name."""
    path, cursor = case.operation.path, "cursor" in (case.query or {})
    wordless = path in {"/internal/v1/events", "/internal/v1/erasures"}
    excluded = [positive_data_acceptance] if cursor or wordless else []
    lax = case.method != "POST" or path == "/internal/v1/events"
    return [*excluded, negative_data_rejection] if lax else excluded
