"""What a command cost that ``robometrics run`` started."""

from __future__ import annotations

import resource
import signal
from typing import Any
from urllib.parse import urlencode

import msgspec

from robometrics import runtime
from robometrics.lib.family import Family
from robometrics.lib.measure.memory import MAX_RSS_UNIT_BYTES

_INEXACT = 1.05  # the kernel adds up its cores' counts of pages only now and then
BLOCK_BYTES = 512  # of ru_inblock and ru_oublock, whatever the disk's are


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All about one command that has ended. ``None`` is what is not known."""

    command: list[str]
    began_at_ns: int
    wall_time_ns: int
    exit_code: int | None
    """``None`` if a signal ended it."""

    signal: str | None
    cpu_user_time_ns: int
    cpu_system_time_ns: int
    """As the rest from the kernel: of the command and all children that were waited
    for, theirs included (wait4(2))."""

    peak_memory_bytes: int | None
    """Peak resident memory of the largest of these processes."""

    peak_memory_method: str | None
    """``kernel``: exact; ``sampled``: as seen at the last look before the end."""

    peak_memory_at_most_bytes: int | None
    """What the kernel rules out to be exceeded, where the peak is not exact."""

    tree_peak_memory_bytes: int | None
    """The most resident memory of all at one time, sampled."""

    tree_peak_process_count: int
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int
    io_read_bytes: int
    io_write_bytes: int
    """Read from storage and written to it, in blocks of 512 bytes."""

    process: str
    """The name it was to be measured under."""

    host: str | None
    interval_ns: int | None
    samples: int | None
    """How many samples a worker took; ``None`` without one that says so."""

    url: str | None
    """Where the page shows them."""

    not_measured: str | None
    """Why no worker took samples, if none did."""

    @property
    def cpu_percent(self) -> float | None:
        """CPU time over wall time; 100 is one core."""
        if not self.wall_time_ns:
            return None
        cpu_time_ns = self.cpu_user_time_ns + self.cpu_system_time_ns
        return 100 * cpu_time_ns / self.wall_time_ns


def summarise(
    usage: resource.struct_rusage,
    code: int,
    family: Family,
    *,
    floor_bytes: int,
    **about: Any,
) -> Summary:
    """Return the summary of a command that was reaped with *usage* and *code*.

    Args:
        usage: As wait4(2) gave it.
        code: The exit code; negative is a signal's number.
        family: What was seen of its memory while it ran.
        floor_bytes: See ``peak_memory``.
        about: The other fields.
    """
    peak_bytes, method, at_most_bytes = peak_memory(
        usage.ru_maxrss * MAX_RSS_UNIT_BYTES, floor_bytes, family.largest_bytes
    )
    return Summary(
        exit_code=None if code < 0 else code,
        signal=signal_name(-code) if code < 0 else None,
        cpu_user_time_ns=round(usage.ru_utime * 1e9),
        cpu_system_time_ns=round(usage.ru_stime * 1e9),
        peak_memory_bytes=peak_bytes,
        peak_memory_method=method,
        peak_memory_at_most_bytes=at_most_bytes,
        tree_peak_memory_bytes=family.together_bytes,
        tree_peak_process_count=family.together_count,
        minor_faults=usage.ru_minflt,
        major_faults=usage.ru_majflt,
        voluntary_switches=usage.ru_nvcsw,
        involuntary_switches=usage.ru_nivcsw,
        io_read_bytes=usage.ru_inblock * BLOCK_BYTES,
        io_write_bytes=usage.ru_oublock * BLOCK_BYTES,
        **about,
    )


def page_url(host: str | None, process: str) -> str | None:
    """Return where to see it, if an ``up`` with the worker *host* runs here."""
    up = runtime.find()
    if up is None or host is None or up.host != host:
        return None
    return f"{up.api_url}/?{urlencode({'host': host, 'process': process})}"


def signal_name(number: int) -> str:
    """Return the name of a signal; real-time signals have only a number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def peak_memory(
    max_rss_bytes: int, floor_bytes: int, seen_bytes: int | None
) -> tuple[int | None, str | None, int | None]:
    """Return the peak of the largest process, how it is known, and a bound.

    Args:
        max_rss_bytes: ``ru_maxrss`` of the command that has ended.
        floor_bytes: Own peak memory when it was started: ``ru_maxrss`` is never below,
            as the new process is a copy of this one for a moment (setmax_mm_hiwater_rss
            in the kernel's exec).
        seen_bytes: The highest peak that was seen while it ran.
    """
    if max_rss_bytes > floor_bytes:
        # A program may set its own mark back, and so hide a peak that was seen before.
        if seen_bytes is not None and seen_bytes > _INEXACT * max_rss_bytes:
            return seen_bytes, "sampled", None
        return max_rss_bytes, "kernel", None
    return seen_bytes, None if seen_bytes is None else "sampled", max_rss_bytes
