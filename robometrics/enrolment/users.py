"""A small site: nats-server's configuration lists who may connect, by public key.

It holds no secret. Each change needs the server to read its configuration again, which
it does without letting go of anybody else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from robometrics.enrolment import leaf
from robometrics.enrolment.permissions import (
    ANSWER_WITHIN_SECONDS,
    CONNECTION_TYPES,
    LEAF_CONNECTION_TYPES,
    Names,
    permissions_of,
)
from robometrics.enrolment.site import LEAF, Identity
from robometrics.subjects import escape


def configuration(identities: Sequence[Identity]) -> str:
    """Return what nats-server includes."""
    users = "".join(_user(each, identities) for each in identities)
    return (
        "# Written by robometrics enroll and revoke, each time anew; nothing secret."
        f"\nauthorization {{\n  users: [\n{users}  ]\n}}\n"
    )


def _user(identity: Identity, identities: Sequence[Identity]) -> str:
    token = escape(identity.name)
    if identity.role == LEAF:
        permissions = leaf.permissions(identity, identities)
        types = LEAF_CONNECTION_TYPES
    else:
        names = Names(token, identity.public_key)
        permissions = permissions_of(identity.role, names)
        types = CONNECTION_TYPES
    lines = [
        f"publish {{ allow: {json.dumps(permissions.publish)} }}",
        f"subscribe {{ allow: {json.dumps(permissions.subscribe)} }}",
    ]
    if permissions.may_answer:
        expires = f'"{ANSWER_WITHIN_SECONDS}s"'
        lines.append(f"allow_responses {{ max: 1, expires: {expires} }}")
    inside = "\n".join(f"        {line}" for line in lines)
    return f"""\
    # {identity.role} {token}
    {{
      nkey: {identity.public_key}
      allowed_connection_types: {json.dumps(types)}
      permissions {{
{inside}
      }}
    }}
"""
