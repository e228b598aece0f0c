"""Ticks keep their grid; slots and generations never mix; nothing is left behind."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from waiting import poll_until

from robometrics import runtime
from robometrics.errors import ProcessDeniedError
from robometrics.publisher.clock import Clock, since_boot_ns
from robometrics.publisher.rounds import Round
from robometrics.publisher.sampler import Sampler
from robometrics.publisher.samplers.host import HostReader
from robometrics.publisher.series import SlotBuffer, Value
from robometrics.publisher.slots import Packer, Slot
from robometrics.publisher.surroundings import Surroundings
from robometrics.publisher.watchlist import Registration, Target, Watchlist
from robometrics.requests import Plan
from robometrics.schema import HostBatch, ProcessBatch, decode_batch

from .conftest import Spawn

SECOND = 1_000_000_000


class Bench:
    """A sampler on its own, and everything it handed over."""

    def __init__(self, interval_ns: int, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.watchlist = Watchlist("robot", 100, interval_ns)
        host = HostReader()
        self.host: Round[dict[str, Value]] = Round(
            "host", host.read, self.clock, host.close
        )
        self.gpus: Round[tuple[()]] = Round("gpu", tuple, self.clock)
        self.slots: list[Slot] = []
        self.gone: list[Target] = []
        self.failures: list[BaseException] = []
        self.first_slot = self.clock.now_ns() // SECOND + 1
        self.sampler = Sampler(
            Packer("robot", "boot"),
            self.watchlist,
            self.clock,
            Surroundings(self.host, self.gpus, dict),
            first_slot=self.first_slot,
            hand_over=self.slots.append,
            gone=self.gone.append,
            failed=self.failures.append,
        )

    def watch(
        self, pid: int, name: str = "p", interval_ns: int | None = None
    ) -> Target:
        ticks = runtime.start_ticks(pid)
        assert ticks is not None
        registration = Registration(
            name=name,
            pid=pid,
            start_ticks=ticks,
            boot_id="boot",
            plan=Plan(interval_ns=interval_ns),
        )
        return self.watchlist.add(registration)[0]

    def batches(self, kind: type = ProcessBatch) -> list:
        decoded = [
            decode_batch(data) for slot in self.slots for _, data in slot.messages
        ]
        return [batch for batch in decoded if isinstance(batch, kind)]

    def run_for_slots(self, count: int) -> None:
        self.host.start()
        self.sampler.start()
        poll_until(lambda: len(self.slots) >= count)
        self.host.stop()
        self.sampler.stop()
        self.sampler.join(5)
        assert not self.sampler.is_alive()


def test_every_tick_of_the_grid_is_taken_once_and_in_its_slot() -> None:
    bench = Bench(SECOND // 20)
    bench.watch(os.getpid())
    bench.run_for_slots(2)

    batches = bench.batches()
    times = [b.slot * SECOND + o for b in batches for o in b.offset_ns]
    ticks = [at // (SECOND // 20) for at in times]
    assert sorted(set(ticks)) == ticks
    assert len(ticks) + bench.sampler.ticks_skipped == ticks[-1] - ticks[0] + 1
    assert [b.slot for b in batches] == sorted({b.slot for b in batches})
    assert batches[0].slot >= bench.first_slot


def test_each_batch_names_the_sample_before_it() -> None:
    """So a reader sees a missing batch, and has a rate for the first sample."""
    bench = Bench(SECOND // 10)
    bench.watch(os.getpid())
    bench.run_for_slots(3)

    batches = bench.batches()
    assert batches[0].previous is None
    for before, after in pairwise(batches):
        last_ns = before.slot * SECOND + before.offset_ns[-1]
        assert last_ns == after.slot * SECOND + after.previous.offset_ns
        assert (
            before.metrics["cpu_time_ns"][-1]
            == (after.previous.counters["cpu_time_ns"])
        )


def test_the_host_is_read_once_a_second() -> None:
    bench = Bench(SECOND)
    bench.run_for_slots(2)
    batches = bench.batches(HostBatch)
    assert all(1 == len(batch.offset_ns) for batch in batches)
    for key in ("cpu_time_ns", "memory_total_bytes", "memory_available_bytes"):
        assert batches[0].metrics[key][0] > 0


def test_one_unreadable_process_does_not_stop_the_others(spawn: Spawn) -> None:
    doomed = spawn("input()")
    bench = Bench(SECOND // 10)
    bench.watch(doomed.pid, "doomed")
    bench.watch(os.getpid(), "mine")
    bench.sampler.start()
    poll_until(lambda: bench.slots)
    doomed.kill()
    doomed.wait()
    poll_until(lambda: bench.gone)
    count = len(bench.slots)
    poll_until(lambda: len(bench.slots) > count + 1)
    bench.sampler.stop()
    bench.sampler.join(5)
    assert "doomed" == bench.gone[0].registration.name
    assert "mine" == bench.batches()[-1].process


def test_a_step_back_publishes_no_slot_twice_in_one_generation() -> None:
    offset_ns = 0

    def wall_ns() -> int:
        return time.time_ns() + offset_ns

    bench = Bench(SECOND // 10, Clock(wall_ns=wall_ns))
    bench.watch(os.getpid())
    bench.sampler.start()
    poll_until(lambda: len(bench.slots) >= 2)
    offset_ns = -3 * SECOND
    poll_until(lambda: any(slot.step_ns for slot in bench.slots))
    count = len(bench.slots)
    poll_until(lambda: len(bench.slots) > count + 3)
    bench.sampler.stop()
    bench.sampler.join(5)

    identities = [(b.generation, b.slot) for b in bench.batches()]
    assert sorted(set(identities)) == identities
    assert {0, 1} == {generation for generation, _ in identities}
    slots = {g: {s for gen, s in identities if gen == g} for g in (0, 1)}
    assert slots[0] & slots[1], "the time that came twice was measured twice"
    hosts = {(b.generation, b.slot) for b in bench.batches(HostBatch)}
    assert set(identities) == hosts, "an audit takes a slot without the host for a hole"
    first_of_new = next(b for b in bench.batches() if b.generation == 1)
    assert first_of_new.previous is None


def test_after_a_step_forward_no_distance_is_known() -> None:
    offset_ns = 0

    def wall_ns() -> int:
        return time.time_ns() + offset_ns

    bench = Bench(SECOND // 10, Clock(wall_ns=wall_ns))
    bench.watch(os.getpid())
    bench.host.start()
    bench.sampler.start()
    poll_until(lambda: len(bench.slots) >= 2)
    offset_ns = 60 * SECOND
    poll_until(lambda: any(slot.step_ns for slot in bench.slots))
    count = len(bench.slots)
    poll_until(lambda: len(bench.slots) > count + 1)
    bench.host.stop()
    bench.sampler.stop()
    bench.sampler.join(5)

    for kind in (ProcessBatch, HostBatch):
        [(_, after)] = [
            (before, after)
            for before, after in pairwise(bench.batches(kind))
            if after.slot > before.slot + 50
        ]
        assert after.previous is None, "else a rate over a minute that nobody lived"


def test_the_slot_under_way_is_handed_over_at_the_end() -> None:
    bench = Bench(SECOND // 50)
    bench.watch(os.getpid())
    bench.sampler.start()
    poll_until(lambda: bench.sampler.ticks >= 5)
    bench.sampler.stop()
    bench.sampler.join(5)
    taken = sum(len(batch.offset_ns) for batch in bench.batches())
    assert bench.sampler.ticks == taken


@pytest.mark.parametrize("value", [2**64, 2**63, -(2**63) - 1, math.nan, math.inf])
def test_a_number_no_batch_can_hold_costs_itself_and_no_other(value: Value) -> None:
    """A kernel's counter that ran below zero, in ns: it stopped the worker."""
    buffer = SlotBuffer()
    buffer.add(0, {"cpu_steal_time_ns": value, "cpu_time_ns": 5})
    buffer.set_singles({"gpu_power_watts": value})
    _, columns, _ = buffer.take(100)
    buffer.add(1, {})
    _, _, previous = buffer.take(101)

    assert {
        "cpu_steal_time_ns": [None],
        "cpu_time_ns": [5],
        "gpu_power_watts": [None],
    } == columns
    assert previous is not None
    assert {"cpu_time_ns": 5} == previous.counters


