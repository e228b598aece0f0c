"""Waits for the ends of targets on their pidfds, in the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from robometrics.publisher.exits import exit_code
from robometrics.publisher.watchlist import Target


class ExitWatch:
    """Holds one pidfd for each target, from its registration to its last word."""

    def __init__(self, ended: Callable[[Target], None]) -> None:
        self._ended = ended
        self._pidfds: dict[Target, int] = {}

    def await_exit(self, target: Target) -> None:
        """Have ``ended`` called at the end of the process, again after a pause."""
        with suppress(OSError, AttributeError):  # seccomp, or not Linux: ticks find out
            descriptor = self._pidfds.get(target)
            if descriptor is None:
                descriptor = os.pidfd_open(target.registration.pid)
                self._pidfds[target] = descriptor
            asyncio.get_running_loop().add_reader(descriptor, self._ended, target)

    def pause(self, target: Target) -> None:
        """Call no more, and keep the pidfd: it may yet tell the exit code."""
        if target in self._pidfds:
            asyncio.get_running_loop().remove_reader(self._pidfds[target])

    def exit_code(self, target: Target) -> int | None:
        """Return how its process ended, if that is known; see ``exits``."""
        registration = target.registration
        return exit_code(
            registration.pid, registration.start_ticks, self._pidfds.get(target)
        )

    def forget(self, target: Target) -> None:
        self.pause(target)
        descriptor = self._pidfds.pop(target, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        for target in [*self._pidfds]:
            self.forget(target)
