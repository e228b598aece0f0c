"""Where options come from: a running ``up``, a config file, the environment.

Each is a mapping of names to values not yet converted; a name nobody knows is refused.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from robometrics import runtime
from robometrics.errors import SettingsError
from robometrics.tokens import TOKEN_ENV

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENV_PREFIX = "ROBOMETRICS_"
CONFIG_ENV = "ROBOMETRICS_CONFIG"
_OWN_ENV = {CONFIG_ENV, runtime.DIRECTORY_ENV, TOKEN_ENV}
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))(_|$)")


def from_running(environ: Mapping[str, str]) -> dict[str, Any]:
    running = runtime.find(environ)
    if running is None:
        return {}
    found = {
        "nats_url": running.nats_url,
        "mongo_url": running.mongo_url,
        "socket_path": running.socket_path,
        "api_url": running.api_url,
    }
    return {name: value for name, value in found.items() if value}


def from_file(path: str, known: set[str]) -> dict[str, Any]:
    try:
        values: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise SettingsError(f"config file {path}: {exc}") from exc
    _refuse_unknown(values, known, f"config file {path}")
    return values


def from_environ(environ: Mapping[str, str], known: set[str]) -> dict[str, Any]:
    ours = {
        name
        for name, value in environ.items()
        if name.startswith(ENV_PREFIX)
        and name not in _OWN_ENV
        and not _is_of_kubernetes(name, value)
    }
    _refuse_unknown(ours, {ENV_PREFIX + name.upper() for name in known}, "environment")
    return {name[len(ENV_PREFIX) :].lower(): environ[name] for name in ours}


def _is_of_kubernetes(name: str, value: str) -> bool:
    """Tell what Kubernetes sets by itself for a Service called ``robometrics…``."""
    return bool(_SERVICE_LINK.search(name)) or value.startswith(("tcp://", "udp://"))


def _refuse_unknown(names: Iterable[str], known: set[str], source: str) -> None:
    stems = {name.removeprefix(ENV_PREFIX): name for name in known}
    for name in sorted(names):
        if name in known:
            continue
        near = difflib.get_close_matches(name.removeprefix(ENV_PREFIX), stems, 1)
        hint = f"; did you mean {stems[near[0]]}?" if near else ""
        raise SettingsError(f"{source}: nobody knows {name}{hint}")
