"""Logging in and out, for browsers: a token is given once, a cookie stands for it.

The cookie is out of reach of scripts, and no page of another site has it sent. What it
holds is kept as a hash, as tokens are.
"""

from __future__ import annotations

import contextlib
import secrets
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody

from robometrics.api.access.callers import COOKIE, SECURE_COOKIE, Caller, Shown
from robometrics.api.access.gate import Access, session_in
from robometrics.api.bodies import only_json
from robometrics.api.problems import POST_RESPONSES, RESPONSES
from robometrics.errors import NotLoggedInError
from robometrics.store import Store
from robometrics.store.sessions import Session
from robometrics.tokens import Scope, digest_of

SESSION_DAYS = 7
BODY_BYTES_MAX = 4_096
_SECRET_BYTES = 32
_MS_PER_SECOND = 1_000

AnyRequest = Request[Any, Any, Any]


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """What it takes to log in."""

    token: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=200, description="as it was shown when it was made"
        ),
    ]


class Me(msgspec.Struct, kw_only=True):
    """Who asks."""

    name: str
    """Of the token; empty where nobody has to log in."""

    scope: Scope
    login: Literal["required", "off"]
    """Whether everybody has to log in."""

    expires_ms: float | None
    """When that ends; ``null``: not by itself."""


class WaysIn(msgspec.Struct):
    """How one may log in here."""

    token: bool = True
    provider: bool = False
    """By OpenID Connect, at ``/api/v1/oidc/login``."""


class LoginController(Controller):
    """Sessions of browsers."""

    path = "/api/v1"
    tags = ("login",)
    request_max_body_size = BODY_BYTES_MAX

    @get("/me", responses=RESPONSES)
    async def me(self, request: AnyRequest, access: NamedDependency[Access]) -> Me:
        """Return who asks, and what they may do."""
        return _me(request.user, access)

    @get("/login", responses=RESPONSES)
    async def ways_in(self, access: NamedDependency[Access]) -> WaysIn:
        """Return how one may log in."""
        return WaysIn(provider=access.provider is not None)

    @post("/login", status_code=200, responses=POST_RESPONSES, before_request=only_json)
    async def login(
        self,
        request: AnyRequest,
        data: JSONBody[Login],
        access: NamedDependency[Access],
        store: NamedDependency[Store],
    ) -> Response[Me]:
        """Begin a session, by a token that stays where it is kept."""
        token = data.token.strip()
        caller = await access.identify(Shown(token, is_session=False), request.scope)
        expires_at = in_days(SESSION_DAYS)
        if caller.expires_at is not None:
            expires_at = min(expires_at, caller.expires_at)
        session = Session(token_digest=digest_of(token), expires_at=expires_at)
        cookie = await begin_session(request, access, store, session)
        await access.note(request.scope, "login", caller=caller)
        me = _me(msgspec.structs.replace(caller, expires_at=expires_at), access)
        return Response(me, cookies=[cookie])

    @post(
        "/logout", status_code=204, responses=POST_RESPONSES, before_request=only_json
    )
    async def logout(
        self,
        request: AnyRequest,
        access: NamedDependency[Access],
        store: NamedDependency[Store],
    ) -> Response[None]:
        """End the session of this browser, here and on every other server."""
        session = Shown(session_in(request), is_session=True)
        with contextlib.suppress(NotLoggedInError):  # it had ended before
            caller = await access.callers.identify(session)
            await access.note(request.scope, "logout", caller=caller)
        await _end(request, access, store)
        return Response(None, cookies=[_cookie(request, "", 0)])


def in_days(days: float) -> datetime:
    """Return when a session ends that begins now; in whole seconds, as it is kept."""
    return datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=days)


async def begin_session(
    request: AnyRequest, access: Access, store: Store, session: Session
) -> Cookie:
    """Keep *session* in place of the one before; return the cookie that stands for it.

    Raises:
        RetryLaterError: The database is away.
    """
    await _end(request, access, store)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    await store.sessions.begin(digest_of(secret), session)
    left = session.expires_at - datetime.now(timezone.utc)
    return _cookie(request, secret, int(left.total_seconds()))


async def _end(request: AnyRequest, access: Access, store: Store) -> None:
    """End the session that the browser shows, if there is one."""
    if secret := session_in(request):
        access.callers.forget(digest_of(secret))
        await store.sessions.end(digest_of(secret))


def _me(caller: Caller, access: Access) -> Me:
    at = caller.expires_at
    expires_ms = None if at is None else at.timestamp() * _MS_PER_SECOND
    return Me(
        name=caller.name,
        scope=caller.scope,
        login="required" if access.is_login_required else "off",
        expires_ms=expires_ms,
    )


def _cookie(request: AnyRequest, secret: str, seconds: int) -> Cookie:
    is_secure = request.scope["scheme"] == "https"
    return Cookie(
        SECURE_COOKIE if is_secure else COOKIE,
        value=secret,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=is_secure,
        samesite="strict",
    )
