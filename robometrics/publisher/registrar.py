"""Answers requests: who may be measured, under which name, and who is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from robometrics import runtime
from robometrics.errors import (
    DiscardMessageError,
    InvalidNameError,
    OutboxError,
    RegistrationRefusedError,
    SkipProcessError,
)
from robometrics.publisher.ancestry import ancestors
from robometrics.publisher.control import Control
from robometrics.publisher.exit_watch import ExitWatch
from robometrics.publisher.identity import host_pid, is_start_of, started_at_ns
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.rights import Peer, Rights
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.requests import (
    AnyRequest,
    BurstRequest,
    IntervalRequest,
    ListRequest,
    RegisterRequest,
    Reply,
    UnregisterRequest,
    Watched,
    WorkerIdentity,
    decode_request,
)
from robometrics.schema import NS_PER_SECOND
from robometrics.subjects import escape

log = logging.getLogger(__name__)

Emit = Callable[..., None]


class Registrar:
    """Keeps the watchlist as programs and their exits want it."""

    def __init__(
        self,
        host: str,
        watchlist: Watchlist,
        outbox: Outbox,
        *,
        identity: WorkerIdentity,
        rights: Rights,
        now_ns: Callable[[], int],
        emit: Emit,
    ) -> None:
        self._host = host
        self._identity = identity
        self._rights = rights
        self._watchlist = watchlist
        self._outbox = outbox
        self._now_ns = now_ns
        self._emit = emit
        self._control = Control(host, watchlist, outbox, now_ns)
        self._exits = ExitWatch(self.ended)
        self._unreadable: list[tuple[Registration, int, str]] = []
        """What was registered and cannot be watched, since which slot, and why."""

    def answer(
        self, data: bytes, *, peer: Peer | None = None, to_all: bool = False
    ) -> Reply:
        """Return the reply to an encoded request; it never raises.

        Args:
            data: JSON of one of ``requests.AnyRequest``.
            peer: Who asks by the socket; ``None``: it came over the network.
            to_all: All workers were asked, so that a pid means nothing.
        """
        try:
            request = decode_request(data)
            return self._answer(request, peer, to_all=to_all)
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

    def _answer(self, request: AnyRequest, peer: Peer | None, *, to_all: bool) -> Reply:
        if isinstance(request, RegisterRequest | UnregisterRequest):
            if to_all:
                raise RegistrationRefusedError("ask the worker of the process's host")
            if peer is None:
                self._rights.check_token(request.token)
            if isinstance(request, RegisterRequest):
                return self._register(request, peer)
            return self._unregister(request, peer)
        if isinstance(request, IntervalRequest | BurstRequest) and peer is not None:
            self._check_order(request, peer)
        if isinstance(request, IntervalRequest):
            return self._control.change_interval(request)
        if isinstance(request, BurstRequest):
            return self._control.burst(request)
        if isinstance(request, ListRequest):
            return self._list()
        return Reply(accepted=True, host=self._host, worker=self._identity)

    def restore(self) -> None:
        """Watch again what a former worker on this outbox watched."""
        registrations = self._outbox.registrations.all()
        for registration in registrations:
            if self._is_gone(registration):
                self._drop(registration)
                self._say("exited", registration, reason="while no worker was running")
                continue
            try:
                target, _ = self._watchlist.add(registration)
            except RegistrationRefusedError as exc:
                log.warning("%s is not measured for now: %s", registration.name, exc)
                self._unreadable.append((registration, self._slot(), str(exc)))
            else:
                self._exits.await_exit(target)

    def retry(self, *, is_last: bool = False) -> None:
        """Watch what could not be read at the start, if it can be now.

        Args:
            is_last: The worker stops: say what was missed, even so.
        """
        unreadable, self._unreadable = self._unreadable, []
        for registration, from_slot, reason in unreadable:
            gone = self._is_gone(registration)
            try:
                if not gone and not self._is_watched(registration):
                    self._exits.await_exit(self._watchlist.add(registration)[0])
            except RegistrationRefusedError:
                if not is_last:
                    self._unreadable.append((registration, from_slot, reason))
                    continue
            if gone:
                self._drop(registration)
                self._say("exited", registration, reason="while it was unreadable")
            self._emit(
                "gap",
                cause="process_unreadable",
                reason=reason,
                process=registration.name,
                run=registration.run,
                from_slot=from_slot,
                to_slot=self._slot(),
            )

    def _slot(self) -> int:
        return self._now_ns() // NS_PER_SECOND

    def _is_watched(self, registration: Registration) -> bool:
        """Tell whether it registered again meanwhile, maybe with another plan."""
        targets = self._watchlist.of_pid(registration.pid, registration.name)
        return any(target.run == registration.run for target in targets)

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
        cpu_time_ns = target.read_last()
        if cpu_time_ns is not None:
            target.final = (self._now_ns(), cpu_time_ns)
        elif target.latest is None:  # reaped before its first tick
            target.final = target.first
        if target.exit_code is None:
            target.exit_code = self._exits.exit_code(target)
        self._close(target, "exited")

    def finish(self, target: Target) -> None:
        """Say how *target* ended, now that its last slot is complete.

        Not earlier: its parent may tell the exit code a moment after the exit.
        """
        if not target.closing:
            target.handed_over = False  # it was registered again meanwhile
            return
        if target.end == "exited":
            self._drop(target.registration)
            if target.exit_code is None:
                target.exit_code = self._exits.exit_code(target)
        self._exits.forget(target)
        self._say(
            target.end,
            target.registration,
            at_ns=target.ended_ns,
            exit_code=target.exit_code,
        )
        self._watchlist.remove(target)

    def close(self) -> None:
        """Stop waiting for exits, and for what cannot be read."""
        self.retry(is_last=True)
        self._control.close()
        self._exits.close()

    def _check_order(self, request: IntervalRequest | BurstRequest, peer: Peer) -> None:
        if request.process is None:
            self._rights.check_host(peer)
        self._rights.check_processes(
            peer,
            [
                target.registration.pid
                for target in self._watchlist
                if target.registration.name == request.process
            ],
        )

    def _pid_of(
        self, request: RegisterRequest | UnregisterRequest, peer: Peer | None
    ) -> int:
        """Return the pid that *request* is about, about which *peer* may decide."""
        pid = host_pid(request, peer.pid if peer else None)
        if peer is not None:
            self._rights.check_processes(peer, [pid])
        return pid

    def _register(self, request: RegisterRequest, peer: Peer | None) -> Reply:
        escape(request.name)
        pid = self._pid_of(request, peer)
        start_ticks = runtime.start_ticks(pid)
        if start_ticks is None:
            raise RegistrationRefusedError(f"there is no process {pid} on {self._host}")
        if not is_start_of(request, start_ticks):
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
            plan=request.plan,
        )
        target = self.admit(registration)
        for other in self._watchlist.of_pid(pid):
            if other is not target and other.registration.rule:
                self.release(other)  # its own word counts more than a rule's
        return Reply(
            accepted=True,
            host=self._host,
            run=target.run,
            interval_ns=target.interval_ns,
        )

    def admit(self, registration: Registration) -> Target:
        """Watch a process, also after a restart of the worker.

        Raises:
            RegistrationRefusedError: It is gone, not readable, or one too many.
            OutboxError: It could not be written down.
        """
        target, is_new = self._watchlist.add(registration)
        self._control.to_its_plan(target)
        if is_new:
            with suppress(SkipProcessError):
                target.first = (self._now_ns(), target.reader.fast()[0])
        try:
            self._outbox.registrations.keep(registration)
        except OutboxError:
            if is_new:
                self.release(target)  # with its slot: the sampler may be reading it
            raise
        if is_new:
            self._exits.await_exit(target)
            self._say_registered(target)
            log.info("measuring %s (pid %d)", registration.name, registration.pid)
        return target

    def retag(self, target: Target, tags: dict[str, str]) -> None:
        """Tell of *target* again if its tags are others than it was registered with."""
        if target.closing or tags == target.registration.tags:
            return
        target.registration = msgspec.structs.replace(target.registration, tags=tags)
        try:
            self._outbox.registrations.keep(target.registration)
        except OutboxError as exc:
            log.warning("%s", exc)  # the next worker learns them anew
        self._say_registered(target, reason="where it runs is known now")

    def release(self, target: Target) -> None:
        """Watch *target* no more, though its process goes on."""
        self._close(target, "unregistered")

    def _unregister(self, request: UnregisterRequest, peer: Peer | None) -> Reply:
        pid = self._pid_of(request, peer)
        if not is_start_of(request, runtime.start_ticks(pid)):
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
                if request.exit_code is not None:
                    target.exit_code = request.exit_code
                self.ended(target)
            else:
                self._close(target, "unregistered")
        return Reply(
            accepted=True,
            host=self._host,
            run=targets[0].run,
            samples=max(target.samples for target in targets),
        )

    def _list(self) -> Reply:
        watched = [
            Watched(
                process=target.registration.name,
                pid=target.registration.pid,
                run=target.run,
                command=target.command[:200],
                cpu_time_ns=target.latest[0] if target.latest else None,
                memory_rss_bytes=target.latest[1] if target.latest else None,
                tags=target.registration.tags,
                interval_ns=target.interval_ns,
            )
            for target in self._watchlist
        ]
        return Reply(
            accepted=True,
            host=self._host,
            interval_ns=self._watchlist.interval_ns,
            watched=sorted(watched, key=lambda each: (each.process, each.pid)),
        )

    def _close(self, target: Target, how: str) -> None:
        if target.closing:
            return
        target.end = how
        target.ended_ns = self._now_ns()
        target.closing = True
        self._exits.pause(target)
        if how == "unregistered":
            self._drop(target.registration)
        log.info("%s %s", target.registration.name, how)

    def _drop(self, registration: Registration) -> None:
        try:
            self._outbox.registrations.drop(registration.name, registration.run)
        except OutboxError as exc:
            log.warning("%s", exc)  # the next start finds the process gone, and drops

    def _say_registered(self, target: Target, **details: Any) -> None:
        self._say(
            "registered",
            target.registration,
            command=target.command,
            ancestors=ancestors(target.registration) or None,
            **details,
        )

    def _say(
        self,
        event: str,
        registration: Registration,
        *,
        at_ns: int | None = None,
        **details: Any,
    ) -> None:
        began_ns = None
        if event == "registered":
            began_ns = started_at_ns(registration.start_ticks)
        self._emit(
            event,
            # All of a run's events by one clock: their order tells its state.
            at_ns=self._now_ns() if at_ns is None else at_ns,
            process=registration.name,
            run=registration.run,
            pid=registration.pid,
            started_at_ns=began_ns,
            tags=registration.tags or None,
            **details,
        )
