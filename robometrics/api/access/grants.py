"""What somebody may do of whom a provider tells: nothing without a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from robometrics.errors import ForbiddenError, SettingsError
from robometrics.tokens import SCOPES, Scope

_NAME_LETTERS_MAX = 100


class Grant(NamedTuple):
    """One rule: who has *value* in *claim* may do *scope*."""

    scope: Scope
    claim: str
    value: str


def grants_of(texts: Sequence[str]) -> list[Grant]:
    """Return rules such as ``admin:groups=ops``.

    Raises:
        SettingsError: One is none, or there are none at all.
    """
    if not texts:
        raise SettingsError(
            "oidc_issuer also needs oidc_grants, as read:email=*@example.org: "
            "else nobody is let in"
        )
    return [_grant_of(text) for text in texts]


def _grant_of(text: str) -> Grant:
    scope, _, rest = text.partition(":")
    claim, _, value = rest.partition("=")
    for known in SCOPES:
        if scope == known and claim and value:
            return Grant(known, claim, value)
    raise SettingsError(
        f"oidc_grants = {text!r}: write {', '.join(SCOPES)}, a colon, and a claim with "
        "its value, as admin:groups=ops"
    )


def scope_of(claims: Mapping[str, Any], grants: Sequence[Grant]) -> Scope:
    """Return the largest scope that *claims* have.

    Raises:
        ForbiddenError: They have none.
    """
    found = [grant.scope for grant in grants if _has(claims, grant)]
    if not found:
        raise ForbiddenError(
            f"{name_of(claims)} is known, and may do nothing here: see oidc_grants"
        )
    return max(found, key=SCOPES.index)


def _has(claims: Mapping[str, Any], grant: Grant) -> bool:
    # Anybody can say of themselves that an address is theirs.
    if grant.claim == "email" and claims.get("email_verified") is not True:
        return False
    found = claims.get(grant.claim)
    values = found if isinstance(found, list) else [found]
    return any(
        isinstance(value, str) and fnmatchcase(value, grant.value) for value in values
    )


def name_of(claims: Mapping[str, Any]) -> str:
    """Return by what name somebody is known here: what a provider has only one of."""
    if claims.get("email_verified") is True and isinstance(claims.get("email"), str):
        return str(claims["email"])[:_NAME_LETTERS_MAX]
    return f"oidc:{claims['sub']}"[:_NAME_LETTERS_MAX]
