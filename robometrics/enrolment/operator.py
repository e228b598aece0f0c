"""A fleet: nats-server checks JWTs, and need not be told of a new host.

An operator vouches for accounts, an account's signing keys for users. The key of a role
is bound to what the role may do, with the host's name filled in by the broker: so who
holds a worker's JWT cannot change what it allows, nor could who has only that key.
"""

from __future__ import annotations

from typing import Any

from robometrics.enrolment import leaf
from robometrics.enrolment.claims import credentials, signed
from robometrics.enrolment.keys import new_seed, public_key
from robometrics.enrolment.permissions import (
    ANSWER_WITHIN_SECONDS,
    CONNECTION_TYPES,
    LEAF_CONNECTION_TYPES,
    ROLES,
    TEMPLATE,
    Role,
    permissions_of,
)
from robometrics.enrolment.site import Identity, Site
from robometrics.subjects import escape

UPDATE_SUBJECT = "$SYS.REQ.CLAIMS.UPDATE"
"""Where a server takes an account's new JWT, of who belongs to the system account."""

_NO_LIMIT = -1
_NS_PER_SECOND = 1_000_000_000
_UNLIMITED_USER = {"subs": _NO_LIMIT, "data": _NO_LIMIT, "payload": _NO_LIMIT}
_CONNECTIONS = {
    **_UNLIMITED_USER,
    **dict.fromkeys(("imports", "exports", "conn", "leaf"), _NO_LIMIT),
    "wildcards": True,
}
_JETSTREAM = ("mem_storage", "disk_storage", "streams", "consumer")


def new_keys() -> dict[str, str]:
    """Return the secret keys of a new site, by what they are for."""
    return {
        "operator": new_seed("operator"),
        **{name: new_seed("account") for name in ("system", "account", *ROLES)},
    }


def account_id(site: Site) -> str:
    """Return what the brokers call the account in which all of the site happens."""
    return public_key(site.keys["account"])


def user_credentials(site: Site, role: Role, name: str, seed: str) -> str:
    """Return the credentials of one identity, signed by the key of its role."""
    nats = {"type": "user", "issuer_account": account_id(site)}
    user = public_key(seed)
    jwt = signed(site.keys[role], user, escape(name), nats)
    return credentials(jwt, seed)


def leaf_credentials(site: Site, identity: Identity, seed: str) -> str:
    """Return the credentials of a leaf, which say what it may.

    The account itself signs for it: a role's key knows of one host, not of several.
    """
    may = leaf.permissions(identity, site.identities)
    nats: dict[str, Any] = {
        "type": "user",
        "pub": {"allow": may.publish},
        "sub": {"allow": may.subscribe},
        "allowed_connection_types": LEAF_CONNECTION_TYPES,
        **_UNLIMITED_USER,
    }
    name = escape(identity.name)
    jwt = signed(site.keys["account"], identity.public_key, name, nats)
    return credentials(jwt, seed)


def system_credentials(site: Site) -> str:
    """Return credentials for telling servers of a changed account."""
    seed = new_seed("user")
    nats = {"type": "user", **_UNLIMITED_USER}
    jwt = signed(site.keys["system"], public_key(seed), "enroll", nats)
    return credentials(jwt, seed)


def account(site: Site) -> str:
    """Return the JWT of the account in which all of the site happens."""
    nats: dict[str, Any] = {
        "type": "account",
        "limits": {**_CONNECTIONS, **dict.fromkeys(_JETSTREAM, _NO_LIMIT)},
        "signing_keys": [_scope(site, role) for role in ROLES],
    }
    if site.revoked:
        nats["revocations"] = {
            each.public_key: each.at_seconds for each in site.revoked
        }
    return signed(site.keys["operator"], account_id(site), "ROBOMETRICS", nats)


def configuration(site: Site) -> str:
    """Return what nats-server includes; it holds no secret."""
    operator, system = (public_key(site.keys[each]) for each in ("operator", "system"))
    nats: dict[str, Any] = {"type": "operator", "system_account": system}
    operator_jwt = signed(site.keys["operator"], operator, "robometrics", nats)
    nats = {
        "type": "account",
        "limits": {**_CONNECTIONS, **dict.fromkeys(_JETSTREAM, 0)},
    }
    system_jwt = signed(site.keys["operator"], system, "SYSTEM", nats)
    return f"""\
# Written by robometrics enroll and revoke, each time anew; nothing secret.
#
#   NATS_RESOLVER_DIR=/data/accounts   survives restarts; what was revoked stays so
operator: {operator_jwt}
system_account: {system}
resolver {{
  type: full
  dir: $NATS_RESOLVER_DIR
}}
resolver_preload {{
  {system}: {system_jwt}
  {account_id(site)}: {account(site)}
}}
"""


def _scope(site: Site, role: Role) -> dict[str, Any]:
    permissions = permissions_of(role, TEMPLATE)
    template: dict[str, Any] = {
        "pub": {"allow": permissions.publish},
        "sub": {"allow": permissions.subscribe},
        "allowed_connection_types": CONNECTION_TYPES,
        **_UNLIMITED_USER,
    }
    if permissions.may_answer:
        template["resp"] = {"max": 1, "ttl": ANSWER_WITHIN_SECONDS * _NS_PER_SECOND}
    key = public_key(site.keys[role])
    return {"kind": "user_scope", "key": key, "role": role, "template": template}
