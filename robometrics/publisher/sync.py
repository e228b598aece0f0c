"""Upload an outbox: a message leaves it once the server says that it is stored.

Chunk by chunk: ask what is stored already, publish the rest, ask again until nothing
is missing, delete. So it may be killed at any point, and run twice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import anyio
from anyio import to_thread

from robometrics.errors import NotStoredError, NoVerifierError, RetryLaterError
from robometrics.publisher.destination import Destination
from robometrics.publisher.outbox import Outbox, Row
from robometrics.publisher.proof import Chunk
from robometrics.service import wait_or_stop

CHUNK_ROWS = 8_000
CHUNK_BYTES = 32 << 20
READ_ROWS = 128
PUBLISH_ROWS = 256
QUESTIONS_AT_ONCE = 4
FIRST_ANSWER_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.1
LAST_PAUSE_SECONDS = 2.0


class Upload:
    """One outbox on its way; its numbers may be read while it runs."""

    def __init__(
        self, destination: Destination, outbox: Outbox, *, wait_seconds: float
    ) -> None:
        """Upload to *destination*; give up after *wait_seconds* without progress."""
        self.total = outbox.messages - outbox.held
        """Messages to upload."""

        share = self.total / outbox.messages if outbox.messages else 0.0
        self.total_bytes = round(outbox.bytes * share)
        """About as many bytes."""

        self.uploaded = 0
        self.there = 0
        """Messages that server or stream had before they were sent."""

        self.verified_bytes = 0
        self.unreadable = 0
        self.hosts: set[str] = set()
        self.processes: set[tuple[str, str]] = set()
        self.first_slot: int | None = None
        self.last_slot: int | None = None
        self.state = "connecting"
        """What it does, or waits for."""

        self._destination = destination
        self._outbox = outbox
        self._wait_seconds = wait_seconds

    @property
    def verified(self) -> int:
        """Messages that left the outbox, as the server has them."""
        return self.uploaded + self.there

    async def run(self, stop: anyio.Event) -> None:
        """Upload everything that may be sent, or until *stop*.

        Raises:
            NoVerifierError: No server answers.
            NotStoredError: Something was not stored in time, or is unreadable.
            RetryLaterError: The broker is away, or its stream full.
            OutboxError: The file cannot be used.
        """
        after_seq = left = 0
        while not stop.is_set():
            rows = await to_thread.run_sync(self._read, after_seq)
            if not rows:
                break
            after_seq = rows[-1].seq
            chunk = Chunk(self._outbox.id, rows)
            self._see(chunk)
            left += await self._settle(chunk, stop)
        if left:
            raise self._not_stored(left)
        if self.unreadable:
            raise NotStoredError(
                f"{self.unreadable} messages cannot be read by this release"
            )

    def _read(self, after_seq: int) -> list[Row]:
        found: list[Row] = []
        size = 0
        while len(found) < CHUNK_ROWS and size < CHUNK_BYTES:
            rows = self._outbox.read(found[-1].seq if found else after_seq, READ_ROWS)
            if not rows:
                break
            found += rows
            size += sum(len(row.data) for row in rows)
        return found

    def _see(self, chunk: Chunk) -> None:
        self.unreadable += len(chunk.unreadable)
        self.hosts |= chunk.hosts
        self.processes |= chunk.processes
        for slot in chunk.slots:
            self.first_slot = min(slot, self.first_slot or slot)
            self.last_slot = max(slot, self.last_slot or slot)

    async def _settle(self, chunk: Chunk, stop: anyio.Event) -> int:
        """Bring *chunk* to the server; return how much of it was not stored in time."""
        size = len(chunk.rows)
        moved = (0, 0)
        moved_at = time.monotonic()
        pause = FIRST_PAUSE_SECONDS
        while chunk.rows:
            problem: Exception | None = None
            left = len(chunk.rows)
            try:
                await self._prove(chunk)
                await self._publish(chunk)
                self.state = f"waiting for the server to store {len(chunk.rows):,}"
            except (RetryLaterError, NoVerifierError) as exc:
                problem = exc
                self.state = f"waiting: {exc}"
            now = time.monotonic()
            if moved != (moved := (len(chunk.rows), len(chunk.sent))):
                moved_at = now
            elif now - moved_at > self._patience_seconds:
                if problem is not None:
                    raise problem
                if len(chunk.rows) == size:
                    raise self._not_stored(size)
                return len(chunk.rows)  # it does store: these few are a matter apart
            pause = _next_pause(pause, left, len(chunk.rows))
            if chunk.rows and await wait_or_stop(stop, pause):
                return 0
        return 0

    @property
    def _patience_seconds(self) -> float:
        """How long nothing may move: not long if no server was ever heard of."""
        if self._destination.has_answered:
            return self._wait_seconds
        return min(FIRST_ANSWER_SECONDS, self._wait_seconds)

    def _not_stored(self, count: int) -> NotStoredError:
        return NotStoredError(
            f"{count} messages were not stored within {self._wait_seconds:g} s: do the "
            "consumers of the server run, and is its database there?"
        )

    async def _prove(self, chunk: Chunk) -> None:
        """Ask what the server stored, and delete that.

        Raises:
            NoVerifierError: Nobody is there to ask.
            RetryLaterError: The server cannot tell now.
        """
        questions = list(chunk.questions())
        if not questions and not self._destination.has_answered:
            questions = [chunk.nothing()]
        for first in range(0, len(questions), QUESTIONS_AT_ONCE):
            asked = questions[first : first + QUESTIONS_AT_ONCE]
            verdicts = await self._destination.judge(asked)
            proven: list[Row] = []
            for question, verdict in zip(asked, verdicts, strict=True):
                proven += chunk.prove(question, verdict)
            await self._delete(chunk, proven)

    async def _publish(self, chunk: Chunk) -> None:
        """Publish what this session's stream was not given yet.

        Raises:
            RetryLaterError: Some of it the stream did not take.
        """
        session = self._destination.session
        rows = chunk.unsent(session)
        problem = ""
        for first in range(0, len(rows), PUBLISH_ROWS):
            self.state = "uploading"
            taken, trouble = await self._destination.publish(
                rows[first : first + PUBLISH_ROWS]
            )
            problem = trouble or problem
            chunk.note_sent(session, taken)
            if not taken:
                break
        await self._delete(chunk, chunk.acknowledged())
        if problem:
            raise RetryLaterError(problem)

    async def _delete(self, chunk: Chunk, rows: Sequence[Row]) -> None:
        if not rows:
            return
        await to_thread.run_sync(self._outbox.delete, [row.seq for row in rows])
        uploaded = sum(chunk.was_new(row.seq) for row in rows)
        self.uploaded += uploaded
        self.there += len(rows) - uploaded
        self.verified_bytes += sum(len(row.data) for row in rows)


def _next_pause(pause: float, before: int, after: int) -> float:
    """Return when to ask again: when the rest may be stored, at the pace seen."""
    stored = before - after
    pause = pause * after / stored if stored else 2 * pause
    return min(max(pause, FIRST_PAUSE_SECONDS), LAST_PAUSE_SECONDS)
