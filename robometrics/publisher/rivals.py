"""One name, one worker: the second one of a host's name refuses to work."""

from __future__ import annotations

import time

import anyio
import msgspec

from robometrics import subjects
from robometrics.broker import Link
from robometrics.errors import DiscardMessageError, RetryLaterError, SettingsError
from robometrics.requests import (
    WhoRequest,
    WorkerIdentity,
    decode_reply,
    encode_request,
)

CONNECT_SECONDS = 1.0
START_SECONDS = 0.3
LATER_SECONDS = 2.0
AGAIN_SECONDS = 5.0
EVERY_SECONDS = 60.0


async def refuse_taken_name(link: Link, host: str) -> None:
    """Check that no worker answers for *host*, if the broker is there to ask.

    Raises:
        SettingsError: One does; the message says on which machine.
    """
    with anyio.move_on_after(CONNECT_SECONDS):
        await link.wait_up()
    for other in await _workers(link, host, START_SECONDS):
        raise SettingsError(_complaint(host, other))


async def watch_rivals(link: Link, host: str, own: WorkerIdentity) -> None:
    """Ask after each connection made, and now and then: two may have started apart.

    The one that started later gives way; by chance, if their clocks do not tell.

    Raises:
        SettingsError: *own* has to give way.
    """
    session = 0
    while True:
        await link.wait_up()
        # The other one may connect a moment after this one asked.
        pause = AGAIN_SECONDS if link.sessions != session else EVERY_SECONDS
        session = link.sessions
        for other in await _workers(link, host, LATER_SECONDS):
            if other.instance != own.instance and _rank(other) < _rank(own):
                raise SettingsError(_complaint(host, other))
        with anyio.move_on_after(pause):
            while link.sessions == session:
                await anyio.sleep(LATER_SECONDS)


async def _workers(link: Link, host: str, seconds: float) -> list[WorkerIdentity]:
    try:
        replies = await link.gather(
            subjects.register(host), encode_request(WhoRequest()), seconds=seconds
        )
    except RetryLaterError:
        return []
    found = []
    for reply in replies:
        try:
            found.append(decode_reply(reply).worker)
        except DiscardMessageError:
            continue  # whoever that is, it is no worker of ours
    return [worker for worker in found if worker is not None]


def _rank(worker: WorkerIdentity) -> tuple[int, str]:
    return worker.started_at_ns, worker.instance


def _complaint(host: str, other: WorkerIdentity) -> str:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(other.started_at_ns / 1e9))
    machine = msgspec.json.encode(other.machine).decode()
    return (
        f"the host name {host!r} is held by a worker on machine {machine} (pid "
        f"{other.pid}, boot {other.boot_id[:8]}, started {started} UTC); stop that "
        "one, or give this one a name of its own with --host"
    )
