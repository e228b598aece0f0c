"""By which names the API may be called, and from which pages.

A page of a foreign site can have its own name lead to this host (DNS rebinding), and
then ask as if it were ours; but it cannot choose what stands in Host. Where everybody
has to log in that gains it nothing, as browsers keep sessions by name.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

from robometrics.errors import ForbiddenError, MisdirectedError, SettingsError
from robometrics.exposure import is_loopback

_HOST = re.compile(r"(\[[^\]]*\]|[^:@/\[\]]*)(:\d*)?")


class Names:
    """The names of one server."""

    def __init__(
        self,
        bind: str = "127.0.0.1",
        allowed: Collection[str] = (),
        *,
        is_login_required: bool = False,
    ) -> None:
        """Take what the server was told.

        Args:
            bind: The address it listens on.
            allowed: Names it is called by besides.
            is_login_required: Whether it asks everybody who they are.

        Raises:
            SettingsError: One of *allowed* is more than a name.
        """
        self._allowed = {_name_of(name) for name in allowed}
        if wrong := [name for name in allowed if not _name_of(name)]:
            raise SettingsError(
                f"allowed_hosts: {wrong[0]!r} is no name; write metrics.example.org"
            )
        self._bind = bind.lower()
        self._is_local = is_loopback(bind)
        self._is_any = is_login_required and not self._is_local and not self._allowed

    def check_host(self, host: str) -> None:
        """Let a request through that calls the server by a name of its own.

        Raises:
            MisdirectedError: It does not.
        """
        name = _name_of(host)
        if self._is_any or is_loopback(name) or name in self._allowed:
            return
        if not self._is_local and (
            _is_address(name) or name in (self._bind, _own_name())
        ):
            return
        raise MisdirectedError(
            f"this server is not called {host[:100]!r}; if it is, start it with "
            "--allowed-hosts"
        )

    def check_origin(self, origin: str | None, host: str) -> None:
        """Let a request through that no foreign page makes; CORS does not hold it back.

        Args:
            origin: What the browser says of the page, ``None``: nothing.
            host: The name by which the server is called.

        Raises:
            ForbiddenError: A foreign page makes it.
        """
        if origin is None:
            return
        found = origin.lower().partition("://")[2]
        if found and (found == host.lower() or _name_of(found) in self._allowed):
            return
        raise ForbiddenError("foreign origin")


def _name_of(host: str) -> str:
    """Return *host* without its port, in small letters; nothing if it is more."""
    found = _HOST.fullmatch(host.lower())
    return found[1] if found else ""


def _is_address(name: str) -> bool:
    """Tell whether *name* is an address: no foreign site can have that one."""
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _own_name() -> str:
    return socket.gethostname().lower()
