"""Logging in by a provider: to it with a question, and back with an answer.

What the browser keeps meanwhile is one secret, of which state, nonce and verifier are
made: it binds the answer to the browser that asked, on whichever server it arrives.
"""

from __future__ import annotations

import base64
import hmac
import html
import secrets
from http import HTTPStatus
from typing import Any

from litestar import Controller, MediaType, Request, Response, get
from litestar.datastructures import Cookie
from litestar.di import NamedDependency

from robometrics.api.access.attempt import Attempt
from robometrics.api.access.callers import Caller
from robometrics.api.access.gate import Access, address_of
from robometrics.api.access.grants import name_of, scope_of
from robometrics.api.access.login import begin_session, in_days
from robometrics.api.access.providers import Oidc
from robometrics.api.problems import on_bug, status_of
from robometrics.errors import ForbiddenError, NotFoundError, RoboMetricsError
from robometrics.store import Store
from robometrics.store.sessions import Session

COOKIE = "robometrics_oidc"
ATTEMPT_SECONDS = 600
SESSION_DAYS = 0.5
"""Shorter than by a token: the provider may know them no more meanwhile."""

_SECRET_BYTES = 32
_QUERY_LETTERS_MAX = 2_000
_POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"

AnyRequest = Request[Any, Any, Any]


def _to_people(request: AnyRequest, exc: RoboMetricsError) -> Response[Any]:
    """Tell people why they are not let in, and where they may try again."""
    status = status_of(exc)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_bug(request, exc)
    return _page(
        f'{html.escape(str(exc))}. <a href="../../../login">Log in</a>', status
    )


class OidcController(Controller):
    """The way to the provider, and the way back."""

    path = "/api/v1/oidc"
    include_in_schema = False
    exception_handlers = {RoboMetricsError: _to_people}  # noqa: RUF012  Litestar's way

    @get("/login")
    async def begin(
        self, request: AnyRequest, access: NamedDependency[Access]
    ) -> Response[None]:
        """Send a browser to the provider; its query is where it comes back to."""
        oidc = _provider_of(access)
        query = request.scope["query_string"].decode("latin-1")[:_QUERY_LETTERS_MAX]
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        where = await oidc.provider.where_to(Attempt(secret))
        cookie = _cookie(oidc, f"{secret}.{_packed(query)}", ATTEMPT_SECONDS)
        return Response(
            None, status_code=303, headers={"Location": where}, cookies=[cookie]
        )

    @get("/callback", media_type=MediaType.HTML)
    async def end(
        self,
        request: AnyRequest,
        access: NamedDependency[Access],
        store: NamedDependency[Store],
    ) -> Response[str]:
        """Begin a session for whoever the provider knows, if they may do something."""
        oidc = _provider_of(access)
        access.attempts.check(address_of(request.scope))
        try:
            caller, session, query = await _arrived(request, oidc)
        except ForbiddenError as exc:
            shown = request.scope["query_string"].decode("latin-1")
            await access.refuse(request.scope, shown, str(exc))
            raise
        cookie = await begin_session(request, access, store, session)
        await access.note(request.scope, "login", "by the provider", caller)
        # A redirect would still be the foreign page's doing, and the browser would
        # keep the session from it; the page that this one leads to is ours alone.
        url = html.escape(f"{oidc.public_url}/{query}")
        page = _page(f'<meta http-equiv="refresh" content="0;url={url}">')
        page.cookies = [cookie, _cookie(oidc, "", 0)]
        return page


async def _arrived(request: AnyRequest, oidc: Oidc) -> tuple[Caller, Session, str]:
    """Return who came back, their session, and what they had asked for.

    Raises:
        ForbiddenError: Not this browser asked, or the provider does not vouch for it.
        RetryLaterError: The provider does not answer.
    """
    secret, _, query = request.cookies.get(COOKIE, "").partition(".")
    attempt = Attempt(secret)
    state = request.query_params.get("state", "")
    code = request.query_params.get("code", "")
    if not secret or not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise ForbiddenError("this browser began no such login, or too long ago")
    if not code:
        raise ForbiddenError("the provider refuses this login")
    claims = await oidc.provider.who(attempt, code)
    session = Session(
        expires_at=in_days(SESSION_DAYS),
        name=name_of(claims),
        scope=scope_of(claims, oidc.grants),
    )
    query = _unpacked(query)
    caller = Caller(name=session.name, scope=session.scope)
    return caller, session, f"?{query}" if query else ""


def _page(content: str, status: int = 200) -> Response[str]:
    return Response(
        f"<!doctype html><title>RoboMetrics</title>{content}",
        status_code=status,
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"},
    )


def _packed(query: str) -> str:
    return base64.urlsafe_b64encode(query.encode()).decode().rstrip("=")


def _unpacked(text: str) -> str:
    """Return what was packed; nothing of what was not: the browser may say anything."""
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except ValueError:
        return ""


def _provider_of(access: Access) -> Oidc:
    if access.provider is None:
        raise NotFoundError("this server has no provider: log in by a token")
    return access.provider


def _cookie(oidc: Oidc, value: str, seconds: int) -> Cookie:
    """Return the cookie of an attempt; lax, as the way back begins at the provider."""
    return Cookie(
        COOKIE,
        value=value,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=oidc.public_url.startswith("https://"),
        samesite="lax",
    )
