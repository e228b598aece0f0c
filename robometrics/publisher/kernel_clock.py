"""What the kernel knows of its own clock (``adjtimex``)."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

_FAILED = -1
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_NANOSECONDS = 0x2000  # STA_NANO: the offset is in ns, else in µs

# The beginning of struct timex: modes, offset, freq, maxerror, esterror, status.
_TIMEX = struct.Struct("@Illlli")
_TIMEX_BYTES = 512  # longer than any kernel's


class KernelClock(NamedTuple):
    """The state in which whoever disciplines the clock (chrony, ntpd, …) left it."""

    is_synchronised: bool
    offset_ns: int
    """What the kernel still has to slew away."""

    frequency_ppb: float
    """By how much the clock's rate is corrected, parts per billion."""

    estimated_error_ns: int


def read_kernel_clock() -> KernelClock | None:
    """Ask the kernel; ``None`` where nobody can tell: not Linux, or forbidden."""
    try:
        adjtimex = _adjtimex()
    except (OSError, AttributeError):
        return None
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: only read
    return parse_timex(adjtimex(buffer), buffer.raw)


def parse_timex(state: int, timex: bytes) -> KernelClock | None:
    """Return what *timex* says, filled by a call of ``adjtimex`` that gave *state*."""
    if state == _FAILED:
        return None
    _, offset, frequency, _, error_us, status = _TIMEX.unpack_from(timex)
    return KernelClock(
        is_synchronised=state != _UNSYNCHRONISED,
        offset_ns=offset if status & _NANOSECONDS else offset * 1_000,
        frequency_ppb=frequency * 1_000 / 65_536,  # from parts per million, 16 bits on
        estimated_error_ns=error_us * 1_000,
    )


@cache
def _adjtimex() -> Callable[[object], int]:
    return ctypes.CDLL(None).adjtimex
