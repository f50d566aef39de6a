"""Signing in by cookie, and who is asking."""

import secrets
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy.engine import Row

from demo_monolith import tokens
from demo_monolith.resources import Resources, Transaction, resources_of
from demo_monolith.tables import User, Workspace, users_with_workspace, utc_now

ACCESS_COOKIE = "access_token"
CSRF_COOKIE = "csrf_token"
LOGIN_PATH = "/api/v1/auth/demo-login"
DEMO_USERS_PATH = "/api/v1/auth/demo-users"

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@dataclass(frozen=True, slots=True)
class CurrentUser:
    """A signed-in, active person of an active practice; holds no database connection."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    email: str
    display_name: str
    role: str
    sign_in: tokens.SignIn
    token: str


class PersonOut(BaseModel):
    """A person as the page shows them."""

    id: UUID
    display_name: str
    email: str
    role: Literal["owner", "assistant"]
    workspace_id: UUID
    workspace_name: str


class DemoLogin(BaseModel):
    """Whom to sign in as."""

    user_id: UUID


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})


async def get_current_user(request: Request) -> CurrentUser:
    """The person behind the cookie; 401 or 403 otherwise.

    Opens and closes its own database session, so that a slow chat behind it keeps no connection.
    """
    token = request.cookies.get(ACCESS_COOKIE)
    if not token:
        raise _unauthorized("Please sign in.")
    resources = resources_of(request)
    sign_in = _read_token(token, resources)
    await _refuse_revoked(sign_in, resources)
    user, workspace = await _user_with_workspace(sign_in.user_id, resources)
    if workspace.status != "active":
        raise HTTPException(403, f"This practice is {workspace.status}. Please ask support.")
    return CurrentUser(
        id=user.id,
        workspace_id=user.workspace_id,
        workspace_name=workspace.name,
        email=user.email,
        display_name=user.display_name,
        role=user.role,
        sign_in=sign_in,
        token=token,
    )


def _read_token(token: str, resources: Resources) -> tokens.SignIn:
    try:
        return tokens.read(token, secret_key=resources.settings.secret_key)
    except tokens.TokenRefused:
        raise _unauthorized("This sign-in is not valid. Please sign in again.") from None


async def _refuse_revoked(sign_in: tokens.SignIn, resources: Resources) -> None:
    try:
        revoked = await resources.sign_ins.is_revoked(sign_in.jti)
    except RedisError:
        revoked = True  # As PazPaz: without the blacklist nobody is let in.
    if revoked:
        raise _unauthorized("This sign-in has ended. Please sign in again.")


async def _user_with_workspace(user_id: UUID, resources: Resources) -> tuple[User, Workspace]:
    async with resources.sessions() as db:
        rows = await db.execute(users_with_workspace().where(User.id == user_id))
        found = rows.one_or_none()
    if found is None or not found[0].is_active:
        raise _unauthorized("This account does not exist or is not active.")
    return found[0], found[1]


SignedIn = Annotated[CurrentUser, Depends(get_current_user)]


def _with_practice(row: Row[User, Workspace]) -> PersonOut:
    user, workspace = row
    return PersonOut.model_validate(
        {
            "id": user.id,
            "display_name": user.display_name,
            "email": user.email,
            "role": user.role,
            "workspace_id": user.workspace_id,
            "workspace_name": workspace.name,
        }
    )


@router.get("/demo-users")
async def demo_users(db: Transaction) -> list[PersonOut]:
    """Who can sign in: PazPaz sends a magic link instead, a demo has no mailbox."""
    rows = await db.execute(
        users_with_workspace()
        .where(User.is_active, Workspace.status == "active")
        .order_by(Workspace.name, User.display_name)
        .limit(50)
    )
    return [_with_practice(row) for row in rows]


@router.post("/demo-login")
async def demo_login(
    body: DemoLogin, request: Request, response: Response, db: Transaction
) -> PersonOut:
    """Sign in without proof. Only a demo may do this."""
    rows = await db.execute(users_with_workspace().where(User.id == body.user_id, User.is_active))
    found = rows.one_or_none()
    if found is None:
        raise _unauthorized("This account does not exist or is not active.")
    _set_cookies(response, found[0], resources_of(request))
    return _with_practice(found)


def _set_cookies(response: Response, user: User, resources: Resources) -> None:
    token = tokens.mint(
        user_id=user.id,
        workspace_id=user.workspace_id,
        email=user.email,
        secret_key=resources.settings.secret_key,
        now=utc_now(),
    )
    life = int(tokens.LIFE.total_seconds())
    # Not `Secure`: the demo speaks plain HTTP on the loopback address, as PazPaz does with DEBUG.
    response.set_cookie(ACCESS_COOKIE, token, max_age=life, httponly=True, samesite="lax")
    response.set_cookie(CSRF_COOKIE, secrets.token_urlsafe(32), max_age=life, samesite="lax")


@router.post("/logout", status_code=204)
async def logout(user: SignedIn, request: Request, response: Response) -> None:
    """End this sign-in for good."""
    await resources_of(request).sign_ins.revoke(user.sign_in)
    response.delete_cookie(ACCESS_COOKIE)
    response.delete_cookie(CSRF_COOKIE)


@router.get("/me")
async def me(user: SignedIn) -> PersonOut:
    """Who is signed in."""
    return PersonOut.model_validate({name: getattr(user, name) for name in PersonOut.model_fields})