def test_the_sampler_is_a_daemon_that_cannot_hold_up_an_exit() -> None:
    assert Bench(SECOND).sampler.daemon


def test_a_buffer_gives_single_values_to_the_last_sample() -> None:
    buffer = SlotBuffer()
    buffer.add(0, {"cpu_time_ns": 5})
    buffer.add(10, {"cpu_time_ns": 7})
    buffer.set_singles({"thread_count": 3})
    offsets, columns, previous = buffer.take(100)
    assert ([0, 10], {"cpu_time_ns": [5, 7], "thread_count": [3]}, None) == (
        offsets,
        columns,
        previous,
    )
    buffer.add(3, {"cpu_time_ns": 9})
    _, _, previous = buffer.take(101)
    assert previous is not None
    assert (10 - SECOND, {"cpu_time_ns": 7}) == (
        previous.offset_ns,
        previous.counters,
    )


@pytest.mark.parametrize("hours", [2, 48])
def test_a_long_silence_breaks_the_chain(hours: int) -> None:
    buffer = SlotBuffer()
    buffer.add(0, {"cpu_time_ns": 5})
    buffer.take(100)
    buffer.add(0, {"cpu_time_ns": 6})
    assert buffer.take(100 + hours * 3600)[2] is None


def test_an_exit_just_after_a_slot_s_end_is_read_into_the_next_one() -> None:
    """The tick that ends the slot comes a little late; the reading must not be lost."""
    bench = Bench(SECOND)
    target = bench.watch(os.getpid())
    slot = 1_790_000_000
    bench.sampler._slot = slot
    target.buffer.add_fast(0, 5, 100)
    target.final = ((slot + 1) * SECOND + 30, 9)
    target.closing = True

    first = bench.sampler._end_slot()
    assert first is not None
    assert [] == first.finished
    bench.sampler._slot = slot + 1
    second = bench.sampler._end_slot()
    assert second is not None
    assert [target] == second.finished
    [taken] = [each for each in second.taken if each.of is target]
    assert ([30], [9]) == (taken.offset_ns, taken.columns["cpu_time_ns"])


