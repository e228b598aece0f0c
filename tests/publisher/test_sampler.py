"""Ticks keep their grid; slots and generations never mix; nothing is left behind."""

from __future__ import annotations

import os
import time
from itertools import pairwise

from waiting import poll_until

from robometrics.errors import ProcessDeniedError
from robometrics.publisher.clock import Clock, since_boot_ns
from robometrics.schema import HostBatch, ProcessBatch

from .bench import SECOND, Bench
from .conftest import Spawn


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


def test_what_other_threads_read_goes_with_the_next_slot_once() -> None:
    bench = Bench(SECOND // 10)
    target = bench.watch(os.getpid())
    target.extras.update({"gpu_memory_used_bytes": 7})
    bench.run_for_slots(2)
    first, second = bench.batches()[:2]
    assert [7] == first.metrics["gpu_memory_used_bytes"]
    assert "gpu_memory_used_bytes" not in second.metrics
