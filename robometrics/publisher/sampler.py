"""The tick loop: reads every target on a fixed grid, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import msgspec

from robometrics import schema, subjects
from robometrics.errors import ProcessGoneError, SkipProcessError
from robometrics.publisher.clock import Clock
from robometrics.publisher.gaps import Gap, GapLog
from robometrics.publisher.outbox.ledger import Taken
from robometrics.publisher.samplers.host import Value, read_host
from robometrics.publisher.series import SlotBuffer
from robometrics.publisher.watchlist import Target, Watchlist
from robometrics.schema import NS_PER_SECOND

log = logging.getLogger(__name__)


class Slot(msgspec.Struct):
    """One finished slot: its messages, and the targets that ended with it."""

    slot: int
    generation: int
    messages: list[tuple[str, bytes]]
    """Subject and body of each."""

    taken: list[Taken]
    """What they hold, for the ledger."""

    finished: list[Target]
    gaps: list[Gap] = []
    """Known once this slot was over."""

    anchor_ns: int = 0
    """Of the clock that stamped it, and whether that was set."""

    is_dated: bool = True
    step_ns: int = 0
    """By how much the wall clock stepped after this slot."""


class Sampler(threading.Thread):
    """Samples until stopped; hands over each slot as soon as it is complete.

    Ticks lie on multiples of the interval, so they neither drift nor bunch: a tick that
    comes too late is counted and skipped.
    """

    def __init__(
        self,
        host: str,
        boot: str,
        watchlist: Watchlist,
        clock: Clock,
        *,
        interval_ns: int,
        first_slot: int,
        hand_over: Callable[[Slot], None],
        gone: Callable[[Target], None],
        failed: Callable[[BaseException], None],
        read_self: Callable[[], dict[str, Value]],
    ) -> None:
        super().__init__(name="sampler", daemon=True)
        self.ticks = 0
        self.ticks_skipped = 0
        self._host = host
        self._boot = boot
        self._watchlist = watchlist
        self._clock = clock
        self._interval_ns = interval_ns
        self._first_ns = first_slot * NS_PER_SECOND
        self._hand_over = hand_over
        self._gone = gone
        self._failed = failed
        self._read_self = read_self
        self._host_buffer = SlotBuffer()
        self._slot: int | None = None
        self._gaps = GapLog()
        self._slept = False
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Take no more samples; hand over the slot under way; end."""
        self._stopping.set()

    def run(self) -> None:
        try:
            self._run()
        except BaseException as exc:
            self._failed(exc)  # without samples there is no worker

    def _run(self) -> None:
        # From the first whole slot on, so that a slot is whole or known to be missing.
        now_ns = max(_next(self._clock.now_ns(), NS_PER_SECOND), self._first_ns) - 1
        process_ns = _next(now_ns, self._interval_ns)
        second_ns = _next(now_ns, NS_PER_SECOND)
        while not self._sleep_until(min(process_ns, second_ns)):
            now_ns = self._clock.now_ns()
            ended = None
            if now_ns // NS_PER_SECOND != self._slot:
                ended = self._end_slot()
                if ended is not None and ended.step_ns:
                    now_ns = self._clock.now_ns()
                    process_ns = _next(now_ns, self._interval_ns)
                    second_ns = now_ns  # each slot has its batch of the host
                self._slot = now_ns // NS_PER_SECOND
            if now_ns >= process_ns:
                self.ticks += 1
                targets = len(self._watchlist.snapshot)
                self._skip(process_ns, now_ns, self._interval_ns, targets)
                process_ns = _next(now_ns, self._interval_ns)
                self._read_processes(process_ns)
            if now_ns >= second_ns:
                self._skip(second_ns, now_ns, NS_PER_SECOND, 1)
                self._read_host(now_ns)
                second_ns = _next(now_ns, NS_PER_SECOND)
            if ended is not None:
                self._publish(ended)
        ended = self._end_slot(is_last=True)
        if ended is not None:
            self._publish(ended)

    def _sleep_until(self, at_ns: int) -> bool:
        """Sleep; return whether to stop."""
        while True:
            left_ns = at_ns - self._clock.now_ns()
            if left_ns <= 0:
                return self._stopping.is_set()
            if self._stopping.wait(left_ns / NS_PER_SECOND):
                return True

    def _skip(self, due_ns: int, now_ns: int, interval_ns: int, samples: int) -> None:
        """Account for the ticks from *due_ns* that were missed, if any were."""
        skipped = (now_ns - due_ns) // interval_ns
        if skipped == 0:
            return
        if samples != 0:
            self.ticks_skipped += skipped
        last_ns = due_ns + (skipped - 1) * interval_ns
        self._gaps.miss(
            "host_asleep" if self._slept else "overrun",
            due_ns // NS_PER_SECOND,
            last_ns // NS_PER_SECOND,
            skipped * samples,
        )

    def _end_slot(self, *, is_last: bool = False) -> _Ended | None:
        """Take the samples of the slot under way out of the buffers, if there is one.

        A process that ended since the slot did, before the tick that noticed the slot's
        end, goes with the next one; with the last slot, all go. Encoding them waits
        until the tick that begins the next slot has been taken.
        """
        if self._slot is None:
            return None
        clock = self._clock
        ended = _Ended(
            self._slot, clock.generation, clock.anchor_ns, is_dated=clock.is_set
        )
        for target in self._watchlist.snapshot:
            if target.handed_over:
                continue  # the event loop is late to let it go
            if target.closing and (is_last or not _ends_after(target, self._slot)):
                _add_final(target, self._slot)
                ended.finished.append(target)
                target.handed_over = True
            if target.buffer.offset_ns:
                ended.taken.append(_Taken(target, *target.buffer.take(self._slot)))
        if self._host_buffer.offset_ns:
            ended.taken.append(_Taken(None, *self._host_buffer.take(self._slot)))
        self._slept = clock.take_sleep_ns() >= NS_PER_SECOND
        ended.step_ns = clock.check()
        now_slot = clock.now_ns() // NS_PER_SECOND
        if ended.step_ns > 0 and ended.is_dated and now_slot > ended.slot + 1:
            self._gaps.miss("clock", ended.slot + 1, now_slot - 1, 0)
        ended.gaps = self._gaps.take(ended.slot, everything=is_last)
        if ended.step_ns < 0:
            self._host_buffer.forget_previous()
            for target in self._watchlist.snapshot:
                target.buffer.forget_previous()
        return ended

    def _read_processes(self, next_ns: int) -> None:
        slot_ns = (self._slot or 0) * NS_PER_SECOND
        is_last = next_ns >= slot_ns + NS_PER_SECOND
        monotonic_ns = self._clock.monotonic_ns
        shift_ns = self._clock.anchor_ns - slot_ns
        for target in self._watchlist.snapshot:
            if target.closing:
                continue
            try:
                offset_ns = monotonic_ns() + shift_ns
                if offset_ns >= NS_PER_SECOND:  # this tick ran over its slot's end
                    self.ticks_skipped += 1
                    self._miss(target, "overrun")
                    continue
                target.latest = fast = target.reader.fast()
                target.buffer.add_fast(offset_ns, *fast)
                if is_last:
                    beside, target.extras = target.extras, {}
                    target.buffer.set_singles(target.reader.slow() | beside)
            except ProcessGoneError:
                self._gone(target)
            except SkipProcessError:
                self._miss(target, "process_unreadable")

    def _miss(self, target: Target, cause: str) -> None:
        slot = self._slot or 0
        self._gaps.miss(cause, slot, slot, 1, (target.registration.name, target.run))

    def _read_host(self, now_ns: int) -> None:
        offset_ns = now_ns - (self._slot or 0) * NS_PER_SECOND
        self._host_buffer.add(offset_ns, read_host() | self._read_self())

    def _publish(self, ended: _Ended) -> None:
        self._hand_over(
            Slot(
                ended.slot,
                ended.generation,
                [self._message(ended.slot, ended.generation, t) for t in ended.taken],
                taken=[self._account(taken) for taken in ended.taken],
                finished=ended.finished,
                gaps=ended.gaps,
                anchor_ns=ended.anchor_ns,
                is_dated=ended.is_dated,
                step_ns=ended.step_ns,
            )
        )

    def _account(self, taken: _Taken) -> Taken:
        target, samples = taken.target, len(taken.offset_ns)
        if target is None:
            return "host", "", self._boot, samples
        return "process", target.registration.name, target.run, samples

    def _message(self, slot: int, generation: int, taken: _Taken) -> tuple[str, bytes]:
        target = taken.target
        if target is None:
            host_batch = schema.HostBatch(
                host=self._host,
                run=self._boot,
                generation=generation,
                slot=slot,
                interval_ns=NS_PER_SECOND,
                offset_ns=taken.offset_ns,
                metrics=taken.columns,
                previous=taken.previous,
            )
            return subjects.host_samples(self._host), schema.encode(host_batch)
        batch = schema.ProcessBatch(
            host=self._host,
            process=target.registration.name,
            pid=target.registration.pid,
            run=target.run,
            generation=generation,
            slot=slot,
            interval_ns=self._interval_ns,
            offset_ns=taken.offset_ns,
            metrics=taken.columns,
            previous=taken.previous,
        )
        return target.subject, schema.encode(batch)


