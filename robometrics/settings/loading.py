"""All options of a program, from all sources."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from robometrics.settings.commands import ClientSettings, ReaderSettings, SiteSettings
from robometrics.settings.common import Common
from robometrics.settings.server import ServerSettings
from robometrics.settings.sources import (
    CONFIG_ENV,
    from_environ,
    from_file,
    from_running,
)
from robometrics.settings.up import UpSettings
from robometrics.settings.values import converted
from robometrics.settings.worker import WorkerSettings

ALL_SETTINGS: tuple[type[Common], ...] = (
    ClientSettings,
    ReaderSettings,
    SiteSettings,
    WorkerSettings,
    ServerSettings,
    UpSettings,
)
_KNOWN = {name for cls in ALL_SETTINGS for name in cls.__struct_fields__}
S = TypeVar("S", bound=Common)


def load(
    cls: type[S],
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    join_running: bool = True,
) -> S:
    """Return the options of *cls* from all sources.

    Args:
        cls: One of ``ALL_SETTINGS``.
        flags: Parsed command line; keys *cls* does not know are left alone.
        environ: The environment; ``os.environ`` if not given.
        join_running: Whether to use the servers of a running ``robometrics up``.

    Raises:
        SettingsError: A name is unknown or a value is wrong; it says which and where.
    """
    flags = flags or {}
    environ = os.environ if environ is None else environ
    config = flags.get("config") or environ.get(CONFIG_ENV)

    merged: dict[str, Any] = {}
    sources = (
        ("the running robometrics up", from_running(environ) if join_running else {}),
        (f"config file {config}", from_file(config, _KNOWN) if config else {}),
        ("environment", from_environ(environ, _KNOWN)),
        ("command line", {k: v for k, v in flags.items() if k in _KNOWN}),
    )
    for source, values in sources:
        for name, value in values.items():
            if name in cls.__struct_fields__:
                merged[name] = converted(cls, name, value, source)
    return msgspec.convert(merged, cls)
