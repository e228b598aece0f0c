"""Which process a request is about, and when that process began."""

from __future__ import annotations

import os
import time

from robometrics import runtime
from robometrics.errors import RegistrationRefusedError
from robometrics.requests import RegisterRequest, UnregisterRequest
from robometrics.schema import NS_PER_SECOND

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def host_pid(request: RegisterRequest | UnregisterRequest, peer_pid: int | None) -> int:
    """Return the pid as this worker sees it.

    Raises:
        RegistrationRefusedError: It cannot be told for certain; it is never guessed.
    """
    if isinstance(request, RegisterRequest) and request.boot_id not in (
        None,
        runtime.boot_id(),
    ):
        raise RegistrationRefusedError(
            "the process runs on another machine: its boot id is not this kernel's"
        )
    if request.pid_namespace in (None, runtime.pid_namespace()):
        return request.pid
    if (
        peer_pid is not None
        and request.start_ticks is not None
        and runtime.pid_namespace(peer_pid) == request.pid_namespace
        and runtime.start_ticks(peer_pid) == request.start_ticks
    ):
        return peer_pid
    raise RegistrationRefusedError(
        f"pid {request.pid} is of another pid namespace (a container); mount the "
        "worker's socket into it, so that the kernel can vouch for the process"
    )


def started_at_ns(start_ticks: int) -> int:
    """Return when a process began, by its kernel start time; ns since the epoch."""
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot_ns + start_ticks * NS_PER_SECOND // _TICKS_PER_SECOND
