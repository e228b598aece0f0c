"""This host: options, packages, its worker, and the worker's outbox."""

from __future__ import annotations

import platform
import time
from collections.abc import AsyncIterator
from importlib import metadata

import anyio

from robometrics import runtime
from robometrics.cli.checks.finding import (
    Finding,
    Subject,
    at_least,
    duration,
    ok,
    problem,
    warning,
)
from robometrics.errors import SettingsError
from robometrics.exposure import refuse_exposed
from robometrics.lib import client
from robometrics.requests import WhoRequest, encode_request
from robometrics.settings import ClientSettings

_PACKAGES = {
    "msgspec": (0, 19),
    "nats-py": (2, 16),
    "anyio": (4, 4),
    "psutil": (7,),
    "motor": (3, 7),
    "litestar": (2, 25),
}
"""Oldest versions that work; what a host does not have, it does not run."""


async def check_settings(subject: Subject) -> AsyncIterator[Finding]:
    sources = ", ".join(subject.sources) or "defaults only"
    try:
        if "api" in subject.server.roles:
            refuse_exposed(subject.server.bind, subject.server.login)
    except SettingsError as exc:
        advice = "say with --login who has to log in; see docs/security.md"
        yield problem("settings", str(exc), advice)
    else:
        yield ok("settings", f"readable; from {sources}")


async def check_packages(_: Subject) -> AsyncIterator[Finding]:
    found, old = [f"Python {platform.python_version()}"], []
    for name, wanted in _PACKAGES.items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(f"{name} {version}")
        if not at_least(version, wanted):
            old.append(name)
    text = ", ".join(found)
    if old:
        yield problem("packages", text, f"pip install --upgrade {' '.join(old)}")
    else:
        yield ok("packages", text)


async def check_worker(subject: Subject) -> AsyncIterator[Finding]:
    settings = ClientSettings(socket_path=subject.worker.socket_path)
    data = encode_request(WhoRequest())
    reply = await anyio.to_thread.run_sync(client.ask_by_socket, data, settings)
    if reply is None:
        yield warning(
            "worker",
            f"none answers on {settings.socket_path}",
            "start robometrics-worker here if this host is to be measured, or give "
            "--socket-path as it has it",
        )
        return
    who = reply.worker
    if who is None:
        yield warning(
            "worker",
            f"measures {reply.host}, and does not say who it is",
            "it is of an older release: upgrade and restart it",
        )
    elif runtime.boot_id() and who.boot_id != runtime.boot_id():
        yield problem(
            "worker",
            f"measures {reply.host}, but on another machine: {who.machine}",
            "whose socket is this? give each machine a folder of its own",
        )
    else:
        age_seconds = time.time() - who.started_at_ns / 1e9
        yield ok(
            "worker",
            f"measures {reply.host} for {duration(max(0.0, age_seconds))}, "
            f"pid {who.pid}",
        )
