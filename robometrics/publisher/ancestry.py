"""Which processes a process descends from, as ``/proc`` has it at one moment."""

from __future__ import annotations

from robometrics.publisher.samplers.descent import Kin, read_kin
from robometrics.publisher.watchlist import Registration, run_id
from robometrics.schema import ANCESTORS_MAX


def ancestors(of: Registration) -> list[str]:
    """Return the runs of the parent of a process, of that one's, and so on up.

    Measured or not: one that is not now may be later. The chain ends early where it
    changes while it is read.
    """
    found: list[str] = []
    kin = read_kin(of.pid)
    if kin is None or kin.start_ticks != of.start_ticks:
        return found
    while len(found) < ANCESTORS_MAX and (above := _parent(kin)) is not None:
        found.append(run_id(of.boot_id, kin.parent_pid, above.start_ticks))
        kin = above
    return found


def _parent(kin: Kin) -> Kin | None:
    """Return the parent, unless it has ended and another process has its pid."""
    above = read_kin(kin.parent_pid) if kin.parent_pid else None
    return above if above and above.start_ticks <= kin.start_ticks else None
