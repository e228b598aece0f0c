"""The runs that are measured: begun, told of, ended; kept through a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from robometrics import runtime
from robometrics.errors import OutboxError, RegistrationRefusedError, SkipProcessError
from robometrics.publisher.ancestry import ancestors
from robometrics.publisher.control import Control
from robometrics.publisher.exit_watch import ExitWatch
from robometrics.publisher.identity import started_at_ns
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.schema import NS_PER_SECOND

log = logging.getLogger(__name__)

Emit = Callable[..., None]


class Runs:
    """Keeps the watchlist as programs, rules and exits want it."""

    def __init__(
        self,
        watchlist: Watchlist,
        outbox: Outbox,
        control: Control,
        *,
        now_ns: Callable[[], int],
        emit: Emit,
    ) -> None:
        self._watchlist = watchlist
        self._outbox = outbox
        self._control = control
        self._now_ns = now_ns
        self._emit = emit
        self._exits = ExitWatch(self.ended)
        self._unreadable: list[tuple[Registration, int, str]] = []
        """What was registered and cannot be watched, since which slot, and why."""

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
        self._exits.close()

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

    def _slot(self) -> int:
        return self._now_ns() // NS_PER_SECOND

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
