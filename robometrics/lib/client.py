"""Ask the worker on this host, by NATS or by its local socket.

Everything here blocks; ``register`` calls it in a daemon thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec

from robometrics import runtime, subjects
from robometrics.broker import ask_all, ask_once
from robometrics.errors import DiscardMessageError, NoWorkerError, SettingsError
from robometrics.requests import (
    REPLY_BYTES_MAX,
    AnyRequest,
    Plan,
    RegisterRequest,
    Reply,
    UnregisterRequest,
    decode_reply,
    encode_request,
)
from robometrics.secret_files import read_secret
from robometrics.settings import ClientSettings

T = TypeVar("T")
ANSWER_SECONDS = 2.0


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that looks names up in its own thread.

    asyncio would do it in threads that the interpreter joins when it exits, so that a
    slow name server could hold up the end of the measured program.
    """

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        return socket.getaddrinfo(*args, **options)


def register_request(
    name: str, pid: int, tags: dict[str, str] | None = None, plan: Plan | None = None
) -> RegisterRequest:
    """Return the request to measure *pid*, with what proves which process it is."""
    return RegisterRequest(
        name=name, pid=pid, tags=tags or {}, plan=plan or Plan(), **_proof(pid)
    )


def unregister_request(
    pid: int,
    name: str | None = None,
    *,
    ended: bool = False,
    exit_code: int | None = None,
) -> UnregisterRequest:
    """Return the request to measure *pid* no more."""
    return UnregisterRequest(
        pid=pid, name=name, ended=ended, exit_code=exit_code, **_proof(pid)
    )


def _proof(pid: int) -> dict[str, Any]:
    """Return what tells a worker in another container which process *pid* is here."""
    start_ticks = None
    if pid == os.getpid():
        start_ticks = runtime.start_ticks("self")  # whoseever /proc it is
    elif runtime.sees_own_pids():
        start_ticks = runtime.start_ticks(pid)
    return {
        "start_ticks": start_ticks,
        "boot_id": runtime.boot_id() or None,
        "pid_namespace": runtime.pid_namespace(),
        "boottime_offset_ns": runtime.boottime_offset_ns(),
    }


def ask(request: AnyRequest, settings: ClientSettings) -> Reply:
    """Return the worker's answer, by NATS if a broker answers, else by the socket.

    What NATS brought a refusal for is tried on the socket too: there the kernel vouches
    for the asking process, which helps in a container the worker cannot look into.

    Raises:
        NoWorkerError: Nobody answered.
    """
    answers = []
    problem = ""
    for way in (_ask_by_nats, _ask_by_socket):
        try:
            reply = way(request, settings)
        except SettingsError as exc:  # of the broker; the socket needs none of that
            problem = f"; {exc}"
            continue
        if reply is not None and reply.accepted:
            return reply
        answers.append(reply)
    for reply in reversed(answers):
        if reply is not None:
            return reply
    broker = settings.broker.shown or "no broker"
    raise NoWorkerError(
        f"no worker answered, by {broker} or {settings.socket_path}: "
        f"is robometrics-worker (or robometrics up) running on this host?{problem}"
    )


def ask_host(request: AnyRequest, settings: ClientSettings, host: str) -> Reply:
    """Return the answer of the worker of *host*, by NATS.

    Raises:
        NoWorkerError: Nobody answered.
        SettingsError: The broker does not let this program in.
    """
    reply = _ask_by_nats(request, settings, host)
    if reply is None:
        raise NoWorkerError(
            f"no worker of {host} answered by {settings.broker.shown}: is it running, "
            "and on that broker?"
        )
    return reply


def ask_all_hosts(request: AnyRequest, settings: ClientSettings) -> list[Reply]:
    """Return the answers of all workers on the broker, by host.

    Raises:
        RetryLaterError: There is no broker.
    """
    asking = ask_all(
        settings.broker,
        subjects.CONTROL,
        encode_request(request),
        seconds=ANSWER_SECONDS,
    )
    replies = filter(None, map(_decoded, _run(asking)))
    return sorted(replies, key=lambda reply: reply.host)


def ask_by_socket(data: bytes, settings: ClientSettings) -> Reply | None:
    """Return the answer of the worker on this host's socket, ``None`` without one."""
    for path in runtime.sockets(settings.socket_path):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                connection.connect(path)
                connection.sendall(data + b"\n")
                with connection.makefile("rb") as answer:
                    return _decoded(answer.readline(REPLY_BYTES_MAX))
            except OSError:
                continue
    return None


def _ask_by_socket(request: AnyRequest, settings: ClientSettings) -> Reply | None:
    return ask_by_socket(encode_request(request), settings)


def _ask_by_nats(
    request: AnyRequest, settings: ClientSettings, host: str | None = None
) -> Reply | None:
    if isinstance(request, RegisterRequest | UnregisterRequest):
        request = msgspec.structs.replace(request, token=_token(settings))
    own = settings.register_host or runtime.boot_id() or socket.gethostname()
    asking = ask_once(
        settings.broker,
        [subjects.register(host or own)],
        encode_request(request),
        timeout_seconds=ANSWER_SECONDS,
    )
    return _decoded(_run(asking))


def _token(settings: ClientSettings) -> str:
    if not settings.register_token_file:
        return ""
    return read_secret(settings.register_token_file, "register_token_file")


def _decoded(data: bytes | None) -> Reply | None:
    if not data:
        return None
    try:
        return decode_reply(data)
    except DiscardMessageError:
        return None  # whoever answered, it was no worker of ours


def _run(work: Coroutine[Any, Any, T]) -> T:
    loop = _Loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
