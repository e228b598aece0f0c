"""The peak memory of a block, where the kernel knows only that of a whole life.

Linux keeps the most resident memory of a process (``VmHWM``), and sets it back to the
present when ``5`` is written to ``clear_refs`` (proc(5), kernel 4.0). All blocks under
way share that mark: before anybody sets it back, all take note of it, so that nested
and concurrent blocks each have their own exact peak. What others read of the whole
life (``ru_maxrss``, ``time -v``) begins anew then; who needs that chooses sampling.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import NamedTuple

from robometrics.lib.measure.counters import HAS_USAGE, read_own

SAMPLE_SECONDS = 0.01
MAX_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""Of ``ru_maxrss``, see getrusage(2)."""


class Memory(NamedTuple):
    """Resident memory now, and the most since the mark was set back."""

    rss_bytes: int | None
    high_water_bytes: int | None


class Peak:
    """The peak of one block under way."""

    __slots__ = (
        "_floor",
        "_is_covered",
        "_is_exact",
        "begin_bytes",
        "end_bytes",
        "high",
    )

    def __init__(self, now: Memory, *, is_exact: bool) -> None:
        self.begin_bytes = self.end_bytes = self.high = now.rss_bytes
        self._floor = now.high_water_bytes
        self._is_exact = is_exact
        self._is_covered = is_exact

    @property
    def method(self) -> str | None:
        """How ``high`` is known, see ``Measurement.peak_memory_method``."""
        if self.high is None:
            return None
        # A mark above that of the beginning was made inside the block.
        has_risen = self._floor is not None and self.high > self._floor
        return "kernel" if self._is_exact or has_risen else "sampled"

    @property
    def is_sampled(self) -> bool:
        return not self._is_covered

    def cover(self) -> None:
        """From now on the mark speaks of this block alone."""
        self._is_covered = True

    def note(self, now: Memory) -> None:
        """Take a reading into account."""
        self.end_bytes = now.rss_bytes
        found = [self.high, now.rss_bytes]
        mark = now.high_water_bytes
        if mark is not None and (
            self._is_covered or (self._floor is not None and mark > self._floor)
        ):
            found.append(mark)
        self.high = max((each for each in found if each is not None), default=None)


class HighWater:
    """The blocks under way in this process, and the one mark they share."""

    def __init__(self) -> None:
        # A signal handler may measure while the thread under it holds the lock; the
        # tuple is replaced as a whole, so that such a handler disturbs no loop.
        self._lock = threading.RLock()
        self._peaks: tuple[Peak, ...] = ()
        self._sampler: threading.Thread | None = None

    def begin(self, *, may_reset: bool) -> Peak:
        """Return the peak of a block that begins now."""
        with self._lock:
            now = read_memory()
            self._note(now)
            is_exact = may_reset and reset_high_water()
            if is_exact:
                for peak in self._peaks:
                    peak.cover()
            peak = Peak(now, is_exact=is_exact)
            self._peaks = (*self._peaks, peak)
            if not is_exact and now.rss_bytes is not None:
                self._start_sampler()
            return peak

    def look(self, peak: Peak) -> None:
        """Bring *peak* up to now."""
        with self._lock:
            now = read_memory()
            self._note(now)
            peak.note(now)

    def end(self, peak: Peak) -> None:
        """Bring *peak* up to now; its block is over."""
        with self._lock:
            self.look(peak)
            self._peaks = tuple(each for each in self._peaks if each is not peak)

    def after_fork(self) -> None:
        """Begin anew in a child: it has a mark of its own, and no other threads."""
        self._lock = threading.RLock()
        self._sampler = None
        for peak in self._peaks:
            peak.cover()

    def _note(self, now: Memory) -> None:
        for peak in self._peaks:
            peak.note(now)

    def _start_sampler(self) -> None:
        if self._sampler is not None:
            return
        self._sampler = threading.Thread(
            target=self._sample, name="robometrics-memory", daemon=True
        )
        try:
            self._sampler.start()
        except RuntimeError:  # out of threads: what both ends show must do
            self._sampler = None

    def _sample(self) -> None:
        pause = threading.Event()
        while True:
            with self._lock:
                if not any(peak.is_sampled for peak in self._peaks):
                    self._sampler = None
                    return
                self._note(read_memory())
            pause.wait(SAMPLE_SECONDS)


def read_memory() -> Memory:
    """Return the memory of this process; elsewhere than on Linux its maximum only."""
    try:
        return parse_status(read_own("status"))
    except (OSError, ValueError):
        return Memory(None, _lifetime_peak_bytes())


def _lifetime_peak_bytes() -> int | None:
    if not HAS_USAGE:
        return None
    import resource  # noqa: PLC0415  there is none on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAX_RSS_UNIT_BYTES


def parse_status(data: bytes) -> Memory:
    """Return what ``/proc/PID/status`` says of resident memory, see proc(5).

    Raises:
        ValueError: It says nothing, as of a process that has ended.
    """
    return Memory(_kib(data, b"\nVmRSS:") * 1024, _kib(data, b"\nVmHWM:") * 1024)


def _kib(data: bytes, label: bytes) -> int:
    start = data.index(label) + len(label)
    return int(data[start : data.index(b" kB\n", start)])


def reset_high_water() -> bool:
    """Set the mark back to the memory in use; return whether that was possible."""
    try:
        descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY)
        try:
            os.write(descriptor, b"5")
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True


high_water = HighWater()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=high_water.after_fork)
