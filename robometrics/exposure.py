"""Who can reach the API: this host alone, or others, who then have to log in."""

from __future__ import annotations

import ipaddress

from robometrics.errors import SettingsError


def is_loopback(name: str) -> bool:
    """Tell whether *name*, an address or a name, is of this host alone."""
    name = name.lower().rstrip(".").removeprefix("[").removesuffix("]")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def refuse_exposed(bind: str, login: str) -> None:
    """Refuse an address that others can reach while nobody has to log in.

    Args:
        bind: The address the API is to listen on.
        login: The option of that name.

    Raises:
        SettingsError: It is so, and nobody said that it is meant.
    """
    if login != "auto" or is_loopback(bind):
        return
    raise SettingsError(
        f"bind = {bind!r} lets other machines in, and nobody would have to log in. "
        "Make a token with 'robometrics token create --name me --scope admin' and "
        "start with --login=required; or listen on this host alone with "
        "--bind=127.0.0.1; or, if something in front of the API asks who they are, "
        "say so with --login=off"
    )
