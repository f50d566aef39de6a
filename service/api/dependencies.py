"""What routes receive: a verified principal, a checked body, the opened parts of the service."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from service.api.bulkhead import Bulkhead
from service.api.depth import is_too_deep
from service.container import Container
from service.domain.identity import Principal, TokenClaims
from service.errors import (
    BodyTooLarge,
    MalformedRequest,
    NotAllowed,
    NotAuthenticated,
    Restoring,
    WrongMediaType,
)
from service.ports.limits import Standing
from service.security.strict import no_constant

MAX_CHAT_BODY = 64 * 1024
BODY_SECONDS = 10.0
"""A body of events is read before anybody knows whose it is: who sends a byte an hour must not hold a connection."""
_CLAIMS, _STANDING = "service.claims", "service.standing"
M = TypeVar("M", bound=BaseModel)


# Each takes the request alone: FastAPI walks through what a dependency depends on again for each that names it.


async def container(request: Request) -> Container:
    opened: Container = request.state.container
    return opened


Opened = Annotated[Container, Depends(container)]


def bearer(request: Request) -> str:
    """Bearer only. Cookies are never read, so there is nothing for a foreign site to ride on."""
    headers = request.headers.getlist("authorization")
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        raise NotAuthenticated
    return token.strip()


async def claims(request: Request) -> TokenClaims:
    """What the token says, judged once a request.

    Kept in the scope, which is this request's by definition; of the state a server only promises to make a copy.
    """
    known: TokenClaims | None = request.scope.get(_CLAIMS)
    if known is None:
        known = await request.state.container.tokens.verify(bearer(request))
        request.scope[_CLAIMS] = known
    return known


Claims = Annotated[TokenClaims, Depends(claims)]


async def standing(request: Request) -> Standing:
    """Read before the login is confirmed: it also drops remembered logins that PazPaz says have changed.

    The same for the whole request. A restored database may still hold what was erased since: nobody is answered from
    it before it was mended.
    """
    known: Standing | None = request.scope.get(_STANDING)
    if known is None:
        whose, opened = await claims(request), await container(request)
        if await opened.restoration.recent():
            raise Restoring
        known = await opened.standings.of(whose.workspace)
        request.scope[_STANDING] = known
    return known


Held = Annotated[Standing, Depends(standing)]


async def principal(request: Request) -> Principal:
    """A live login whose role may use the assistant. From here on a refusal is somebody's, and is recorded."""
    whose, held, opened = await claims(request), await standing(request), await container(request)
    try:
        confirmed = await opened.principals.confirm(whose)
    except NotAllowed:  # PazPaz knows them, by just these claims, and says no
        request.state.caller = whose
        raise
    request.state.caller = confirmed
    if confirmed.role not in held.allowed_roles:
        raise NotAllowed
    return confirmed


Caller = Annotated[Principal, Depends(principal)]


async def places(request: Request) -> Bulkhead:
    bulkhead: Bulkhead = request.state.bulkhead
    return bulkhead


Places = Annotated[Bulkhead, Depends(places)]


def body(kind: type[M]) -> Callable[..., Awaitable[M]]:
    """Reads and checks a JSON body, but only for a caller whose token held: refuse cheaply first."""

    async def read(request: Request) -> M:
        await claims(request)
        return await read_json(kind, request)

    return read


async def read_json(kind: type[M], request: Request) -> M:
    """The body of a caller who was let in: JSON, of bounded size, of this shape."""
    require_json(request)
    return parse(kind, await read_capped(request, MAX_CHAT_BODY))


def require_json(request: Request) -> None:
    """Raises WrongMediaType."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise WrongMediaType


async def read_capped(request: Request, limit: int) -> bytes:
    """The raw body; raises BodyTooLarge before more than `limit` bytes were kept, MalformedRequest where its rest does
    not come.
    """
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise BodyTooLarge
                parts.append(part)
    except (ClientDisconnect, TimeoutError):  # half a request is none, and no failure of ours
        raise MalformedRequest from None
    return b"".join(parts)


def parse(kind: type[M], raw: bytes) -> M:
    """Raises MalformedRequest, without a word of what was sent."""
    if is_too_deep(raw):
        raise MalformedRequest
    try:
        return kind.model_validate(json.loads(raw.decode(), parse_constant=no_constant))
    except (ValidationError, ValueError, RecursionError):
        raise MalformedRequest from None
