"""What of a process's memory is its own, and what its share of the rest is.

``smaps_rollup`` walks all page tables and holds up the target meanwhile: 12 ms for a
GiB of small pages, seconds for hundreds. So it is read twice a minute at most, less
often the longer it takes, and not at all above a size.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from robometrics.publisher.samplers.proc_directory import ProcDirectory
from robometrics.publisher.samplers.schedule import Schedule

INTERVAL_SECONDS = 30.0
RSS_MAX_BYTES = 16 << 30
"""Above it nothing is read: the first reading alone would take a fifth of a second."""

log = logging.getLogger(__name__)

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_KIB = 1024

Value = int | float | None


class MemoryDetail:
    """Reads PSS, USS and swap of one process."""

    def __init__(
        self,
        directory: ProcDirectory,
        *,
        rss_max_bytes: int = RSS_MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._rss_max_bytes = rss_max_bytes
        self._clock = clock
        self._schedule = Schedule(INTERVAL_SECONDS)
        self._is_said = False

    def read(self) -> dict[str, Value]:
        """Return what is due; each value is ``None`` while the process is too big.

        Raises:
            OSError: The process is gone or another user's, or the kernel is too old.
        """
        began = self._clock()
        if not self._schedule.is_due(began):
            return {}
        resident = int(self._directory.read("statm").split()[1]) * _PAGE_BYTES
        if resident > self._rss_max_bytes:
            self._schedule.done(began, 0)
            self._say_too_big(resident)
            return dict.fromkeys(
                ("memory_pss_bytes", "memory_uss_bytes", "memory_swap_bytes")
            )
        rollup = self._directory.read("smaps_rollup")
        ended = self._clock()
        self._schedule.done(ended, ended - began)
        return {**parse_rollup(rollup)}

    def _say_too_big(self, resident: int) -> None:
        if not self._is_said:
            pid, limit = self._directory.pid, self._rss_max_bytes
            log.warning("process %d: no PSS of %d bytes, > %d", pid, resident, limit)
        self._is_said = True


def parse_rollup(rollup: bytes) -> dict[str, int]:
    """Return the sums in ``/proc/PID/smaps_rollup`` (see proc_pid_smaps(5)).

    PSS counts a page that n processes share as the n-th part of one; USS counts the
    pages that are nobody else's, and would be free if the process ended.
    """
    values: dict[bytes, int] = {}
    for line in rollup.splitlines()[1:]:
        name, _, rest = line.partition(b":")
        values[name] = int(rest.split()[0]) * _KIB
    private = (b"Private_Clean", b"Private_Dirty", b"Private_Hugetlb")
    return {
        "memory_pss_bytes": values[b"Pss"],
        "memory_uss_bytes": sum(values.get(name, 0) for name in private),
        "memory_swap_bytes": values[b"Swap"],
    }
