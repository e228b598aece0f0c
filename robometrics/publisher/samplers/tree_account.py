"""What a tree has used that none of its living processes shows any more.

A process that ended is in its parent's account of waited-for children (``cutime`` and
``cstime``), together with all that it waited for itself, and with children that nobody
saw. So a member that ended is dropped, and its parent's account grows by the exact
amount, last moments included. It does not when the member was adopted by a process
outside, or when its parent ignores SIGCHLD: then the member's last reading is all there
is. Which of the two it was, the amounts tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

ROUNDING_NS = 2 * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
"""The kernel cuts off user and system time of children, each to a tick."""


class Ended(NamedTuple):
    """A member that is no more, as it was last read."""

    cpu_ns: int
    """Its own CPU time."""

    counted_ns: int
    """What the sum already holds of children it had waited for."""


class Growth(NamedTuple):
    """What is to be added to the sum for one living member."""

    known_ns: int
    """For its children that ended and were members."""

    unseen_ns: int
    """For what nobody saw."""

    debt_ns: int
    """Counted before its time, because of rounding; to be taken off the next growth."""


def growth(reaped_ns: int, debt_ns: int, ended: Iterable[Ended] = ()) -> Growth:
    """Return what to add for a member, never less than was known of its children.

    Args:
        reaped_ns: By how much the account of its waited-for children grew.
        debt_ns: Of the last call.
        ended: Its children that ended since.
    """
    known_ns = 0
    new_ns = reaped_ns - debt_ns
    for each in ended:
        known_ns += each.cpu_ns
        new_ns -= each.counted_ns
    if new_ns >= known_ns:
        return Growth(known_ns, new_ns - known_ns, 0)
    # Either rounding, or they went elsewhere for good.
    return Growth(known_ns, 0, min(known_ns - new_ns, ROUNDING_NS))


def left_over(unseen_ns: int, astray: Iterable[Ended]) -> int:
    """Return what to add for all that is not known of a certain living member.

    Args:
        unseen_ns: Of all living members together.
        astray: Members that ended together with their parents: some living member may
            have them in its account, or none.
    """
    known_ns = 0
    for each in astray:
        known_ns += each.cpu_ns
        unseen_ns -= each.counted_ns
    return max(unseen_ns, known_ns)
