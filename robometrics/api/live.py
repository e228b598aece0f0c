"""The live websocket: what happened since, then what happens, with no hole between.

Each batch names the sample before its first one. So a viewer's feed knows when a batch
is missing (the subscription was new, the broker was away, the database was behind),
fetches it from the store, and only then goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect

from robometrics.api.frames import Frame, Metrics
from robometrics.api.hub import Hub, Missed, Viewer
from robometrics.api.subscriptions import Ping, Subscribe, Unsubscribe, decode
from robometrics.errors import RetryLaterError
from robometrics.schema import NS_PER_SECOND, AnyBatch
from robometrics.store import Series, Store

log = logging.getLogger(__name__)

BACKFILL_MAX_MS = 86_400_000
FRAMES_PER_MESSAGE = 200
REPAIR_SECONDS = 2.0
_REPAIR_POLL_SECONDS = 0.1
_STALLED_SECONDS = 15.0
_MS_PER_SECOND = 1_000

CLOSE_BAD_REQUEST = 4400
CLOSE_TOO_SLOW = 4408

_Socket = WebSocket[Any, Any, Any]
_encode = msgspec.json.Encoder().encode


@websocket("/api/v1/live")
async def live(
    socket: _Socket, hub: NamedDependency[Hub], store: NamedDependency[Store]
) -> None:
    """Serve one viewer until it leaves."""
    await socket.accept()
    session = _Session(socket, hub, store)
    try:
        await session.run()
    finally:
        await hub.leave(session.viewer)


class _Progress(msgspec.Struct):
    """How far one series of a viewer has come."""

    since_slot: int | None
    """Where its backfill began; ``None``: it wants live batches only."""

    metrics: Metrics
    """Which columns it wants."""

    last_slots: dict[tuple[str, int], int] = {}
    """Last slot sent, by run and generation."""


class _Session:
    """One viewer's socket: a task that reads it, and one that writes."""

    def __init__(self, socket: _Socket, hub: Hub, store: Store) -> None:
        self.viewer = Viewer()
        self._socket = socket
        self._hub = hub
        self._store = store
        self._progress: dict[Series, _Progress] = {}
        self._subscribing: Subscribe | None = None

    async def run(self) -> None:
        tasks = [
            asyncio.create_task(self._read()),
            asyncio.create_task(self._write()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            with contextlib.suppress(
                WebSocketDisconnect, RuntimeError, asyncio.CancelledError
            ):  # the peer has gone: uvicorn says so in several ways
                task.result()

    async def _read(self) -> None:
        while True:
            text = await self._socket.receive_text()
            try:
                request = decode(text)
            except msgspec.MsgspecError as exc:
                await self._close(CLOSE_BAD_REQUEST, str(exc))
                return
            if isinstance(request, Ping):
                await self._send(b'{"op":"pong"}')
            else:
                if isinstance(request, Unsubscribe):
                    request = Subscribe(series=[])
                self._subscribing = request
                self.viewer.wake()

    async def _write(self) -> None:
        while True:
            frames, dropped, late = await self.viewer.take()
            request, self._subscribing = self._subscribing, None
            if request is not None:
                await self._subscribe(request)
            for missed in dropped:
                await self._tell_missed("gap", missed)
                if missed.series in self._progress:
                    # The chain is broken on purpose: go on from the next batch.
                    before = self._progress[missed.series]
                    self._progress[missed.series] = _Progress(None, before.metrics)
            for missed in late:
                await self._tell_missed("late", missed)
            await self._forward(frames)

    async def _subscribe(self, request: Subscribe) -> None:
        oldest_ms = time.time() * _MS_PER_SECOND - BACKFILL_MAX_MS
        progress_of: dict[Series, _Progress] = {}
        for wanted in request.series:
            since_ms = wanted.since_ms if wanted.since_ms is not None else None
            since_ms = request.since_ms if since_ms is None else since_ms
            since_slot = None
            if since_ms is not None:
                since_slot = int(max(since_ms, oldest_ms) // _MS_PER_SECOND)
            progress_of[wanted.series()] = _Progress(since_slot, wanted.columns())
        # Live batches queue from here on, so nothing falls between them and the store.
        try:
            await self._hub.watch(self.viewer, progress_of)
        except RetryLaterError as exc:
            await self._tell_problem(exc)
            return
        self._progress = progress_of
        await self._send(_encode({"op": "subscribed", "id": request.id}))
        now_slot = int(time.time()) + 60
        for series, progress in self._progress.items():
            if progress.since_slot is not None:
                await self._backfill(series, progress, progress.since_slot, now_slot)

    async def _backfill(
        self, series: Series, progress: _Progress, start: int, stop: int
    ) -> None:
        """Send what is stored of ``[start, stop)`` and was not sent.

        A run is sent up to its first hole: the store may get that batch a moment
        later, and the next live batch comes back for it.
        """
        frames: list[Frame] = []
        broken: set[tuple[str, int]] = set()
        try:
            async for batch in self._store.batches.read(series, start, stop):
                run = _run(batch)
                if batch.slot <= progress.last_slots.get(run, -1) or run in broken:
                    continue
                if run in progress.last_slots and _hole_before(batch, progress):
                    broken.add(run)
                    continue
                progress.last_slots[run] = batch.slot
                frames.append(Frame(batch))
                if len(frames) >= FRAMES_PER_MESSAGE:
                    await self._send_frames(frames)
                    frames = []
        except RetryLaterError as exc:
            await self._tell_problem(exc)
        await self._send_frames(frames)

    async def _forward(self, frames: Sequence[Frame]) -> None:
        ready: list[Frame] = []
        # One deadline for all: after an outage every series may have a hole at once.
        deadline = time.monotonic() + REPAIR_SECONDS
        for frame in frames:
            progress = self._progress.get(frame.series)
            if progress is None:
                continue
            batch = frame.batch
            if batch.slot <= progress.last_slots.get(_run(batch), -1):
                continue  # the backfill had it
            hole = _hole_before(batch, progress)
            if hole is not None:
                await self._send_frames(ready)
                ready = []
                await self._repair(frame, progress, hole, deadline)
            progress.last_slots[_run(batch)] = batch.slot
            ready.append(frame)
        await self._send_frames(ready)

    async def _repair(
        self,
        frame: Frame,
        progress: _Progress,
        hole: tuple[int, int],
        deadline: float,
    ) -> None:
        """Send the stored batches of the slots in *hole*, of any run.

        The store may be a moment behind the broker, so it is asked until it has the
        last one; if it stays away, the viewer is told of a gap.
        """
        first, last = hole
        while True:
            await self._backfill(frame.series, progress, first, last + 1)
            sent = progress.last_slots.get(_run(frame.batch), -1)
            if sent >= last:
                return
            if time.monotonic() > deadline:
                missed = Missed(frame.series, max(first, sent + 1), last)
                await self._tell_missed("gap", missed)
                return
            await asyncio.sleep(_REPAIR_POLL_SECONDS)

    async def _send_frames(self, frames: Sequence[Frame]) -> None:
        if frames:
            joined = b",".join(
                frame.json(self._progress[frame.series].metrics) for frame in frames
            )
            await self._send(b'{"op":"batches","batches":[' + joined + b"]}")

    async def _tell_missed(self, op: Literal["gap", "late"], missed: Missed) -> None:
        series = missed.series
        gpu = {} if series.gpu is None else {"gpu": series.gpu}
        await self._send(
            _encode(
                {
                    "op": op,
                    "host": series.host,
                    "process": series.process,
                    **gpu,
                    "from_ms": missed.first_slot * _MS_PER_SECOND,
                    "to_ms": (missed.last_slot + 1) * _MS_PER_SECOND,
                }
            )
        )

    async def _tell_problem(self, exc: RetryLaterError) -> None:
        problem = {"op": "error", "code": exc.code, "reason": str(exc)}
        await self._send(_encode(problem))

    async def _send(self, message: bytes) -> None:
        sending = self._socket.send_text(message.decode())
        try:
            await asyncio.wait_for(sending, _STALLED_SECONDS)
        except asyncio.TimeoutError:
            await self._close(CLOSE_TOO_SLOW, "too slow: nothing was read for 15 s")
            raise

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code, reason[:120])


def _run(batch: AnyBatch) -> tuple[str, int]:
    return batch.run, batch.generation


def _hole_before(batch: AnyBatch, progress: _Progress) -> tuple[int, int] | None:
    """Return first and last slot that may be missing before *batch*, if any may."""
    if batch.previous is None:
        return None
    before = batch.slot + batch.previous.offset_ns // NS_PER_SECOND
    sent = progress.last_slots.get(_run(batch))
    if sent is None:
        if progress.since_slot is None or before < progress.since_slot:
            return None
        return progress.since_slot, before
    return (sent + 1, before) if before > sent else None
