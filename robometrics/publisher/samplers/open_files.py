"""How many file descriptors a process has open."""

from __future__ import annotations

import time
from collections.abc import Callable

from robometrics.publisher.samplers.proc_directory import ProcDirectory
from robometrics.publisher.samplers.schedule import Schedule

INTERVAL_SECONDS = 10.0


class OpenFiles:
    """Counts them every ten seconds; where that takes long, less often."""

    def __init__(
        self, directory: ProcDirectory, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._schedule = Schedule(INTERVAL_SECONDS)

    def read(self) -> dict[str, int]:
        """Return the number if it is due.

        Raises:
            OSError: The process is gone, or another user's.
        """
        began = self._clock()
        if not self._schedule.is_due(began):
            return {}
        # The kernel tells the number as the folder's size from 6.2 on, before: 0.
        count = self._directory.size("fd") or len(self._directory.list("fd"))
        ended = self._clock()
        self._schedule.done(ended, ended - began)
        return {"open_file_count": count}
