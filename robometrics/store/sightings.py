"""Who was seen when, on its way to the fleet's rows.

A row is not written for each batch: what was seen waits up to five seconds, and what a
consumer that catches up sees in that time becomes one write. Of a consumer that is
killed, rows stay behind by what waited: at most half a minute of samples.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from robometrics.schema import AnyBatch

WAIT_SECONDS = 5.0
BEHIND_SLOTS_MAX = 30
"""By how much a series may be newer than its row says."""

FUTURE_SECONDS = 86_400
"""What claims to be further ahead must not be the latest for ever."""

_REMEMBERED_MAX = 100_000

Identity = tuple[str, str, str]
"""Host, name of what is measured there, and run."""


class Sighting(NamedTuple):
    """One run as it was seen since it was last written."""

    first_slot: int
    last_slot: int
    newest: AnyBatch


class Sightings:
    """What one consumer saw; *clock* tells seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._written: dict[Identity, tuple[int, int]] = {}
        self._waiting: dict[Identity, Sighting] = {}
        self._urgent: set[Identity] = set()
        self._clock = clock
        self._taken_at = clock()

    def add(self, batches: Iterable[AnyBatch]) -> None:
        """Note the runs in *batches*; those of hosts without a clock are left out."""
        latest = time.time() + FUTURE_SECONDS
        written, waiting = self._written, self._waiting
        for batch in batches:
            slot = batch.slot
            identity = (batch.host, batch.name, batch.run)
            low, high = written.get(identity, (slot + BEHIND_SLOTS_MAX, 0))
            if low <= slot <= high or slot > latest:
                continue
            found = waiting.get(identity)
            if found is None:
                waiting[identity] = Sighting(slot, slot, batch)
            elif slot > found.last_slot:
                waiting[identity] = Sighting(found.first_slot, slot, batch)
            elif slot < found.first_slot:
                waiting[identity] = found._replace(first_slot=slot)
            if slot + BEHIND_SLOTS_MAX <= low or slot >= high + BEHIND_SLOTS_MAX:
                self._urgent.add(identity)

    def due(self, *, everything: bool = False) -> dict[Identity, Sighting]:
        """Return what is to be written now; tell ``wrote`` when it is."""
        now = self._clock()
        if everything or now - self._taken_at >= WAIT_SECONDS:
            self._taken_at = now
            return dict(self._waiting)
        return {each: self._waiting[each] for each in self._urgent}

    def wrote(self, done: Mapping[Identity, Sighting]) -> None:
        """Forget *done*; what was seen of them meanwhile still waits."""
        if len(self._written) > _REMEMBERED_MAX:
            self._written.clear()
        for identity, sighting in done.items():
            if self._waiting.get(identity) is sighting:
                del self._waiting[identity]
                self._urgent.discard(identity)
            first, last = sighting.first_slot, sighting.last_slot
            low, high = self._written.get(identity, (first, last))
            self._written[identity] = (min(low, first), max(high, last))
