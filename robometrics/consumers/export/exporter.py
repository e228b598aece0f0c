"""The consumer: choose, send, and only then acknowledge; give up what is too old."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence

import anyio

from robometrics.broker import Delivery, Link
from robometrics.consumers.export.counts import ExportCounts
from robometrics.consumers.export.sources import Reading, Sources
from robometrics.consumers.export.target import Target
from robometrics.consumers.export.thinning import Thinning
from robometrics.consumers.intake import Intake
from robometrics.consumers.loop import ConsumerLoop
from robometrics.errors import ExportRefusedError, RetryLaterError
from robometrics.schema import AnyBatch
from robometrics.store import Store

log = logging.getLogger(__name__)

LINGER_SECONDS = 1.0
"""Receivers want few requests, each of much."""

POINTS_MAX = 5_000
"""In one request, but for a batch that alone has more."""

TRIES_MAX = 64
"""Requests made to find out what of one is refused; then all that is left is."""

_LATE = re.compile("out.of.(order|bounds)|too.old|duplicate sample")
"""In the words of Prometheus and of those like it."""


class Exporter(ConsumerLoop):
    """Sends what comes to one target; use ``options.make_exporters``.

    What the target refuses is counted and dropped: the database has it all the same.
    """

    optional = True

    def __init__(
        self,
        durable: str,
        link: Link,
        store: Store,
        target: Target,
        thinning: Thinning,
        *,
        max_age_seconds: float,
        fetch_batches: int,
    ) -> None:
        super().__init__(
            durable,
            link,
            store,
            self._take,
            fetch_batches=fetch_batches,
            linger_seconds=LINGER_SECONDS,
            lanes=1,  # receivers want the points of a series in order
        )
        self.counts = ExportCounts()
        self._target = target
        self._thinning = thinning
        self._sources = Sources(store.fleet)
        self._max_age_seconds = max_age_seconds
        self._left: dict[int, list[Reading]] = {}
        """What is left to send of each message that is held, by its place."""

    async def run(self, stop: anyio.Event) -> None:
        async with self._target.opened():
            await super().run(stop)

    async def _take(self, intake: Intake) -> dict[Delivery, str]:
        """Send what is left of *intake*; each time it is called, less may be left."""
        oldest = time.time() - self._max_age_seconds
        fresh = [each for each in intake.batches if each[0].stored_at >= oldest]
        await self._choose(fresh)
        for places, readings in self._portions(fresh):
            await self._deliver(readings)
            self._left.update((place, []) for place in places)

        left = [
            self._left.pop(each.stream_sequence, None) for each, _ in intake.batches
        ]
        given_up = sum(readings != [] for readings in left)
        if given_up:
            self.counts.given_up_messages["too_old"] += given_up
            log.warning(
                "%s: gave up %d messages that waited for %.0f s",
                self.name,
                given_up,
                self._max_age_seconds,
            )
        return {}

    async def _choose(self, received: Sequence[tuple[Delivery, AnyBatch]]) -> None:
        """Choose what goes out of each message, once: while it waits, others come."""
        new = [each for each in received if each[0].stream_sequence not in self._left]
        sources = await self._sources.find(new)
        for source, (delivery, batch) in zip(sources, new, strict=True):
            chosen = list(self._thinning.choose(source, batch))
            self._left[delivery.stream_sequence] = chosen

    def _portions(
        self, received: Sequence[tuple[Delivery, AnyBatch]]
    ) -> Iterator[tuple[list[int], list[Reading]]]:
        places: list[int] = []
        readings: list[Reading] = []
        points = 0
        for delivery, _ in received:
            chosen = self._left[delivery.stream_sequence]
            places.append(delivery.stream_sequence)
            readings += chosen
            points += points_of(chosen)
            if points >= POINTS_MAX:
                yield places, readings
                places, readings, points = [], [], 0
        yield places, readings

    async def _deliver(self, readings: list[Reading]) -> None:
        """Send *readings* in the order of time, those that come late apart.

        A receiver that takes no late samples then refuses nothing beside them.
        """
        readings.sort(key=lambda reading: reading.at_ns)
        late: list[Reading] = []
        due = readings
        if not self._target.wire.takes_late:
            late = [each for each in readings if each.at_ns <= each.source.newest_ns]
            due = [each for each in readings if each.at_ns > each.source.newest_ns]
        for part in (due, late):
            tries = iter(range(TRIES_MAX))
            if part:
                await self._send(part, tries)

    async def _send(self, readings: Sequence[Reading], tries: Iterator[int]) -> None:
        """Send *readings*; halve what is refused, until only what is wrong is lost."""
        self._target.check_wait()
        try:
            rejected, reason = await self._target.send(readings)
        except RetryLaterError:
            self.counts.failed_requests += 1
            raise
        except ExportRefusedError as exc:
            if len(readings) > 1 and next(tries, None) is not None:
                middle = len(readings) // 2
                await self._send(readings[:middle], tries)
                await self._send(readings[middle:], tries)
            else:
                self._count_refused(points_of(readings), str(exc))
            return
        for source, at_ns, _ in readings:
            source.newest_ns = max(source.newest_ns, at_ns)
        self.counts.sent_points += points_of(readings) - rejected
        if rejected:
            self._count_refused(rejected, f"{self._target.where}: {reason}")

    def _count_refused(self, points: int, reason: str) -> None:
        is_late = _LATE.search(reason) is not None
        kind = "out_of_order" if is_late else "refused"
        self.counts.refused_points[kind] += points
        log.log(
            logging.DEBUG if is_late else logging.WARNING,
            "%s: %d points refused: %s",
            self.name,
            points,
            reason,
        )


def points_of(readings: Sequence[Reading]) -> int:
    return sum(len(reading.values) for reading in readings)
