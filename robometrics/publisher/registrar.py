"""Answers requests: who may be measured, under which name, and who is."""

from __future__ import annotations

import logging

from robometrics import runtime
from robometrics.errors import (
    DiscardMessageError,
    InvalidNameError,
    OutboxError,
    RegistrationRefusedError,
)
from robometrics.publisher.control import Control
from robometrics.publisher.identity import host_pid, is_start_of
from robometrics.publisher.rights import Peer, Rights
from robometrics.publisher.runs import Runs
from robometrics.publisher.watchlist import Registration, Watchlist
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
from robometrics.subjects import escape

log = logging.getLogger(__name__)


class Registrar:
    """Does what it is asked for, if who asks may have it done."""

    def __init__(
        self,
        host: str,
        watchlist: Watchlist,
        runs: Runs,
        control: Control,
        *,
        identity: WorkerIdentity,
        rights: Rights,
    ) -> None:
        self._host = host
        self._watchlist = watchlist
        self._runs = runs
        self._control = control
        self._identity = identity
        self._rights = rights

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
        target = self._runs.admit(registration)
        for other in self._watchlist.of_pid(pid):
            if other is not target and other.registration.rule:
                self._runs.release(other)  # its own word counts more than a rule's
        return Reply(
            accepted=True,
            host=self._host,
            run=target.run,
            interval_ns=target.interval_ns,
        )

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
                self._runs.ended(target)
            else:
                self._runs.release(target)
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
