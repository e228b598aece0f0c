"""Which processes are due when: one grid of ticks for each interval in use."""

from __future__ import annotations

from robometrics.publisher.watchlist import Target

GRAINS = 1_000_000
"""Times are kept to this part of an interval. What they belong to is read some hundred
ns later, so finer digits are noise, and would be an eighth of the disk."""

NEVER_NS = 2**63


class Grid:
    """The ticks of one interval, and who is read at each."""

    __slots__ = ("due_ns", "interval_ns", "targets")

    def __init__(self, interval_ns: int, now_ns: int) -> None:
        self.interval_ns = interval_ns
        self.targets: list[Target] = []
        self.due_ns = next_tick_ns(now_ns, interval_ns)


class Schedule:
    """The grids, the finest first.

    Ticks lie on multiples of their interval, so they neither drift nor bunch, and hosts
    and restarts agree on them.
    """

    def __init__(self) -> None:
        self.grids: list[Grid] = []
        self._snapshot: tuple[Target, ...] = ()

    def follow(self, snapshot: tuple[Target, ...], now_ns: int) -> None:
        """Sort *snapshot* into grids, if it is another than before.

        The ticks of an interval that was in use already stay where they were.
        """
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        former = {grid.interval_ns: grid for grid in self.grids}
        grids: dict[int, Grid] = {}
        for target in snapshot:
            interval_ns = target.interval_ns
            grid = grids.get(interval_ns)
            if grid is None:
                grid = former.get(interval_ns) or Grid(interval_ns, now_ns)
                grid.targets = []
                grids[interval_ns] = grid
            grid.targets.append(target)
        self.grids = [grids[interval_ns] for interval_ns in sorted(grids)]

    def restart(self, now_ns: int) -> None:
        """Begin all grids anew: the clock stepped."""
        for grid in self.grids:
            grid.due_ns = next_tick_ns(now_ns, grid.interval_ns)

    @property
    def due_ns(self) -> int:
        """When the next tick of any grid is due."""
        return min((grid.due_ns for grid in self.grids), default=NEVER_NS)


def next_tick_ns(now_ns: int, interval_ns: int) -> int:
    """Return the first multiple of *interval_ns* after *now_ns*."""
    return (now_ns // interval_ns + 1) * interval_ns
