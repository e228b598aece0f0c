"""Tokens, for administrators: made, listed and revoked; and who did what when."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from robometrics.api.access.gate import Access
from robometrics.api.bodies import only_json
from robometrics.api.problems import POST_RESPONSES, RESPONSES
from robometrics.errors import NotFoundError
from robometrics.store import Store
from robometrics.store.deeds import Deed
from robometrics.store.tokens import Token
from robometrics.tokens import (
    EXPIRES_SECONDS_MAX,
    NAME,
    Scope,
    digest_of,
    make_token,
)

_BODY_BYTES_MAX = 4_096
AnyRequest = Request[Any, Any, Any]
_Limit = Annotated[int, QueryParameter(ge=1, le=1_000, description="how many at most")]


class NewToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A token that is wanted."""

    name: Annotated[
        str,
        msgspec.Meta(
            pattern=NAME, examples=["ci"], description="by which it is revoked"
        ),
    ]
    scope: Annotated[
        Scope, msgspec.Meta(description="what it lets do; each includes those before")
    ]
    expires_seconds: (
        Annotated[
            int,
            msgspec.Meta(
                ge=1,
                le=EXPIRES_SECONDS_MAX,
                description="from now; null: it holds until it is revoked",
            ),
        ]
        | None
    ) = None


class MadeToken(msgspec.Struct, kw_only=True):
    """A token that was made; nobody will see it again."""

    name: str
    scope: Scope
    token: str
    expires_at: datetime | None


class TokenList(msgspec.Struct):
    """All tokens, by name; not the tokens themselves."""

    tokens: list[Token]


class DeedList(msgspec.Struct):
    """Who did what, the newest first."""

    deeds: list[Deed]


class TokenController(Controller):
    """What an administrator does."""

    path = "/api/v1"
    tags = ("admin",)
    request_max_body_size = _BODY_BYTES_MAX

    @get("/tokens", responses=RESPONSES)
    async def list_tokens(self, store: NamedDependency[Store]) -> TokenList:
        """Return the tokens there are."""
        return TokenList(await store.tokens.all())

    @post("/tokens", responses=POST_RESPONSES, before_request=only_json)
    async def create_token(
        self,
        request: AnyRequest,
        data: JSONBody[NewToken],
        access: NamedDependency[Access],
        store: NamedDependency[Store],
    ) -> MadeToken:
        """Make a token, and show it, this once."""
        expires_at = None
        if data.expires_seconds is not None:
            wanted = timedelta(seconds=data.expires_seconds)
            expires_at = datetime.now(timezone.utc) + wanted
        secret = make_token()
        await store.tokens.add(data.name, data.scope, digest_of(secret), expires_at)
        about = f"{data.name} ({data.scope})"
        await access.note(request.scope, "token_created", about)
        return MadeToken(
            name=data.name, scope=data.scope, token=secret, expires_at=expires_at
        )

    @delete("/tokens/{name:str}", responses=RESPONSES)
    async def revoke_token(
        self,
        request: AnyRequest,
        name: FromPath[str],
        access: NamedDependency[Access],
        store: NamedDependency[Store],
    ) -> None:
        """Let nobody in by this token or name any more, nor by its sessions."""
        is_token = await store.tokens.revoke(name)
        if await store.sessions.end_of(name) == 0 and not is_token:
            raise NotFoundError(f"nothing is called {name[:100]!r}")
        await access.note(request.scope, "token_revoked", name)

    @get("/deeds", responses=RESPONSES)
    async def list_deeds(
        self, store: NamedDependency[Store], limit: _Limit = 100
    ) -> DeedList:
        """Return who logged in, made tokens, and told hosts what to do."""
        return DeedList(await store.deeds.latest(limit))
