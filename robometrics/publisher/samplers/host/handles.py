"""Open files of the whole system: ``/proc/sys/fs/file-nr``."""

from __future__ import annotations

from robometrics.publisher.samplers.host.machine import Values


def parse(file_nr: bytes) -> Values:
    """Return how many are open, of allocated, unused (always 0) and the maximum."""
    allocated, unused, _ = file_nr.split()
    return {"file_handle_count": int(allocated) - int(unused)}
