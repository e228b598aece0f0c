"""The broker of a site behind a link, a leaf node: it speaks for the site's hosts."""

from __future__ import annotations

from collections.abc import Iterable

from robometrics.enrolment.permissions import Names, Permissions, permissions_of_leaf
from robometrics.enrolment.site import SERVER, Identity
from robometrics.subjects import escape


def permissions(leaf: Identity, identities: Iterable[Identity]) -> Permissions:
    """Return what *leaf* may pass on, of all who are enrolled now."""
    hosts, servers = [], []
    for each in identities:
        names = Names(escape(each.name), each.public_key)
        if each.role == "worker" and each.name in leaf.hosts:
            hosts.append(names)
        elif each.role == SERVER:
            servers.append(names)
    return permissions_of_leaf(hosts, servers)


def configuration(proof: str, access: str) -> str:
    """Return what the site's broker includes, after ``infra/nats/leaf.conf``.

    Args:
        proof: The lines by which it proves to the hub who it is.
        access: Who may connect to it.
    """
    return f"""\
# Written by robometrics enroll for the broker of a site; it may hold a secret.
leafnodes {{
  reconnect: 1s
  remotes: [{{
    urls: $NATS_HUB_URLS
    {proof}
  }}]
}}
{access}"""
