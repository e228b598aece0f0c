"""Each process on its own grid, and none keeps another from its ticks."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise

from waiting import poll_until

from .bench import SECOND, Bench


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
