"""The last reading of who ends, and of the sampler itself, goes with its slot."""

from __future__ import annotations

import os

import pytest
from waiting import poll_until

from .bench import SECOND, Bench


def test_the_slot_under_way_is_handed_over_at_the_end() -> None:
    bench = Bench(SECOND // 50)
    bench.watch(os.getpid())
    bench.sampler.start()
    poll_until(lambda: bench.sampler.ticks >= 5)
    bench.sampler.stop()
    bench.sampler.join(5)
    taken = sum(len(batch.offset_ns) for batch in bench.batches())
    assert bench.sampler.ticks == taken


def test_the_sampler_is_a_daemon_that_cannot_hold_up_an_exit() -> None:
    assert Bench(SECOND).sampler.daemon


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
