"""Reads every part of the host that is due; what fails is left out, and tried again."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Sequence

from robometrics.publisher.samplers.host.machine import Files, Machine, Read, Values
from robometrics.publisher.samplers.host.table import PARTS, Part
from robometrics.schema import NS_PER_SECOND

log = logging.getLogger(__name__)

RETRY_SECONDS = 60
"""Until what failed is tried again."""

_EARLY_NS = NS_PER_SECOND // 2
"""Calls come about once a second, and the one that is due may come a little early."""

_PERIOD_PER_COST = 20
"""No slow part takes more than a twentieth of the time."""

_NOT_OFFERED = (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP, errno.ENOSYS)


class HostReader:
    """The host as a whole; for one thread, that asks once a second."""

    def __init__(
        self,
        machine: Machine | None = None,
        parts: Sequence[Part] = PARTS,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        machine = machine or Machine()
        self._parts = [_Scheduled(part, machine, monotonic_ns) for part in parts]

    def read(self) -> Values:
        """Return the host's metrics by key, see ``robometrics.metrics``.

        A part the system does not offer, or does not show to this user, is left out.
        Never raises.
        """
        now_ns = self._monotonic_ns()
        values: Values = {}
        for part in self._parts:
            if now_ns >= part.due_ns:
                part.read()
            values.update(part.values)
        return values

    def close(self) -> None:
        """Give back what the parts keep open."""
        for part in self._parts:
            part.close()


class _Scheduled:
    """One part: when it is due, and what it said last."""

    def __init__(
        self, part: Part, machine: Machine, monotonic_ns: Callable[[], int]
    ) -> None:
        self.due_ns = 0
        self.values: Values = {}
        self._part = part
        self._monotonic_ns = monotonic_ns
        # What is read every second is read at every call, however soon that comes.
        self._wait_ns = (
            0
            if part.period_seconds == 1
            else part.period_seconds * NS_PER_SECOND - _EARLY_NS
        )
        self._files = Files(machine)
        self._read: Read | None = None
        self._told = False

    def read(self) -> None:
        now_ns = self._monotonic_ns()
        if self._read is not None:
            try:
                self.values = self._read()
            except Exception:
                self.close()  # what it read may have been plugged out, and in again
            else:
                self._wait(now_ns)
                return
        try:
            self._read = self._part.begin(self._files)
            self.values = self._read()
            self._wait(now_ns)
        except Exception as exc:
            self.close()
            self.values = {}
            self.due_ns = now_ns + RETRY_SECONDS * NS_PER_SECOND - _EARLY_NS
            self._tell(exc)

    def _wait(self, now_ns: int) -> None:
        """Be due again after the period; later, if what is slow is very slow.

        A sensor on a stuck bus may take seconds to answer, and all others wait for it.
        """
        self.due_ns = now_ns
        if self._wait_ns:
            took_ns = self._monotonic_ns() - now_ns
            self.due_ns += max(self._wait_ns, took_ns * _PERIOD_PER_COST)

    def _tell(self, exc: Exception) -> None:
        """Say once why this part is not measured."""
        if self._told:
            return
        self._told = True
        if isinstance(exc, FileNotFoundError) or (
            isinstance(exc, OSError) and exc.errno in _NOT_OFFERED
        ):
            log.debug("%s: not offered by this host: %s", self._part.name, exc)
        elif isinstance(exc, PermissionError):
            log.info("%s: not measured: %s", self._part.name, exc)
        else:
            # Containers show odd or empty files; what comes of that is anything.
            log.warning("%s: not measured", self._part.name, exc_info=exc)

    def close(self) -> None:
        self._read = None
        self._files.close()
