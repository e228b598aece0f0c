"""Live batches from the broker to the viewers: one subscription per watched host.

Each batch is decoded once, however many watch it. A viewer's queue is bounded; when
full, its oldest batches go and are told as a gap. Nothing here waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable

import msgspec

from robometrics import subjects
from robometrics.api.frames import Frame
from robometrics.broker import Link, Message, Subscription
from robometrics.errors import DiscardMessageError, RetryLaterError
from robometrics.schema import decode_batch
from robometrics.store import Series

log = logging.getLogger(__name__)

QUEUE_FRAMES_MAX = 2_048
HOSTS_MAX = 10_000
"""Of all viewers together: each is a subscription at the broker, whoever it names."""

_REMEMBERED_BATCHES = 50_000
_REMEMBERED_SLOTS = 120  # as long as the stream knows repeats
_REMEMBERED_RUNS = 10_000


class Missed(msgspec.Struct):
    """Slots of one series that a viewer did not get, both ends included."""

    series: Series
    first_slot: int
    last_slot: int

    def widen(self, slot: int) -> None:
        self.first_slot = min(self.first_slot, slot)
        self.last_slot = max(self.last_slot, slot)


class Viewer:
    """One client: which series it wants, and what waits for it."""

    def __init__(self, queue_frames_max: int = QUEUE_FRAMES_MAX) -> None:
        self.wanted: frozenset[Series] = frozenset()
        self._frames: deque[Frame] = deque()
        self._frames_max = queue_frames_max
        self._dropped: dict[Series, Missed] = {}
        self._late: dict[Series, Missed] = {}
        self._arrived = asyncio.Event()

    def offer(self, frame: Frame) -> int:
        """Queue *frame*; return how many of the oldest had to go for it."""
        dropped = 0
        if len(self._frames) >= self._frames_max:
            _note(self._dropped, self._frames.popleft())
            dropped = 1
        self._frames.append(frame)
        self._arrived.set()
        return dropped

    def tell_late(self, frame: Frame) -> None:
        """Note that an older batch arrived, after younger ones were shown."""
        _note(self._late, frame)
        self._arrived.set()

    def wake(self) -> None:
        self._arrived.set()

    async def take(self) -> tuple[list[Frame], list[Missed], list[Missed]]:
        """Wait; return all that is queued, what was dropped, and what came late."""
        await self._arrived.wait()
        self._arrived.clear()
        frames = [frame for frame in self._frames if frame.series in self.wanted]
        dropped, late = list(self._dropped.values()), list(self._late.values())
        self._frames.clear()
        self._dropped.clear()
        self._late.clear()
        return frames, dropped, late


class _Feed:
    """The live batches of one host."""

    def __init__(self) -> None:
        self.subscription: Subscription | None = None
        self.viewers: set[Viewer] = set()
        self.frames_dropped_total = 0
        self._newest: dict[tuple[Series, str, int], int] = {}
        self._seen: OrderedDict[tuple[Series, str, int, int], None] = OrderedDict()

    async def on_message(self, message: Message) -> None:
        try:
            frame = Frame(decode_batch(message.data))
        except DiscardMessageError:
            return  # the consumers keep it as a dead letter, with the reason
        if message.subject != subjects.samples(*frame.series):
            return  # this too: one host may not speak for another
        if not self._is_new(frame):
            return
        batch = frame.batch
        run = (frame.series, batch.run, batch.generation)
        is_late = batch.slot < self._newest.get(run, 0)
        self._newest[run] = max(batch.slot, self._newest.pop(run, 0))
        if len(self._newest) > _REMEMBERED_RUNS:
            del self._newest[next(iter(self._newest))]
        for viewer in self.viewers:
            if frame.series in viewer.wanted:
                if is_late:
                    viewer.tell_late(frame)
                else:
                    self.frames_dropped_total += viewer.offer(frame)

    def _is_new(self, frame: Frame) -> bool:
        """Tell a new batch from one that the worker had to publish again."""
        batch = frame.batch
        identity = (frame.series, batch.run, batch.generation, batch.slot)
        if identity in self._seen:
            return False
        self._seen[identity] = None
        oldest = next(iter(self._seen))
        while (
            oldest[3] < batch.slot - _REMEMBERED_SLOTS
            or len(self._seen) > _REMEMBERED_BATCHES
        ):
            del self._seen[oldest]
            oldest = next(iter(self._seen))
        return True


class Hub:
    """All feeds of this server."""

    hosts_max = HOSTS_MAX

    def __init__(self, link: Link) -> None:
        self._link = link
        self._feeds: dict[str, _Feed] = {}
        self._dropped_of_ended_feeds = 0
        self._lock = asyncio.Lock()

    @property
    def viewers(self) -> int:
        return len(set().union(*(feed.viewers for feed in self._feeds.values())))

    @property
    def frames_dropped_total(self) -> int:
        """Batches not sent to viewers who read too slowly."""
        dropped = sum(feed.frames_dropped_total for feed in self._feeds.values())
        return self._dropped_of_ended_feeds + dropped

    async def watch(self, viewer: Viewer, wanted: Iterable[Series]) -> None:
        """Send *viewer* the live batches of *wanted*, and of nothing else.

        Raises:
            RetryLaterError: Too many hosts are watched; what it got, it gets still.
        """
        async with self._lock:
            await self._watch(viewer, wanted)

    async def _watch(self, viewer: Viewer, wanted: Iterable[Series]) -> None:
        series_wanted = frozenset(wanted)
        hosts = {series.host for series in series_wanted}
        if len(hosts | self._feeds.keys()) > self.hosts_max and hosts:
            raise RetryLaterError(
                f"{len(self._feeds)} hosts are watched here already, of at most "
                f"{self.hosts_max}: watch fewer, or try again later"
            )
        viewer.wanted = series_wanted
        for host in hosts:
            feed = self._feeds.get(host)
            if feed is None:
                feed = self._feeds[host] = _Feed()
                feed.subscription = await self._link.subscribe(
                    subjects.all_samples_of(host), feed.on_message
                )
            feed.viewers.add(viewer)
        for host, feed in list(self._feeds.items()):
            if host not in hosts and viewer in feed.viewers:
                await self._leave(viewer, host)

    async def leave(self, viewer: Viewer) -> None:
        """Send *viewer* nothing more."""
        await self.watch(viewer, ())

    async def _leave(self, viewer: Viewer, host: str) -> None:
        feed = self._feeds[host]
        feed.viewers.discard(viewer)
        if not feed.viewers:
            del self._feeds[host]
            self._dropped_of_ended_feeds += feed.frames_dropped_total
            if feed.subscription is not None:
                await self._link.unsubscribe(feed.subscription)


def _note(missed: dict[Series, Missed], frame: Frame) -> None:
    slot = frame.batch.slot
    if frame.series in missed:
        missed[frame.series].widen(slot)
    else:
        missed[frame.series] = Missed(frame.series, slot, slot)
