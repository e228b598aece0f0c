"""Answers requests: who may be measured, under which name, and who is."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from robometrics import runtime
from robometrics.errors import (
    DiscardMessageError,
    InvalidNameError,
    OutboxError,
    RegistrationRefusedError,
    SkipProcessError,
)
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.schema import (
    NS_PER_SECOND,
    ListRequest,
    RegisterRequest,
    Reply,
    UnregisterRequest,
    Watched,
    decode_request,
)
from robometrics.subjects import escape

log = logging.getLogger(__name__)
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Emit = Callable[..., None]


class Registrar:
    """Keeps the watchlist as programs and their exits want it."""

    def __init__(
        self,
        host: str,
        watchlist: Watchlist,
        outbox: Outbox,
        *,
        interval_ns: int,
        now_ns: Callable[[], int],
        emit: Emit,
    ) -> None:
        self._host = host
        self._watchlist = watchlist
        self._outbox = outbox
        self._interval_ns = interval_ns
        self._now_ns = now_ns
        self._emit = emit
        self._pidfds: dict[Target, int] = {}

    def answer(self, data: bytes, *, peer_pid: int | None = None) -> Reply:
        """Return the reply to an encoded request; it never raises.

        Args:
            data: JSON of one of ``schema.AnyRequest``.
            peer_pid: The sender's pid as this worker's kernel view has it, if known.
        """
        try:
            request = decode_request(data)
            if isinstance(request, RegisterRequest):
                return self._register(request, peer_pid)
            if isinstance(request, UnregisterRequest):
                return self._unregister(request, peer_pid)
            return self._list(request)
        except (
            DiscardMessageError,
            InvalidNameError,
            OutboxError,
            RegistrationRefusedError,
        ) as exc:
            log.info("refused a request: %s", exc)
            return Reply(
                accepted=False, host=self._host, code=exc.code, reason=str(exc)
            )

    def restore(self) -> None:
        """Watch again what a former worker on this outbox watched."""
        registrations = self._outbox.registrations()
        for registration in registrations:
            if self._is_gone(registration):
                self._outbox.drop_registration(registration.name, registration.run)
                self._say("exited", registration, reason="while no worker was running")
                continue
            try:
                target, _ = self._watchlist.add(registration)
            except RegistrationRefusedError as exc:
                log.warning("%s is not measured for now: %s", registration.name, exc)
            else:
                self._await_exit(target)

    @staticmethod
    def _is_gone(registration: Registration) -> bool:
        return (
            registration.boot_id != runtime.boot_id()
            or runtime.start_ticks(registration.pid) != registration.start_ticks
        )

    def ended(self, target: Target) -> None:
        """Take the last reading of *target*, whose process has ended."""
        if target.end == "exited":
            return
        cpu_time_ns = target.reader.final_cpu_time_ns()
        if cpu_time_ns is not None:
            target.final = (self._now_ns(), cpu_time_ns)
        elif target.latest is None:  # reaped before its first tick
            target.final = target.first
        self._close(target, "exited")

    def finish(self, target: Target) -> None:
        """Say how *target* ended, now that its last slot is complete.

        Not earlier: its parent may tell the exit code a moment after the exit.
        """
        if not target.closing:
            return  # it was registered again meanwhile
        if target.end == "exited":
            self._drop(target)
        self._say(
            target.end,
            target.registration,
            at_ns=target.ended_ns,
            exit_code=target.exit_code,
        )
        self._watchlist.remove(target)

    def close(self) -> None:
        """Stop waiting for exits."""
        for target in list(self._pidfds):
            self._stop_waiting(target)

    def _register(self, request: RegisterRequest, peer_pid: int | None) -> Reply:
        escape(request.name)
        pid = _host_pid(request, peer_pid)
        start_ticks = runtime.start_ticks(pid)
        if start_ticks is None:
            raise RegistrationRefusedError(f"there is no process {pid} on {self._host}")
        if request.start_ticks not in (None, start_ticks):
            raise RegistrationRefusedError(
                f"process {pid} on {self._host} is not the one that asked: it started "
                "at another time"
            )
        registration = Registration(
            name=request.name,
            pid=pid,
            start_ticks=start_ticks,
            boot_id=runtime.boot_id(),
            tags=request.tags,
        )
        target, is_new = self._watchlist.add(registration)
        if is_new:
            with suppress(SkipProcessError):
                target.first = (self._now_ns(), target.reader.fast()[0])
            try:
                self._outbox.keep_registration(registration)
            except OutboxError:
                self._watchlist.remove(target)
                raise
            self._await_exit(target)
            self._say("registered", registration, command=target.command)
            log.info("measuring %s (pid %d)", request.name, pid)
        return Reply(
            accepted=True,
            host=self._host,
            run=target.run,
            interval_ns=self._interval_ns,
        )

    def _unregister(self, request: UnregisterRequest, peer_pid: int | None) -> Reply:
        pid = _host_pid(request, peer_pid)
        if request.start_ticks not in (None, runtime.start_ticks(pid)):
            raise RegistrationRefusedError(f"pid {pid} belongs to another process now")
        if request.ended and runtime.is_running(pid):
            raise RegistrationRefusedError(f"process {pid} has not ended")
        targets = self._watchlist.of_pid(pid, request.name, closing=request.ended)
        if not targets:
            raise RegistrationRefusedError(
                f"process {pid} is not registered on {self._host}"
            )
        for target in targets:
            if request.ended:
                target.exit_code = request.exit_code
                self.ended(target)
            else:
                self._close(target, "unregistered")
        return Reply(accepted=True, host=self._host, run=targets[0].run)

    def _list(self, _: ListRequest) -> Reply:
        watched = [
            Watched(
                process=target.registration.name,
                pid=target.registration.pid,
                run=target.run,
                command=target.command[:200],
                cpu_time_ns=target.latest[0] if target.latest else None,
                memory_rss_bytes=target.latest[1] if target.latest else None,
                tags=target.registration.tags,
            )
            for target in self._watchlist
        ]
        return Reply(
            accepted=True,
            host=self._host,
            interval_ns=self._interval_ns,
            watched=sorted(watched, key=lambda each: (each.process, each.pid)),
        )

    def _close(self, target: Target, how: str) -> None:
        if target.closing:
            return
        target.end = how
        target.ended_ns = self._now_ns()
        target.closing = True
        self._stop_waiting(target)
        if how == "unregistered":
            self._drop(target)
        log.info("%s %s", target.registration.name, how)

    def _drop(self, target: Target) -> None:
        try:
            self._outbox.drop_registration(target.registration.name, target.run)
        except OutboxError as exc:
            log.warning("%s", exc)  # the next start finds the process gone, and drops

    def _await_exit(self, target: Target) -> None:
        if target in self._pidfds:
            return
        with suppress(OSError, AttributeError):  # seccomp, or not Linux: ticks find out
            descriptor = os.pidfd_open(target.registration.pid)
            self._pidfds[target] = descriptor
            asyncio.get_running_loop().add_reader(descriptor, self.ended, target)

    def _stop_waiting(self, target: Target) -> None:
        descriptor = self._pidfds.pop(target, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def _say(
        self,
        event: str,
        registration: Registration,
        *,
        at_ns: int | None = None,
        **details: Any,
    ) -> None:
        started_at_ns = None
        if event == "registered":
            started_at_ns = _started_at_ns(registration.start_ticks)
        self._emit(
            event,
            # All of a run's events by one clock: their order tells its state.
            at_ns=self._now_ns() if at_ns is None else at_ns,
            process=registration.name,
            run=registration.run,
            pid=registration.pid,
            started_at_ns=started_at_ns,
            tags=registration.tags or None,
            **details,
        )


def _host_pid(
    request: RegisterRequest | UnregisterRequest, peer_pid: int | None
) -> int:
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


def _started_at_ns(start_ticks: int) -> int:
    boot_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot_ns + start_ticks * NS_PER_SECOND // _TICKS_PER_SECOND
