"""Which process a request is about, and when that process began.

Over NATS anybody may say anything, and a container numbers its processes as it likes.
What is the same everywhere on a kernel is its boot id, the inode of a pid namespace,
and the start time of a process, but for the offset of a time namespace. Together with
the pid inside they name one process, or none; one that is not certain is refused.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from robometrics import runtime
from robometrics.errors import RegistrationRefusedError
from robometrics.publisher.namespaces import (
    namespaces_of,
    pids_of,
    sees_everything,
    started_at,
)
from robometrics.requests import RegisterRequest, UnregisterRequest
from robometrics.schema import NS_PER_SECOND

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_NS_PER_TICK = NS_PER_SECOND // _TICKS_PER_SECOND

_SEE_MORE = (
    "with the host's pids (hostPID, --pid=host), or mount its socket into the "
    "container, so that the kernel can vouch for the process"
)

AnyProof = RegisterRequest | UnregisterRequest


class Candidate(NamedTuple):
    """A process that may be the one a request is about."""

    pid: int
    """As this worker sees it."""

    pids: list[int]
    """Its pids, from this worker's pid namespace to its own."""

    namespaces: list[int]
    """The inodes of these, its own first; empty where not even that may be read."""


def host_pid(request: AnyProof, peer_pid: int | None) -> int:
    """Return the pid as this worker sees it.

    Args:
        request: What tells of the process.
        peer_pid: The pid of who asks as this worker sees it, if the kernel told.

    Raises:
        RegistrationRefusedError: It cannot be told for certain; it is never guessed.
    """
    if request.boot_id not in (None, runtime.boot_id()):
        raise RegistrationRefusedError(
            "the process runs on another machine: its boot id is not this kernel's"
        )
    if request.pid_namespace in (None, runtime.pid_namespace()):
        return request.pid
    if request.start_ticks is None:
        raise RegistrationRefusedError(
            f"{_called(request)} comes without its start time, which tells it from "
            "others: is /proc mounted there, and of the same namespace?"
        )
    if peer_pid is not None and _is_peer(request, peer_pid):
        return peer_pid
    return _found(request)


def is_start_of(request: AnyProof, start_ticks: int | None) -> bool:
    """Tell whether *start_ticks*, as read here, fit what *request* says, if it does."""
    return request.start_ticks is None or start_ticks in _starts(request)


def started_at_ns(start_ticks: int) -> int:
    """Return when a process began, by its kernel start time; ns since the epoch."""
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot_ns + start_ticks * NS_PER_SECOND // _TICKS_PER_SECOND


def ticks_elsewhere(ticks: int, shift_ns: int) -> set[int]:
    """Return what start times a time namespace may show for one read in another.

    Args:
        ticks: The start time, as read in one.
        shift_ns: The offset of the other less that of the one. One of whole ticks
            leaves no choice; any other one rounds to one of two.
    """
    whole, rest = divmod(ticks * _NS_PER_TICK + shift_ns, _NS_PER_TICK)
    return {whole, whole + 1} if rest else {whole}


def _starts(request: AnyProof) -> set[int]:
    shift_ns = runtime.boottime_offset_ns() - request.boottime_offset_ns
    return ticks_elsewhere(request.start_ticks or 0, shift_ns)


def _is_peer(request: AnyProof, peer_pid: int) -> bool:
    """Tell whether the process is the one that asks."""
    if runtime.start_ticks(peer_pid) not in _starts(request):
        return False
    namespace = runtime.pid_namespace(peer_pid)
    if namespace is None:
        return pids_of(peer_pid)[-1:] == [request.pid]
    return namespace == request.pid_namespace


def _found(request: AnyProof) -> int:
    return choose(
        request,
        [
            Candidate(pid, pids_of(pid), namespaces_of(pid))
            for pid in started_at(_starts(request))
        ],
        sees_everything=sees_everything(),
    )


def choose(
    request: AnyProof, candidates: list[Candidate], *, sees_everything: bool
) -> int:
    """Return the pid of the one process that *request* can be about.

    Args:
        request: What tells of the process.
        candidates: All that began when it did.
        sees_everything: No process of this kernel is hidden from this worker.

    Raises:
        RegistrationRefusedError: There is none, or more than one.
    """
    certain, possible, others = [], [], 0
    for pid, pids, namespaces in candidates:
        inside = pids[:0:-1]  # innermost first, without this worker's own
        named = zip(inside, namespaces, strict=False)
        if any(each == (request.pid, request.pid_namespace) for each in named):
            certain.append(pid)
        elif not namespaces and inside[:1] == [request.pid]:
            possible.append(pid)
        elif request.pid in inside:
            others += 1
    if len(certain) == 1:
        return certain[0]
    if len(possible) == 1 and sees_everything:
        return possible[0]
    raise RegistrationRefusedError(_why_not(request, len(possible), others))


def _why_not(request: AnyProof, possible: int, others: int) -> str:
    if possible:
        return (
            f"{_called(request)} is not certain: the worker may not read the pid "
            f"namespaces of {possible} that could be it; run it as root "
            f"(CAP_SYS_PTRACE), {_SEE_MORE}"
        )
    if others:
        return (
            f"{_called(request)} is not there: what has its pid and start time is in "
            "another pid namespace than the request says"
        )
    return (
        f"{_called(request)} has ended, or the worker cannot see it because that is in "
        f"a container itself: run it {_SEE_MORE}"
    )


def _called(request: AnyProof) -> str:
    return f"pid {request.pid} of another pid namespace (a container)"
