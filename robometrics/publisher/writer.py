"""From the sampler to the outbox: slots, events, and the account of both."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from copy import copy
from typing import Any

import anyio

from robometrics import schema, subjects
from robometrics.errors import DiskFullError, OutboxError
from robometrics.publisher.absence import Absence
from robometrics.publisher.clock import Clock
from robometrics.publisher.events import Events, Told
from robometrics.publisher.gaps import Gap
from robometrics.publisher.outbox import Entry, Held, Note, Outbox, Span
from robometrics.publisher.outbox.ledger import fold
from robometrics.publisher.slots import Slot
from robometrics.publisher.uplink import Uplink

log = logging.getLogger(__name__)

SLOTS_HELD_MAX = 60  # in memory, while neither disk nor broker takes anything
DISK_RETRY_SECONDS = 1.0
_MINUTE = 60
_ROOM_BYTES_MIN = 1 << 16


class Writer:
    """Brings slots and events to the disk, then to the uplink."""

    def __init__(
        self,
        host: str,
        boot: str,
        outbox: Outbox,
        uplink: Uplink,
        disk: Executor,
        clock: Clock,
    ) -> None:
        self.lost_total = 0
        """Batches lost from memory so far; the outbox tells what it gives up."""

        self._host = host
        self._boot = boot
        self._outbox = outbox
        self._uplink = uplink
        self._disk = disk
        self._clock = clock
        self._make = Events(host, boot, clock)
        self._absence = Absence(outbox, boot)
        self._slots: deque[Slot] = deque()
        self._writing: Slot | None = None
        self._events: deque[Told] = deque()
        self._lost: Gap | None = None
        self._lost_batches = 0
        self._unwritten: list[Entry] = []
        """Of slots that were delivered while the disk took nothing."""

        self._memory = uuid.uuid4().hex
        """Names the tallies that no outbox has numbered."""

        self._memory_tallies = 0
        self._arrived = asyncio.Event()
        self._ledger_minute = 0

    @property
    def is_idle(self) -> bool:
        return not self._slots and not self._events and self._writing is None

    def emit(self, kind: str, *, at_ns: int | None = None, **details: Any) -> None:
        """Publish an event of this host, see ``Events.make``."""
        self._events.append(self._make.make(kind, at_ns=at_ns, **details))
        self._arrived.set()

    def take(self, slot: Slot) -> None:
        """Take a finished slot."""
        if len(self._slots) >= SLOTS_HELD_MAX:
            self._lose(self._slots.popleft())
        self._slots.append(slot)
        held = self._held(slot)
        self._events += [self._make.gap(gap, held) for gap in slot.gaps]
        if slot.step_ns:
            self.emit("clock_stepped", reason=f"{slot.step_ns / 1e9:+.3f} s")
        self._arrived.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while not self.is_idle:
                if self._slots:
                    self._writing = self._slots.popleft()
                try:
                    await self._write()
                except OutboxError as exc:
                    log.error("%s; trying again", exc)  # noqa: TRY400  it says it all
                    if not await self._do_without_disk(exc):
                        self._keep()
                        await anyio.sleep(DISK_RETRY_SECONDS)
                except BaseException:
                    self._keep()
                    raise

    async def stop(self) -> None:
        """Close the books, once all is written."""
        try:
            if self._unwritten:
                await self._put(None, [], None)
            self._uplink.offer(await self._call(self._outbox.close_ledger, self._host))
            await self._call(self._outbox.remember, state="stopped")
        except OutboxError as exc:
            log.warning("%s; the next start counts it as a kill", exc)
            await self._deliver_tallies()

    async def _write(self) -> None:
        """Write the slot at hand, and the events of its clock; or events alone."""
        slot = self._writing
        held = None if slot is None else self._held(slot)
        if slot is not None and held is None:
            await self._release(slot.anchor_ns)
            gaps = self._absence.before(slot.slot)
            self._events += [self._make.gap(gap, None) for gap in gaps]
        if slot is not None and slot.slot // _MINUTE != self._ledger_minute:
            self._uplink.offer(await self._call(self._outbox.close_ledger, self._host))
            self._ledger_minute = slot.slot // _MINUTE
        self._tell_lost()
        # What happened before goes first, by the clock that was then.
        while self._events and self._events[0].held != held:
            earlier = self._events[0].held
            await self._put(
                None, [told for told in self._events if told.held == earlier], earlier
            )
        events = [told for told in self._events if told.held == held]
        await self._put(slot, events, held)

    async def _put(
        self, slot: Slot | None, events: Sequence[Told], held: Held | None
    ) -> None:
        if slot is not None:
            at, generation = slot.slot, slot.generation
        else:
            at = events[0].slot if events else self._outbox.last_slot
            generation = self._clock.generation
        own = [] if slot is None else [Entry(at, generation, slot.taken)]
        unwritten = self._unwritten[:] if held is None else []
        rows = await self._call(
            self._outbox.put,
            at,
            generation,
            [] if slot is None else slot.messages,
            notes=[told.note for told in events],
            entries=[*unwritten, *own],
            held=held,
            facts=None if slot is None else {"state": "running", "boot": self._boot},
        )
        del self._unwritten[: len(unwritten)]
        self._done(slot, events)
        self._uplink.offer(rows)

    def _done(self, slot: Slot | None, events: Sequence[Told]) -> None:
        for told in events:
            self._events.remove(told)
        if slot is not None:
            self._writing = None

    def _keep(self) -> None:
        """Put the slot at hand back where it was."""
        if self._writing is not None:
            self._slots.appendleft(self._writing)
            self._writing = None

    async def _do_without_disk(self, problem: OutboxError) -> bool:
        """Publish from memory, or make room; return whether that helped."""
        slot = self._writing
        events = [told for told in self._events if told.held is None]
        messages = list(slot.messages) if slot else []
        if slot is None or slot.is_dated:
            notes = [(told.note.subject, told.note.data) for told in events]
            if await self._uplink.deliver([*messages, *notes]):
                entry = Entry(
                    slot.slot if slot else self._outbox.last_slot,
                    slot.generation if slot else self._clock.generation,
                    slot.taken if slot else [],
                    [told.note.id for told in events],
                )
                self._unwritten.append(entry)
                self._done(slot, events)
                if len(self._unwritten) >= _MINUTE:
                    await self._deliver_tallies()
                return True
        if not isinstance(problem, DiskFullError):
            return False
        wanted = max(2 * sum(len(data) for _, data in messages), _ROOM_BYTES_MIN)
        at, generation = self._outbox.last_slot, self._clock.generation
        before = self._outbox.messages
        try:
            rows = await self._call(self._outbox.make_room, wanted, at, generation)
        except OutboxError as exc:
            log.error("no room can be made: %s", exc)  # noqa: TRY400  it says it all
            return False
        self._uplink.offer(rows)
        self._keep()
        return self._outbox.messages < before

    async def _deliver_tallies(self) -> None:
        """Account for what was delivered from memory, from memory."""
        if not self._unwritten:
            return
        folded = fold(
            ((None, entry) for entry in self._unwritten),
            host=self._host,
            outbox=self._memory,
            sequence=self._memory_tallies,
        )
        subject = subjects.events(self._host)
        messages = [(subject, schema.encode(tally)) for _, tally in folded]
        if await self._uplink.deliver(messages):
            self._memory_tallies += len(folded)
            self._unwritten.clear()

    async def _release(self, anchor_ns: int) -> None:
        """Let go of what waited for the clock, if anything did."""
        if self._outbox.held == 0:
            return
        absence = copy(self._absence)

        def tell(spans: list[Span]) -> list[Note]:
            gaps = absence.before_spans(spans)
            return [self._make.gap(gap, None).note for gap in gaps]

        spans = await self._call(self._outbox.release, self._boot, anchor_ns, tell)
        self._absence = absence
        for span in spans:
            log.info("the clock is set: %d to %d stamped again", span.first, span.last)

    def _lose(self, slot: Slot) -> None:
        """Count a slot that neither disk nor broker took; it is told once one does."""
        self.lost_total += len(slot.messages)
        self._lost_batches += len(slot.messages)
        if self._lost is None or not slot.is_dated:
            self._lost = Gap("disk", slot.slot, slot.slot, 0)
        self._lost.from_slot = min(self._lost.from_slot, slot.slot)
        self._lost.to_slot = max(self._lost.to_slot, slot.slot)

    def _tell_lost(self) -> None:
        if self._lost is not None:
            told = self._make.gap(self._lost, None, missing=self._lost_batches)
            self._events.append(told)
            self._lost, self._lost_batches = None, 0

    def _held(self, slot: Slot) -> Held | None:
        return self._make.held_by(slot.anchor_ns, is_dated=slot.is_dated)

    async def _call(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call a method of the outbox in its own thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, lambda: method(*args, **named))
