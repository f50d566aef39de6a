"""What is done at the edge: bodies read with a cap, refusals in one shape, and a wait that was asked for."""

import json
from collections.abc import Mapping
from http import HTTPStatus

import httpx
from fastapi import Request, Response

PROBLEM = "application/problem+json"


def address(service_url: str) -> str:
    """The service's address without a slash at its end; raises ValueError for what no request could go to."""
    url = httpx.URL(service_url)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("service_url must be an address with http:// or https://")
    return service_url.rstrip("/")


class BodyTooLarge(Exception):
    """More bytes came than this route reads."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read the raw body, and stop at the first byte too many, whatever Content-Length said."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)


def problem_body(status: int, detail: str, request_id: str) -> bytes:
    """RFC 9457, with a detail that a page may show as it is."""
    members = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request_id,
    }
    return json.dumps(members, ensure_ascii=False).encode()


def problem(
    status: int, detail: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """An unsigned refusal."""
    return Response(
        problem_body(status, detail, request_id),
        status_code=status,
        media_type=PROBLEM,
        headers={"X-Request-ID": request_id, **(headers or {})},
    )


def retry_after(answer: httpx.Response) -> int | None:
    """The seconds after which to try again, where the answer names a sane number of them."""
    value = answer.headers.get("Retry-After", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else None
