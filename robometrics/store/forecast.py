"""When a disk will be full, and how much retention holds there; pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from robometrics.keeping import SECONDS_PER_DAY


class Growing(msgspec.Struct, frozen=True):
    """Some data that is kept for one time."""

    now_bytes: float
    bytes_per_day: float
    keep_seconds: int | None
    """``None``: for ever."""

    @property
    def most_bytes(self) -> float | None:
        """Return how large it becomes, ``None`` if it grows without end.

        What is deleted leaves room in its file, which the database does not give back
        to the disk: so never less than now.
        """
        if not self.bytes_per_day:
            return self.now_bytes
        if self.keep_seconds is None:
            return None
        steady = self.bytes_per_day * self.keep_seconds / SECONDS_PER_DAY
        return max(self.now_bytes, steady)

    def added_bytes(self, days: float) -> float:
        """Return by how much it will have grown."""
        grown = self.bytes_per_day * days
        most = self.most_bytes
        return grown if most is None else min(grown, most - self.now_bytes)

    @property
    def grows_days(self) -> float | None:
        """Return for how long it grows, ``None`` if without end."""
        most = self.most_bytes
        if most is None:
            return None
        room = most - self.now_bytes
        return room / self.bytes_per_day if room else 0.0


def most_bytes(data: Iterable[Growing]) -> float | None:
    """Return how large all of *data* becomes, ``None`` if it grows without end."""
    total = 0.0
    for each in data:
        most = each.most_bytes
        if most is None:
            return None
        total += most
    return total


def full_in_days(data: Sequence[Growing], free_bytes: float) -> float | None:
    """Return in how many days *data* will have grown by *free_bytes*.

    ``None``: never, as retention holds it before.
    """
    if free_bytes <= 0:
        return 0.0
    at, added = 0.0, 0.0
    ends = {end for each in data if (end := each.grows_days) is not None and end > 0}
    for end in (*sorted(ends), None):
        # Between two ends all that still grows does so evenly.
        rate = sum(
            each.bytes_per_day
            for each in data
            if (last := each.grows_days) is None or last > at
        )
        if end is None or added + rate * (end - at) >= free_bytes:
            return at + (free_bytes - added) / rate if rate else None
        at, added = end, added + rate * (end - at)
    return None
