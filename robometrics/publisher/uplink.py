"""From the outbox to the stream: live messages first, the backlog behind them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

import anyio

from robometrics.broker import AckedPublisher, Link
from robometrics.errors import OutboxError, RetryLaterError
from robometrics.publisher.outbox import Outbox, Row, message_id

log = logging.getLogger(__name__)

LIVE_ROWS_MAX = 10_000  # beyond that they wait in the outbox alone
BACKLOG_POLL_SECONDS = 0.5
CHUNK_SECONDS = 0.1  # what the backlog may keep a live message waiting on a thin link
CHUNK_ROWS_MIN = 8
SETTLE_SECONDS = 0.2
RETRY_SECONDS = 1.0


class Uplink:
    """Publishes what the outbox holds, and deletes what is acknowledged."""

    def __init__(
        self,
        link: Link,
        publisher: AckedPublisher,
        outbox: Outbox,
        disk: Executor,
        *,
        backlog_share: float,
    ) -> None:
        """Use *link* for live messages, and at most *backlog_share* for the others.

        A share of its time, and of the messages that may be in flight.
        """
        self._link = link
        self._publisher = publisher
        self._outbox = outbox
        self._disk = disk
        self._backlog_share = backlog_share
        self._live: deque[Row] = deque()
        self._live_arrived = asyncio.Event()
        self._taken: set[int] = set()
        """Seqs that wait in the live lane, are in flight, or wait to be deleted."""

        self._acknowledged: list[int] = []
        self._acknowledgement_arrived = asyncio.Event()
        self._problem = ""

    def offer(self, rows: Sequence[Row]) -> None:
        """Publish *rows* at once; without a connection they stay in the outbox."""
        if not self._link.is_up or len(self._live) > LIVE_ROWS_MAX:
            return
        new = [row for row in rows if row.seq not in self._taken]
        self._taken.update(row.seq for row in new)
        self._live.extend(new)
        self._live_arrived.set()

    async def deliver(self, messages: Sequence[tuple[str, bytes]]) -> bool:
        """Publish subjects and bodies that are in no outbox; return whether all are in.

        For a disk that takes nothing: then memory is all that holds them.
        """
        if not self._link.is_up:
            return False
        futures = []
        for message in messages:
            await self._publisher.room()
            futures.append(self._publish(*message))
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        return all(isinstance(outcome, bool) for outcome in outcomes)

    async def run(self) -> None:
        """Publish until cancelled."""
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._send_live)
            tg.start_soon(self._send_backlog)
            tg.start_soon(self._settle_often)

    async def drain(self) -> None:
        """Wait until all that is here and can be sent is acknowledged."""
        while self._link.is_up and self._outbox.messages > self._outbox.held:
            if self._problem and not self._taken:
                return  # refused by the stream: the next start goes on with it
            await asyncio.sleep(0.01)
            await self.settle()

    async def settle(self) -> None:
        """Delete what is acknowledged from the outbox."""
        seqs, self._acknowledged = self._acknowledged, []
        if not seqs:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, self._outbox.delete, seqs)
        except OutboxError as exc:
            # Still taken: not to be sent again, but to be deleted later.
            self._acknowledged += seqs
            self._note(str(exc))
            await _pause(RETRY_SECONDS)
            self._acknowledgement_arrived.set()
        else:
            self._taken.difference_update(seqs)

    async def _send_live(self) -> None:
        while True:
            await self._live_arrived.wait()
            self._live_arrived.clear()
            while self._live:
                await self._publisher.room()
                row = self._live.popleft()
                if self._link.is_up:
                    self._send(row)
                else:
                    self._taken.discard(row.seq)

    def _send(self, row: Row) -> asyncio.Future[bool]:
        """Publish *row*; there is room."""
        future = self._publish(row.subject, row.data)
        future.add_done_callback(partial(self._settled, row.seq))
        return future

    def _publish(self, subject: str, data: bytes) -> asyncio.Future[bool]:
        return self._publisher.publish_now(subject, data, message_id=message_id(data))

    def _settled(self, seq: int, future: asyncio.Future[bool]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._taken.discard(seq)  # the backlog lane tries again
            if not future.cancelled():
                self._note(str(future.exception()))
            return
        self._note("")
        self._acknowledged.append(seq)
        self._acknowledgement_arrived.set()

    async def _send_backlog(self) -> None:
        """Send what the live lane could not, oldest first, a chunk at a time."""
        rows_max = max(1, int(self._publisher.max_in_flight * self._backlog_share))
        chunk_rows = min(rows_max, 64)
        after_seq = 0
        while True:
            waiting = self._outbox.messages - self._outbox.held - len(self._taken)
            if waiting <= 0 or self._live or not self._link.is_up:
                await asyncio.sleep(BACKLOG_POLL_SECONDS if waiting <= 0 else 0.01)
                continue
            loop = asyncio.get_running_loop()
            began = time.monotonic()
            try:
                rows = await loop.run_in_executor(
                    self._disk, self._outbox.read, after_seq, chunk_rows
                )
            except OutboxError as exc:
                self._note(str(exc))
                await _pause(RETRY_SECONDS)
                continue
            after_seq = rows[-1].seq if rows else 0
            sent, arrived = await self._send_chunk(rows)
            took = time.monotonic() - began
            if sent and not arrived:
                after_seq = 0
                await _pause(RETRY_SECONDS)
            elif not rows:
                await _pause(CHUNK_SECONDS)
            else:
                fitting = int(chunk_rows * CHUNK_SECONDS / took)
                chunk_rows = min(max(fitting, CHUNK_ROWS_MIN), 2 * chunk_rows, rows_max)
                await asyncio.sleep(took * (1 / self._backlog_share - 1))

    async def _send_chunk(self, rows: Sequence[Row]) -> tuple[int, int]:
        """Send those of *rows* nobody else has taken; return how many, and arrived."""
        futures = []
        for row in rows:
            if row.seq not in self._taken:
                self._taken.add(row.seq)
                await self._publisher.room()
                futures.append(self._send(row))
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        refused = sum(isinstance(outcome, RetryLaterError) for outcome in outcomes)
        return len(futures), len(futures) - refused

    async def _settle_often(self) -> None:
        while True:
            await self._acknowledgement_arrived.wait()
            self._acknowledgement_arrived.clear()
            await asyncio.sleep(SETTLE_SECONDS)  # many go in one transaction
            await self.settle()

    def _note(self, problem: str) -> None:
        if problem and problem != self._problem:
            log.warning("publishing: %s; the outbox holds it", problem)
        elif self._problem and not problem:
            log.info("publishing again")
        self._problem = problem


async def _pause(seconds: float) -> None:
    """Sleep about *seconds*: hosts that were refused together come back apart."""
    await asyncio.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311
