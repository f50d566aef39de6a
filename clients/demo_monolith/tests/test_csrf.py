"""The double submit rule."""

import pytest

from demo_monolith.auth import LOGIN_PATH
from demo_monolith.middleware import csrf_refusal

SESSIONS = "/api/v1/sessions"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_change_needs_the_cookie_repeated_in_the_header(method: str):
    """Both, and equal."""
    assert csrf_refusal(method, SESSIONS, cookie="a", header="a") is None
    assert csrf_refusal(method, SESSIONS, cookie="a", header="b")
    assert csrf_refusal(method, SESSIONS, cookie="a", header=None)
    assert csrf_refusal(method, SESSIONS, cookie=None, header="a")
    assert csrf_refusal(method, SESSIONS, cookie="", header="")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SESSIONS),
        ("POST", LOGIN_PATH),
        ("POST", "/internal/ai/v1/workspaces"),
        ("POST", "/demo-admin/import"),
    ],
)
def test_reading_signing_in_and_calls_without_a_cookie_are_free(method: str, path: str):
    """They change nothing for a signed-in person, or carry their own proof."""
    assert csrf_refusal(method, path, cookie=None, header=None) is None