class _Taken(msgspec.Struct):
    """What one buffer held at the end of a slot."""

    target: Target | None
    """``None``: the host."""

    offset_ns: list[int]
    columns: dict[str, list[Value]]
    previous: schema.Previous | None


class _Ended(msgspec.Struct):
    """A slot that is over and not yet encoded."""

    slot: int
    generation: int
    anchor_ns: int
    is_dated: bool
    taken: list[_Taken] = []
    finished: list[Target] = []
    gaps: list[Gap] = []
    step_ns: int = 0


def _next(now_ns: int, interval_ns: int) -> int:
    return (now_ns // interval_ns + 1) * interval_ns


def _ends_after(target: Target, slot: int) -> bool:
    return target.final is not None and target.final[0] >= (slot + 1) * NS_PER_SECOND


def _add_final(target: Target, slot: int) -> None:
    """Add the reading taken at the exit, the last one of this run."""
    if target.final is None:
        return
    at_ns, cpu_time_ns = target.final
    offsets = target.buffer.offset_ns
    earliest_ns = offsets[-1] + 1 if offsets else 0
    offset_ns = min(max(at_ns - slot * NS_PER_SECOND, earliest_ns), NS_PER_SECOND - 1)
    if not offsets or offset_ns > offsets[-1]:
        target.buffer.add_fast(offset_ns, cpu_time_ns, None)
