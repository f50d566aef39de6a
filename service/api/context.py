"""What any part of a request may ask about it: its id, and which route it took."""

from collections.abc import Mapping
from typing import Any

import structlog


def request_id() -> str:
    """The id that the answer's header, every log line and every audit row of this request carry."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def route_of(scope: Mapping[str, Any]) -> str:
    """The template, never the path: a path may hold anything."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
