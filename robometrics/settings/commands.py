"""Options of measured programs, and of commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec

from robometrics.settings.common import Common, about


def _default_site_dir() -> str:
    if os.geteuid() == 0:
        return "/etc/robometrics/site"
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return str(Path(base) / "robometrics/site")


class ClientSettings(Common, frozen=True, kw_only=True):
    """Options of a measured program, and of the commands about one."""

    register_host: Annotated[
        str, about("host whose worker is asked by the broker (default: this one's)")
    ] = ""
    register_token_file: Annotated[
        str, about("file with the worker's token, to register over the network")
    ] = ""


class ReaderSettings(Common, frozen=True, kw_only=True):
    """Options of what reads stored samples."""

    api_url: Annotated[str, about("server, as http://host:port")] = (
        "http://127.0.0.1:8420"
    )
    token_file: Annotated[
        str,
        about(
            "file with the token for a server that wants one, of mode 0600 (default: "
            "~/.config/robometrics/token, if it is there); or set ROBOMETRICS_TOKEN"
        ),
    ] = ""


class SiteSettings(Common, frozen=True, kw_only=True):
    """Options of ``robometrics enroll`` and ``revoke``."""

    site_dir: Annotated[str, about("folder that knows who is enrolled; secret")] = (
        msgspec.field(default_factory=_default_site_dir)
    )
    nats_pid_file: Annotated[
        str, about("file with nats-server's pid; it is told to reload after a change")
    ] = ""
