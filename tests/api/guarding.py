"""A server that asks everybody who they are, and people who have tokens for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone

from robometrics.api.access.gate import Access
from robometrics.api.access.names import Names
from robometrics.broker import open_link
from robometrics.store import Store
from robometrics.tokens import Scope, digest_of, make_token

from .conftest import Served, serving

NO_BROKER = "nats://127.0.0.1:1"


@asynccontextmanager
async def guarded(
    store: Store,
    *,
    is_login_required: bool = True,
    names: Names | None = None,
    trusted_proxies: tuple[str, ...] = (),
) -> AsyncIterator[Served]:
    """Serve without a broker, which nobody asks here."""
    access = Access(store, names or Names(), is_login_required=is_login_required)
    async with (
        open_link(NO_BROKER, "test") as link,
        serving(link, store, access=access, trusted_proxies=trusted_proxies) as found,
    ):
        yield found


async def new_token(
    store: Store, scope: Scope = "read", name: str = "", seconds: float | None = None
) -> str:
    """Return a token that holds for *seconds*, or until it is revoked."""
    secret = make_token()
    expires_at = None
    if seconds is not None:
        expires_at = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    await store.tokens.add(name or scope, scope, digest_of(secret), expires_at)
    return secret


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
