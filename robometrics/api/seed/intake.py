"""What older workers post goes into the stream, as what any worker measures does.

It returns once the stream holds all of a post. A post that failed may be sent again:
readings with a ``created_at`` keep their identity.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

from robometrics.api.seed import messages
from robometrics.api.seed.book import Book
from robometrics.api.seed.posts import MachineReading, ProcessReading, StaticMachine
from robometrics.api.seed.reading import Reading, reading_of
from robometrics.api.seed.stamps import CLOCK_SECONDS_MAX, past_ns, present_ns
from robometrics.broker import AckedPublisher, Link
from robometrics.errors import RetryLaterError
from robometrics.schema import NS_PER_SECOND, AnyBatch, Event, encode

IN_FLIGHT_MAX = 256
PUBLISH_SECONDS = 10.0
INTRODUCED_MAX = 100_000

Posts = Sequence[MachineReading | ProcessReading]


class Intake:
    """Publishes posts, for as long as it is ``running``."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._publisher: AckedPublisher | None = None
        self._book = Book()
        self._introduced: set[str] = set()
        """Ids of the events that told of a run."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish until the block ends."""
        async with AckedPublisher.open(
            self._link, max_in_flight=IN_FLIGHT_MAX
        ) as self._publisher:
            yield

    async def start(self, machine_id: str, post: StaticMachine) -> None:
        """Take in what a machine is.

        Raises:
            BadRequestError: *post* says nothing.
            InvalidNameError: *machine_id* is too long.
            RetryLaterError: The stream did not take it.
        """
        at_ns = present_ns(post.created_at, time.time_ns())
        await self._publish([messages.started(machine_id, post, at_ns)])

    async def take_present(self, machine_id: str, posts: Posts) -> None:
        """Take in readings that were posted at once.

        Raises:
            BadRequestError: One is empty, or there are too many of one second.
            InvalidNameError: *machine_id* is too long.
            RetryLaterError: The stream did not take all of them.
        """
        now_ns = time.time_ns()
        self._book.forget(now_ns - (CLOCK_SECONDS_MAX + 1) * NS_PER_SECOND)

        def when(_: int, reading: Reading) -> int:
            at_ns = present_ns(reading.created_at, now_ns)
            # Some workers say the time of their own start, whenever they read.
            return now_ns if self._book.contradicts(reading, at_ns) else at_ns

        await self._take(self._book, machine_id, posts, when)

    async def take_past(self, machine_id: str, posts: Posts) -> None:
        """Take in readings that were kept meanwhile; the same ones once.

        Raises:
            BadRequestError: One is empty, or has no time, or there are too many of one
                second.
            InvalidNameError: *machine_id* is too long.
            RetryLaterError: The stream did not take all of them.
        """
        now_ns = time.time_ns()

        def when(index: int, reading: Reading) -> int:
            return past_ns(index, reading.created_at, now_ns)

        await self._take(Book(messages.mark_of(posts)), machine_id, posts, when)

    async def _take(
        self,
        book: Book,
        machine_id: str,
        posts: Posts,
        when: Callable[[int, Reading], int],
    ) -> None:
        """Publish each of *posts* in its place, behind the events of new runs."""
        events: dict[str, Event] = {}
        batches: list[AnyBatch] = []
        for index, post in enumerate(posts):
            reading = reading_of(machine_id, post)
            at_ns = when(index, reading)
            place = book.place(reading, at_ns)
            batches.append(messages.batch_of(reading, place, at_ns))
            if reading.pid is not None:
                event = messages.registered(reading, place, at_ns)
                if event.id not in self._introduced:
                    events.setdefault(event.id, event)
        await self._publish([*events.values(), *batches])
        if len(self._introduced) > INTRODUCED_MAX:
            self._introduced.clear()
        self._introduced |= events.keys()

    async def _publish(self, sent: Sequence[AnyBatch | Event]) -> None:
        """Return once the stream holds all that is *sent*.

        Raises:
            InvalidNameError: The name of a host is too long.
            RetryLaterError: It may hold none of it, or some.
        """
        encoded = [(messages.subject_of(each), encode(each)) for each in sent]
        try:
            await asyncio.wait_for(self._publish_all(encoded), PUBLISH_SECONDS)
        except asyncio.TimeoutError as exc:
            raise RetryLaterError("the broker takes too long; post it again") from exc

    async def _publish_all(self, encoded: Sequence[tuple[str, bytes]]) -> None:
        if self._publisher is None:
            raise RetryLaterError("the server is not running yet, or not any more")
        for start in range(0, len(encoded), IN_FLIGHT_MAX):
            # Nothing more is sent to a broker that refuses.
            futures = [
                await self._publisher.publish(
                    subject, data, message_id=messages.digest(data)
                )
                for subject, data in encoded[start : start + IN_FLIGHT_MAX]
            ]
            for future in futures:
                await future
