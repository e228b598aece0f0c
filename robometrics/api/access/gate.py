"""What every request passes before its handler: of HTTP, and of websockets alike."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from robometrics.api.access.attempts import Attempts
from robometrics.api.access.callers import (
    COOKIE,
    NOBODY,
    SECURE_COOKIE,
    Caller,
    Callers,
    Shown,
)
from robometrics.api.access.names import Names
from robometrics.api.access.providers import Oidc, oidc_of
from robometrics.api.access.scopes import needed
from robometrics.api.access.sockets import Sockets, serve_while, turn_away
from robometrics.errors import (
    BadRequestError,
    ForbiddenError,
    NotLoggedInError,
    RetryLaterError,
    RoboMetricsError,
)
from robometrics.exposure import is_loopback
from robometrics.settings import ServerSettings
from robometrics.store import Store
from robometrics.store.deeds import Deed, What
from robometrics.tokens import covers, digest_of, has_token

log = logging.getLogger(__name__)

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_SECRET_PARAMETERS = {"token", "access_token", "api_key", "bearer", "authorization"}

AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Access:
    """Who is let in to one server, and what they did there."""

    def __init__(
        self,
        store: Store,
        names: Names,
        *,
        is_login_required: bool = False,
        provider: Oidc | None = None,
    ) -> None:
        self.provider = provider
        self.is_login_required = is_login_required
        self.callers = Callers(store)
        self.attempts = Attempts()
        self.sockets = Sockets()
        self._names = names
        self._deeds = store.deeds

    async def admit(self, scope: Scope) -> Caller:
        """Return who asks, if they may.

        Raises:
            BadRequestError: A token stands in the address.
            ForbiddenError: Its scope is too small, or a foreign page asks.
            MisdirectedError: It is another server that is asked.
            NotLoggedInError: Nobody knows who asks.
            RetryLaterError: The database, which would know, is away.
            TooManyError: Too many tries from there failed.
        """
        connection: AnyConnection = ASGIConnection(scope)
        host = connection.headers.get("host", "")
        self._names.check_host(host)
        if scope["type"] == ScopeType.WEBSOCKET or scope["method"] not in _SAFE_METHODS:
            self._names.check_origin(connection.headers.get("origin"), host)
        _refuse_secrets_in(connection)
        needs = needed(scope["path_template"], scope["path"])
        if needs is None:
            return NOBODY
        caller = NOBODY
        if self.is_login_required:
            shown = shown_by(connection)
            if shown is None:
                raise NotLoggedInError(
                    "send a token as 'Authorization: Bearer ...', or log in at /login"
                )
            caller = await self.identify(shown, scope)
        elif not covers(NOBODY.scope, needs):
            raise NotLoggedInError(
                "this is for administrators who log in: start the server with "
                "--login=required, or use robometrics token"
            )
        if not covers(caller.scope, needs):
            await self.note(scope, "forbidden", scope["path"], caller)
            raise ForbiddenError(
                f"{caller.name} may {caller.scope}; this needs {needs}"
            )
        return caller

    async def identify(self, shown: Shown, scope: Scope) -> Caller:
        """Return who shows this; a try that fails is counted, and told.

        Raises:
            NotLoggedInError: Nobody.
            RetryLaterError: The database is away.
            TooManyError: Too many tries from there failed.
        """
        if not self.callers.is_known(shown):
            self.attempts.check(address_of(scope))
        try:
            return await self.callers.identify(shown)
        except NotLoggedInError:
            about = "" if shown.is_session else "token"
            await self.refuse(scope, shown.secret, about)
            raise

    async def refuse(self, scope: Scope, secret: str, about: str) -> None:
        """Count a try that failed; tell of a new one, if *about* says what it was.

        Were each told, whoever knocks often enough would have the log forget the rest.
        """
        if self.attempts.failed(address_of(scope), digest_of(secret)) and about:
            await self.note(scope, "login_refused", about)

    async def stay(self, caller: Caller) -> None:
        """Let somebody stay who was let in.

        Raises:
            NotLoggedInError: It ended meanwhile, or was revoked.
            RetryLaterError: The database is away.
        """
        if caller.digest:
            await self.callers.again(caller)

    async def note(
        self, scope: Scope, what: What, about: str = "", caller: Caller | None = None
    ) -> None:
        """Keep who did what, in the log at least if the database is away."""
        caller = caller or scope.get("user") or NOBODY
        deed = Deed(who=caller.name, address=address_of(scope), what=what, about=about)
        who = deed.who or "somebody"
        log.info("%s at %s: %s %s", who, deed.address, what, about)
        try:
            await self._deeds.note(deed)
        except RetryLaterError as exc:
            log.warning("what %s did is not kept: %s", who, exc)


class Gate:
    """The middleware that asks."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.WEBSOCKET:
            scope["user"] = await self._access.admit(scope)
            await self._app(scope, receive, send)
            return
        sockets = self._access.sockets
        try:
            caller = scope["user"] = await self._access.admit(scope)
            viewer = caller.digest.hex() or address_of(scope)
            sockets.enter(viewer)
        except RoboMetricsError as exc:
            await turn_away(receive, send, exc)
            return
        try:
            serving = self._app(scope, receive, send)
            await serve_while(lambda: self._access.stay(caller), serving, send)
        finally:
            sockets.leave(viewer)


def access_of(settings: ServerSettings, store: Store) -> Access:
    """Return who is let in by *settings*.

    Raises:
        SettingsError: A name is none, or an option of the provider is wrong.
    """
    is_required = settings.login == "required"
    provider = oidc_of(settings) if settings.oidc_issuer else None
    allowed = list(settings.allowed_hosts)
    if settings.public_url and (allowed or is_loopback(settings.bind)):
        allowed.append(urlsplit(settings.public_url).hostname or "")
    names = Names(settings.bind, allowed, is_login_required=is_required)
    return Access(store, names, is_login_required=is_required, provider=provider)


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def shown_by(connection: AnyConnection) -> Shown | None:
    """Return what a request shows: programs send a header, browsers a cookie."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return Shown(token.strip(), is_session=False)
    session = session_in(connection)
    return Shown(session, is_session=True) if session else None


def session_in(connection: AnyConnection) -> str:
    """Return the session that a browser keeps; empty: none."""
    cookies = connection.cookies
    return cookies.get(SECURE_COOKIE) or cookies.get(COOKIE) or ""


def _refuse_secrets_in(connection: AnyConnection) -> None:
    named = {name.lower() for name in connection.query_params} & _SECRET_PARAMETERS
    address = connection.scope["path"] + connection.scope["query_string"].decode(
        "latin-1"
    )
    if named or has_token(address):
        raise BadRequestError(
            "address",
            "addresses end in logs and histories: send a token as "
            "'Authorization: Bearer ...', and make another one",
        )
