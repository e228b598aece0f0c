"""An OpenID Connect provider: where to send a browser, and who it says came back.

By the code flow with PKCE. Signatures are checked by joserfc; nothing is believed that
the provider's own keys did not sign for this server, this browser and this moment.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from robometrics.api.access.attempt import Attempt
from robometrics.errors import ForbiddenError, RetryLaterError, SettingsError
from robometrics.exposure import is_loopback

ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA", "RS512", "ES512", "PS512")
"""Only such as nobody can make who does not have the provider's private key."""

TIMEOUT_SECONDS = 10.0
KEYS_SECONDS = 3_600.0
NEW_KEYS_SECONDS = 10.0
"""So old are keys at least before they are asked for once more."""

LEEWAY_SECONDS = 60
_BYTES_MAX = 1 << 20
_ASKING_MAX = 10
"""Questions to it at once: everybody may begin a login."""


class _Endpoints(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Answer(msgspec.Struct):
    id_token: str


class Provider:
    """One provider, and how it knows this server."""

    def __init__(
        self, issuer: str, client_id: str, client_secret: str, redirect_uri: str
    ) -> None:
        """Take what the server was told.

        Raises:
            SettingsError: An option is missing, or the way there is open to others.
        """
        if not client_id or not redirect_uri.startswith(("http://", "https://")):
            raise SettingsError("oidc_issuer also needs oidc_client_id and public_url")
        self._issuer = issuer.rstrip("/")
        _require_safe(self._issuer, SettingsError)
        self._client_id = client_id
        self._secret = (client_id, client_secret) if client_secret else None
        # One for all: each would read the certificates of the system anew.
        self._http = httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._asking = asyncio.Semaphore(_ASKING_MAX)
        self._redirect_uri = redirect_uri
        self._endpoints: _Endpoints | None = None
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    async def where_to(self, attempt: Attempt) -> str:
        """Return the address to which a browser is sent.

        Raises:
            RetryLaterError: The provider does not answer.
        """
        endpoints = await self._discovered()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        join = "&" if "?" in endpoints.authorization_endpoint else "?"
        return f"{endpoints.authorization_endpoint}{join}{urlencode(asked)}"

    async def who(self, attempt: Attempt, code: str) -> dict[str, Any]:
        """Return what the provider says of whoever came back with *code*.

        Raises:
            ForbiddenError: It is not said by it, or not of this login.
            RetryLaterError: It does not answer.
        """
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
            "code_verifier": attempt.verifier,
        }
        endpoints = await self._discovered()
        body = await self._fetched("POST", endpoints.token_endpoint, asked)
        try:
            id_token = msgspec.json.decode(body, type=_Answer).id_token
        except msgspec.MsgspecError as exc:
            raise ForbiddenError("the provider refuses this login") from exc
        try:
            keys = await self._keys_of(endpoints, KEYS_SECONDS)
            return self._checked(id_token, keys, endpoints.issuer, attempt.nonce)
        except ForbiddenError:  # it may have new keys by now
            keys = await self._keys_of(endpoints, NEW_KEYS_SECONDS)
            return self._checked(id_token, keys, endpoints.issuer, attempt.nonce)

    def _checked(
        self, id_token: str, keys: KeySet, issuer: str, nonce: str
    ) -> dict[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError) as exc:
            raise ForbiddenError(
                f"what the provider says cannot be believed: {type(exc).__name__}"
            ) from exc
        if claims.get("azp", self._client_id) != self._client_id:
            raise ForbiddenError("the provider speaks to another server than this")
        return dict(claims)

    async def _discovered(self) -> _Endpoints:
        if self._endpoints is None:
            url = f"{self._issuer}/.well-known/openid-configuration"
            try:
                body = await self._fetched("GET", url)
                found = msgspec.json.decode(body, type=_Endpoints)
            except msgspec.MsgspecError as exc:
                raise RetryLaterError(f"{url} describes no provider: {exc}") from exc
            if found.issuer.rstrip("/") != self._issuer:
                raise RetryLaterError(f"{url} describes another issuer")
            for each in (found.authorization_endpoint, found.token_endpoint):
                _require_safe(each, RetryLaterError)
            _require_safe(found.jwks_uri, RetryLaterError)
            self._endpoints = found
        return self._endpoints

    async def _keys_of(self, where: _Endpoints, seconds: float) -> KeySet:
        """Return the provider's keys, no older than *seconds*."""
        if self._keys is None or time.monotonic() - self._keys_at > seconds:
            body = await self._fetched("GET", where.jwks_uri)
            try:
                self._keys = KeySet.import_key_set(msgspec.json.decode(body))
            except (JoseError, ValueError, KeyError, TypeError) as exc:
                raise RetryLaterError(f"{where.jwks_uri} has no keys") from exc
            self._keys_at = time.monotonic()
        return self._keys

    async def _fetched(
        self, method: str, url: str, form: dict[str, str] | None = None
    ) -> bytes:
        """Return the body of an answer.

        Raises:
            ForbiddenError: It is a refusal.
            RetryLaterError: There is none.
        """
        request = self._http.build_request(method, url, data=form)
        auth = httpx.BasicAuth(*self._secret) if form and self._secret else None
        try:
            async with self._asking:
                answer = await self._http.send(request, auth=auth)
        except httpx.HTTPError as exc:
            raise RetryLaterError(f"the provider does not answer: {exc}") from exc
        if answer.is_client_error:
            problem = f"the provider refuses this login: {answer.status_code}"
            raise ForbiddenError(problem)
        if not answer.is_success or len(answer.content) > _BYTES_MAX:
            raise RetryLaterError(f"the provider answers {answer.status_code}")
        return bytes(answer.content)


def _require_safe(url: str, error: type[Exception]) -> None:
    found = urlsplit(url)
    if found.scheme != "https" and not is_loopback(found.hostname or ""):
        raise error(f"{url} must begin with https://")
