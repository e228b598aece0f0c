"""How the broker is reached: where it is, who asks, and how both prove it."""

from __future__ import annotations

import re

import msgspec


class BrokerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One broker, or the servers of one, and what a connection to it needs."""

    url: str
    """As ``nats://host:port``; several servers are separated by commas. Empty: there is
    no broker, and nothing is connected to."""

    credentials_file: str = ""
    """An nkey seed, or a JWT with its seed; empty: it knows everybody."""

    ca_file: str = ""
    """Who signs the broker's certificate; empty: as the system has it."""

    cert_file: str = ""
    key_file: str = ""

    @property
    def shown(self) -> str:
        """Return the URL for logs and messages."""
        return without_password(self.url)

    @property
    def wants_tls(self) -> bool:
        return bool(self.ca_file or self.cert_file or "tls://" in self.url)


def as_address(where: BrokerAddress | str) -> BrokerAddress:
    return BrokerAddress(url=where) if isinstance(where, str) else where


def without_password(urls: str) -> str:
    """Return *urls*, separated by commas, without who asks and their passwords."""
    return ",".join(map(_without_user, _NEXT_URL.split(urls)))


def has_password(urls: str) -> bool:
    """Tell whether one of *urls*, separated by commas, holds a secret.

    A name without a password does, too: to a broker it is a token.
    """
    return any("@" in url.partition("?")[0] for url in _NEXT_URL.split(urls))


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


_NEXT_URL = re.compile(r",(?=[a-z+]+://)")
"""A comma inside a password must not hide half of it."""
