"""What surrounds every request: CSRF, the idle rule, headers, and errors with a request id.

Plain ASGI, because an answer that is streamed must pass through unbuffered.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from redis.exceptions import RedisError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo_monolith import tokens
from demo_monolith.auth import ACCESS_COOKIE, CSRF_COOKIE, DEMO_USERS_PATH, LOGIN_PATH
from demo_monolith.sign_ins import SignIns

UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def csrf_refusal(method: str, path: str, *, cookie: str | None, header: str | None) -> str | None:
    """Why a request is refused by the double submit rule, or None when it may pass."""
    if method not in UNSAFE_METHODS or not path.startswith("/api/") or path == LOGIN_PATH:
        return None
    if not cookie or not header:
        return "The CSRF token is missing: the cookie and the header are both needed."
    if not secrets.compare_digest(cookie.encode(), header.encode()):
        return "The CSRF token does not match."
    return None


def cookies_of(headers: Headers) -> Mapping[str, str]:
    """The cookies of a request; a malformed header counts as none."""
    try:
        return {name: m.value for name, m in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


class CsrfGuard:
    """Refuses unsafe calls below /api whose header does not repeat the CSRF cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 403."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = csrf_refusal(
            scope["method"],
            scope["path"],
            cookie=cookies_of(headers).get(CSRF_COOKIE),
            header=headers.get("x-csrf-token"),
        )
        if refusal:
            return await _problem(403, refusal)(scope, receive, send)
        return await self._app(scope, receive, send)


class IdleRule:
    """Ends a sign-in that did nothing for too long, and notes each thing that worked.

    Redis away means nobody is found idle, as in PazPaz; revocation is another question.
    """

    def __init__(self, app: ASGIApp, *, sign_ins: SignIns, secret_key: str) -> None:
        self._app = app
        self._sign_ins = sign_ins
        self._secret_key = secret_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge idleness first; a 2xx then counts as activity."""
        sign_in = self._sign_in(scope)
        if sign_in is None:
            return await self._app(scope, receive, send)
        idle = await self._idle_for(sign_in)
        if idle is not None:
            return await _idle_answer(idle)(scope, receive, send)

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start" and 200 <= message["status"] < 300:
                await self._note(sign_in)
            await send(message)

        return await self._app(scope, receive, send_and_note)

    def _sign_in(self, scope: Scope) -> tokens.SignIn | None:
        # Signing in again must work with a cookie that went idle.
        if scope["type"] != "http" or scope["path"] in (LOGIN_PATH, DEMO_USERS_PATH):
            return None
        token = cookies_of(Headers(scope=scope)).get(ACCESS_COOKIE)
        if not token or not scope["path"].startswith("/api/"):
            return None
        try:
            return tokens.read(token, secret_key=self._secret_key)
        except tokens.TokenRefused:
            return None  # get_current_user explains it.

    async def _idle_for(self, sign_in: tokens.SignIn) -> timedelta | None:
        try:
            deadline = await self._sign_ins.idle_deadline(sign_in.user_id, sign_in.jti)
        except (RedisError, ValueError):
            return None
        return self._sign_ins.idle_for(deadline)

    async def _note(self, sign_in: tokens.SignIn) -> None:
        try:
            await self._sign_ins.touch(sign_in.user_id, sign_in.jti)
        except RedisError:
            return


class AnswerHeaders:
    """A request id and the page's security headers on every answer that has none yet."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in PAGE_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("X-Request-ID", request_id)
                # The page may be kept and asked about; what is said on it may not be kept.
                is_page = scope["path"].startswith("/page/")
                headers.setdefault("Cache-Control", "no-cache" if is_page else "no-store")
            await send(message)

        return await self._app(scope, receive, send_with_headers)


def add_error_handlers(app: FastAPI) -> None:
    """Errors carry `detail` and `request_id`, as PazPaz's do."""

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, exc: HTTPException) -> Response:
        return JSONResponse(
            {"detail": exc.detail, "request_id": request.state.request_id},
            status_code=exc.status_code,
            headers=exc.headers,
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, exc: RequestValidationError) -> Response:
        # Without `input`: what was typed may be about a patient.
        problems = [{name: e[name] for name in ("type", "loc", "msg")} for e in exc.errors()]
        return JSONResponse(
            {"detail": problems, "request_id": request.state.request_id}, status_code=422
        )


def _problem(status: int, detail: str, **more: object) -> Response:
    body = json.dumps({"detail": detail, **more})
    return Response(body, status_code=status, media_type="application/json")


def _idle_answer(idle: timedelta) -> Response:
    return _problem(
        401,
        "You were signed out because nothing happened for a while.",
        error_code="SESSION_IDLE_TIMEOUT",
        idle_seconds=int(idle.total_seconds()),
    )