def test_with_the_last_slot_every_reading_goes() -> None:
    bench = Bench(SECOND)
    target = bench.watch(os.getpid())
    slot = 1_790_000_000
    bench.sampler._slot = slot
    target.final = ((slot + 1) * SECOND + 30, 9)
    target.closing = True
    last = bench.sampler._end_slot(is_last=True)
    assert last is not None
    [taken] = [each for each in last.taken if each.of is target]
    assert ([SECOND - 1], [9]) == (taken.offset_ns, taken.columns["cpu_time_ns"])


def test_a_sampler_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that takes registrations and no samples would be worse than none."""
    bench = Bench(SECOND // 50)

    def fail(*_: object, **__: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(bench.sampler, "_read", fail)
    bench.watch(os.getpid())
    bench.sampler.start()
    bench.sampler.join(10)
    assert ["KeyError('odd')"] == [repr(each) for each in bench.failures]


def test_a_host_that_slept_is_no_worker_that_was_late() -> None:
    """A suspended laptop: both clocks go on, the one that counts work does not."""
    slept_ns = 0
    clock = Clock(
        wall_ns=lambda: time.time_ns() + slept_ns,
        monotonic_ns=lambda: since_boot_ns() + slept_ns,
    )
    bench = Bench(SECOND // 10, clock)
    bench.watch(os.getpid())
    bench.sampler.start()
    poll_until(lambda: len(bench.slots) >= 1)
    slept_ns = 7 * SECOND
    poll_until(lambda: any(slot.gaps for slot in bench.slots))
    count = len(bench.slots)
    poll_until(lambda: len(bench.slots) > count + 1)
    bench.sampler.stop()
    bench.sampler.join(5)

    # On a busy machine some ticks come too late as well, before and after.
    found = [gap for slot in bench.slots for gap in slot.gaps]
    gaps = [gap for gap in found if gap.cause == "host_asleep"]
    slots = [slot.slot for slot in bench.slots]
    absent = set(range(slots[0], slots[-1])) - set(slots)
    assert 6 <= len(absent) <= 8
    assert absent <= set(range(gaps[0].from_slot, gaps[-1].to_slot + 1))
    assert {0} == {slot.step_ns for slot in bench.slots}
    assert {0} == {slot.generation for slot in bench.slots}


def test_a_process_that_cannot_be_read_is_a_gap_of_its_own() -> None:
    bench = Bench(SECOND // 10)
    bench.watch(os.getpid(), "shy")
    bench.watch(os.getpid(), "mine")
    shy = next(t for t in bench.watchlist if t.registration.name == "shy")
    read = shy.reader.fast
    bench.sampler.start()
    poll_until(lambda: len(bench.slots) >= 1)

    def refuse() -> tuple[int, int | None]:
        raise ProcessDeniedError(os.getpid())

    shy.reader.fast = refuse  # type: ignore[method-assign]
    count = len(bench.slots)
    poll_until(lambda: len(bench.slots) > count + 1)
    shy.reader.fast = read  # type: ignore[method-assign]
    poll_until(lambda: any(slot.gaps for slot in bench.slots))
    bench.sampler.stop()
    bench.sampler.join(5)

    gaps = [gap for slot in bench.slots for gap in slot.gaps]
    [unreadable] = [gap for gap in gaps if gap.cause == "process_unreadable"]
    assert ("shy", shy.run) == unreadable.whose
    assert unreadable.to_slot - unreadable.from_slot >= 1
    due = {"mine": 0, "shy": 0}
    for gap in gaps:  # on a busy machine some ticks also come too late
        if gap.whose is not None:
            due[gap.whose[0]] += gap.missing_samples
    for slot in bench.slots:
        for _, name, _, samples in slot.taken:
            if name:
                due[name] += samples
    assert due["mine"] == due["shy"]
    assert [] == bench.gone, "it is tried again"


def test_an_end_is_handed_over_once_however_late_the_event_loop_is() -> None:
    """Until the loop has let the target go, more slots end."""
    bench = Bench(SECOND // 2)
    target = bench.watch(os.getpid())
    bench.sampler.start()
    poll_until(lambda: bench.slots)
    target.final = (bench.clock.now_ns(), 10**15)
    target.closing = True
    count = len(bench.slots)
    poll_until(lambda: len(bench.slots) > count + 3)
    bench.sampler.stop()
    bench.sampler.join(5)
    assert [target] == [each for slot in bench.slots for each in slot.finished]
    last = [batch.metrics["cpu_time_ns"][-1] for batch in bench.batches()]
    assert 1 == last.count(10**15)


def test_each_process_has_its_own_interval() -> None:
    bench = Bench(SECOND // 10)
    for name, interval_ns in (("fast", SECOND // 50), ("slow", 2 * SECOND)):
        bench.watch(os.getpid(), name, interval_ns)
    bench.watch(os.getpid(), "usual")
    bench.run_for_slots(3)

    intervals = {b.process: b.interval_ns for b in bench.batches()}
    expected = {"fast": SECOND // 50, "slow": 2 * SECOND, "usual": SECOND // 10}
    assert expected == intervals
    for name, interval_ns in expected.items():
        ticks = [
            (batch.slot * SECOND + offset) // interval_ns
            for batch in bench.batches()
            for offset in batch.offset_ns
            if batch.process == name
        ]
        assert sorted(set(ticks)) == ticks, "each tick of its grid at most once"
    assert all(
        "thread_count" in batch.metrics
        for batch in bench.batches()
        if batch.process == "slow"
    )


def test_an_interval_may_change_at_any_time() -> None:
    bench = Bench(2 * SECOND)
    bench.watchlist.on_change = bench.sampler.poke
    target = bench.watch(os.getpid())
    bench.sampler.start()
    poll_until(lambda: bench.slots)
    bench.watchlist.set_interval(target, SECOND // 50)
    poll_until(lambda: target.buffer.offset_ns and target.buffer.offset_ns[5:])
    bench.watchlist.set_interval(target, 2 * SECOND)
    count = len(bench.slots)
    poll_until(lambda: len(bench.slots) > count + 2)
    bench.sampler.stop()
    bench.sampler.join(5)

    times = [b.slot * SECOND + o for b in bench.batches() for o in b.offset_ns]
    assert sorted(set(times)) == times
    distances = [after - before for before, after in pairwise(times)]
    assert min(distances) < SECOND // 10
    assert 2 * SECOND == bench.batches()[-1].interval_ns


def test_a_finer_grid_ticks_in_the_middle_of_a_longer_one() -> None:
    """A thousand processes at 1 Hz must not cost one at 1,000 Hz its ticks."""
    bench = Bench(SECOND)
    fine = bench.watch(os.getpid(), "fine", SECOND // 100)
    coarse = [bench.watch(os.getpid(), f"c{number}") for number in range(3)]
    slot = bench.first_slot + 10
    now_ns = slot * SECOND
    bench.clock.monotonic_ns = lambda: now_ns - bench.clock.anchor_ns
    order = []

    def reading(name: str, takes_ns: int) -> Callable[[], tuple[int, int]]:
        def fast() -> tuple[int, int]:
            nonlocal now_ns
            now_ns += takes_ns
            order.append(name)
            return 1, 1

        return fast

    fine.reader.fast = reading("fine", 1_000)  # type: ignore[method-assign]
    for each in coarse:
        name = each.registration.name
        each.reader.fast = reading(name, 9_000_000)  # type: ignore[method-assign]
    sampler = bench.sampler
    sampler._schedule.follow(bench.watchlist.snapshot, now_ns - 1)
    sampler._slot = slot
    sampler._tick_all_due(now_ns)
    assert ["fine", "c0", "c1", "fine", "c2"] == order
    assert 0 == sampler.ticks_skipped


def test_what_other_threads_read_goes_with_the_next_slot_once() -> None:
    bench = Bench(SECOND // 10)
    target = bench.watch(os.getpid())
    target.extras.update({"gpu_memory_used_bytes": 7})
    bench.run_for_slots(2)
    first, second = bench.batches()[:2]
    assert [7] == first.metrics["gpu_memory_used_bytes"]
    assert "gpu_memory_used_bytes" not in second.metrics


def test_times_are_kept_to_a_millionth_of_the_interval() -> None:
    bench = Bench(SECOND // 10)
    bench.watch(os.getpid(), "slow", SECOND)
    bench.watch(os.getpid(), "usual")
    bench.run_for_slots(2)

    grains = {"slow": 1_000, "usual": 100}
    assert {"slow", "usual"} == {batch.process for batch in bench.batches()}
    for batch in bench.batches():
        assert {0} == {offset % grains[batch.process] for offset in batch.offset_ns}


def test_two_readings_within_a_grain_keep_their_order() -> None:
    """One so late that the next is due at once: equal times would be refused."""
    bench = Bench(SECOND // 10)
    target = bench.watch(os.getpid())
    bench.sampler._slot = bench.clock.now_ns() // SECOND

    for _ in range(3):
        bench.sampler._read([target], SECOND, is_last=False)

    offsets = target.buffer.offset_ns
    assert 0 == offsets[0]
    assert sorted(set(offsets)) == offsets
    assert 3 == len(offsets)
