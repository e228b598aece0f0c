"""The tick loop: reads every process on its own fixed grid, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from robometrics.errors import ProcessGoneError, SkipProcessError
from robometrics.publisher.clock import Clock
from robometrics.publisher.gaps import GapLog
from robometrics.publisher.schedule import (
    GRAINS,
    NEVER_NS,
    Grid,
    Schedule,
    next_tick_ns,
)
from robometrics.publisher.series import Value
from robometrics.publisher.slots import Ended, Packer, Slot, add_final, ends_after
from robometrics.publisher.surroundings import Surroundings
from robometrics.publisher.timer import Timer, wake_exactly
from robometrics.publisher.watchlist import Target, Watchlist
from robometrics.schema import NS_PER_SECOND


class Sampler(threading.Thread):
    """Samples until stopped; hands over each slot as soon as it is complete.

    A tick that comes too late is counted and skipped. Ticks of a finer grid come
    first: what takes long stops for them between two processes.
    """

    def __init__(
        self,
        packer: Packer,
        watchlist: Watchlist,
        clock: Clock,
        surroundings: Surroundings,
        *,
        first_slot: int,
        hand_over: Callable[[Slot], None],
        gone: Callable[[Target], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        super().__init__(name="sampler", daemon=True)
        self.ticks = 0
        self.ticks_skipped = 0
        self.samples = 0
        self.cpu_time_ns = 0
        """Of this thread."""

        self._packer = packer
        self._watchlist = watchlist
        self._clock = clock
        self._surroundings = surroundings
        self._first_ns = first_slot * NS_PER_SECOND
        self._hand_over = hand_over
        self._gone = gone
        self._failed = failed
        self._schedule = Schedule()
        self._slot: int | None = None
        self._urgent_ns = NEVER_NS
        """When a finer grid than the one being read is due."""

        self._late_ns = 0
        self._gaps = GapLog()
        self._slept = False
        self._timer = Timer(clock.now_ns)

    def stop(self) -> None:
        """Take no more samples; hand over the slot under way; end."""
        self._timer.stop()

    def poke(self) -> None:
        """Look at the watchlist now: somebody is due earlier than at the last look."""
        self._timer.poke()

    def take_lateness_ns(self) -> int:
        """Return by how much the latest tick was late since this was asked last."""
        late_ns, self._late_ns = self._late_ns, 0
        return late_ns

    def run(self) -> None:
        wake_exactly()
        try:
            self._run()
        except BaseException as exc:
            self._failed(exc)  # without samples there is no worker

    def _run(self) -> None:
        # From the first whole slot on, so that a slot is whole or known to be missing.
        now_ns = self._clock.now_ns()
        now_ns = max(next_tick_ns(now_ns, NS_PER_SECOND), self._first_ns) - 1
        second_ns = next_tick_ns(now_ns, NS_PER_SECOND)
        schedule = self._schedule
        while True:
            schedule.follow(self._watchlist.snapshot, max(now_ns, self._clock.now_ns()))
            if not self._timer.sleep_until(min(schedule.due_ns, second_ns)):
                if self._timer.is_stopped:
                    break
                continue
            now_ns = self._clock.now_ns()
            ended = None
            if now_ns // NS_PER_SECOND != self._slot:
                ended = self._end_slot()
                if ended is not None and ended.step_ns:
                    now_ns = self._clock.now_ns()
                    schedule.restart(now_ns)
                    second_ns = now_ns  # each slot has its batch of the host
                self._slot = now_ns // NS_PER_SECOND
            self._tick_all_due(now_ns)
            if now_ns >= second_ns:
                self._skip(second_ns, now_ns, NS_PER_SECOND, 1)
                self._surroundings.tick(now_ns - (self._slot or 0) * NS_PER_SECOND)
                second_ns = next_tick_ns(now_ns, NS_PER_SECOND)
            if ended is not None:
                self._publish(ended)
            self.cpu_time_ns = time.thread_time_ns()
        self._urgent_ns = NEVER_NS  # no tick after the last
        ended = self._end_slot(is_last=True)
        if ended is not None:
            self._publish(ended)

    def _tick_all_due(self, now_ns: int) -> None:
        grids = self._schedule.grids
        for place, grid in enumerate(grids):
            if now_ns >= grid.due_ns:
                self._urgent_ns = grids[0].due_ns if place else NEVER_NS
                self._tick(grid, now_ns)
        self._urgent_ns = grids[0].due_ns if grids else NEVER_NS

    def _tick(self, grid: Grid, now_ns: int) -> None:
        self.ticks += 1
        due_ns, interval_ns = grid.due_ns, grid.interval_ns
        late_ns = (now_ns - due_ns) % interval_ns
        self._late_ns = max(self._late_ns, late_ns)
        self._skip(due_ns, now_ns, interval_ns, len(grid.targets))
        grid.due_ns = next_tick_ns(now_ns, interval_ns)
        grain_ns = interval_ns // GRAINS or 1
        self._read(grid.targets, grain_ns, is_last=grid.due_ns >= self._slot_end_ns())

    def _slot_end_ns(self) -> int:
        return ((self._slot or 0) + 1) * NS_PER_SECOND

    def _let_finer_grid_tick(self) -> None:
        """Take the tick of the finest grid, in the middle of something longer."""
        now_ns = self._clock.now_ns()
        self._urgent_ns = NEVER_NS
        if now_ns < self._slot_end_ns():  # else the slot must be ended first
            finest = self._schedule.grids[0]
            self._tick(finest, now_ns)
            self._urgent_ns = finest.due_ns

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

    def _end_slot(self, *, is_last: bool = False) -> Ended | None:
        """Take the samples of the slot under way out of the buffers, if there is one.

        A process that ended since the slot did, before the tick that noticed the slot's
        end, goes with the next one; with the last slot, all go. Encoding them waits
        until the tick that begins the next slot has been taken.
        """
        slot = self._slot
        if slot is None:
            return None
        clock = self._clock
        ended = Ended(slot, clock.generation, clock.anchor_ns, is_dated=clock.is_set)
        for target in self._watchlist.snapshot:
            if target.handed_over:
                continue  # the event loop is late to let it go
            if target.closing and (is_last or not ends_after(target, slot)):
                add_final(target, slot)
                ended.finished.append(target)
                target.handed_over = True
            target.samples_published += len(target.buffer.offset_ns)
            ended.take(target.buffer, target, target.finest_ns)
            target.finest_ns = target.interval_ns
        self._surroundings.end_slot(ended)
        self._slept = clock.take_sleep_ns() >= NS_PER_SECOND
        ended.step_ns = clock.check()
        now_slot = clock.now_ns() // NS_PER_SECOND
        if ended.step_ns > 0 and ended.is_dated and now_slot > slot + 1:
            self._gaps.miss("clock", slot + 1, now_slot - 1, 0)
        ended.gaps = self._gaps.take(slot, everything=is_last)
        if ended.step_ns:
            self._surroundings.forget_previous()
            for target in self._watchlist.snapshot:
                target.buffer.forget_previous()
        return ended

    def _read(self, targets: list[Target], grain_ns: int, *, is_last: bool) -> None:
        """Read *targets* once; with the slot's last tick, also what changes slowly."""
        slot_ns = (self._slot or 0) * NS_PER_SECOND
        monotonic_ns = self._clock.monotonic_ns
        shift_ns = self._clock.anchor_ns - slot_ns
        for target in targets:
            if target.closing:
                continue
            try:
                offset_ns = monotonic_ns() + shift_ns
                if offset_ns + slot_ns >= self._urgent_ns:
                    self._let_finer_grid_tick()
                    offset_ns = monotonic_ns() + shift_ns
                if offset_ns >= NS_PER_SECOND:  # this tick ran over its slot's end
                    self.ticks_skipped += 1
                    self._miss(target, "overrun")
                    continue
                target.latest = fast = target.reader.fast()
                taken, grained_ns = (
                    target.buffer.offset_ns,
                    offset_ns - offset_ns % grain_ns,
                )
                if taken and grained_ns <= taken[-1]:  # so late that the next is here
                    grained_ns = offset_ns
                target.buffer.add_fast(grained_ns, *fast)
                self.samples += 1
                tree = target.tree  # another thread may close it just now
                if tree is not None:
                    target.buffer.add_tree(tree.fast())
                if is_last:
                    beside: dict[str, Value]
                    beside, target.extras = target.extras, {}
                    target.buffer.set_singles(target.reader.slow() | beside)
            except ProcessGoneError:
                self._gone(target)
            except SkipProcessError:
                self._miss(target, "process_unreadable")

    def _miss(self, target: Target, cause: str) -> None:
        slot = self._slot or 0
        self._gaps.miss(cause, slot, slot, 1, (target.registration.name, target.run))

    def _publish(self, ended: Ended) -> None:
        messages = []
        for columns in ended.taken:
            if self._clock.now_ns() >= self._urgent_ns:
                self._let_finer_grid_tick()
            messages.append(self._packer.message(ended, columns))
        self._hand_over(self._packer.pack(ended, messages))
