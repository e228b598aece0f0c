"""From the outbox to the stream: live messages first, the backlog behind them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor

import anyio

from robometrics.broker import AckedPublisher, Link
from robometrics.errors import OutboxError, RetryLaterError
from robometrics.publisher.outbox import Outbox, Row

log = logging.getLogger(__name__)

LIVE_ROWS_MAX = 50_000  # beyond that they wait in the outbox alone
BACKLOG_CHUNK = 128
BACKLOG_POLL_SECONDS = 0.5
SETTLE_SECONDS = 0.2
RETRY_SECONDS = 1.0


class Uplink:
    """Publishes what the outbox holds, and deletes what is acknowledged."""

    def __init__(
        self, link: Link, publisher: AckedPublisher, outbox: Outbox, disk: Executor
    ) -> None:
        self._link = link
        self._publisher = publisher
        self._outbox = outbox
        self._disk = disk
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

    async def run(self) -> None:
        """Publish until cancelled."""
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._send_live)
            tg.start_soon(self._send_backlog)
            tg.start_soon(self._settle_often)

    async def drain(self) -> None:
        """Wait until all that is here and can be sent is acknowledged."""
        while self._link.is_up and self._outbox.messages:
            if not self._taken:
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
            self._note(str(exc))  # they will be sent again, and known as repeats
        self._taken.difference_update(seqs)

    async def _send_live(self) -> None:
        while True:
            await self._live_arrived.wait()
            self._live_arrived.clear()
            while self._live:
                row = self._live.popleft()
                if self._link.is_up:
                    await self._send(row)
                else:
                    self._taken.discard(row.seq)

    async def _send(self, row: Row) -> asyncio.Future[bool]:
        future = await self._publisher.publish(
            row.subject, row.data, message_id=self._outbox.message_id(row.seq)
        )
        future.add_done_callback(lambda done: self._settled(row.seq, done))
        return future

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
        after_seq = 0
        while True:
            waiting = self._outbox.messages - len(self._taken)
            if waiting <= 0 or self._live or not self._link.is_up:
                await asyncio.sleep(BACKLOG_POLL_SECONDS)
                continue
            loop = asyncio.get_running_loop()
            try:
                rows = await loop.run_in_executor(
                    self._disk, self._outbox.read, after_seq, BACKLOG_CHUNK
                )
            except OutboxError as exc:
                self._note(str(exc))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            after_seq = rows[-1].seq if rows else 0
            if not await self._send_chunk(rows):
                after_seq = 0
                await asyncio.sleep(RETRY_SECONDS)

    async def _send_chunk(self, rows: Sequence[Row]) -> bool:
        """Send those of *rows* nobody else has taken; return whether all arrived."""
        futures = []
        for row in rows:
            if row.seq not in self._taken:
                self._taken.add(row.seq)
                futures.append(await self._send(row))
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        return not any(isinstance(outcome, RetryLaterError) for outcome in outcomes)

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
