"""The peak of a block: exact by the kernel's mark, else sampled, and it says which."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from loads import MIB, touch

import robometrics
from robometrics.lib.measure import memory
from robometrics.lib.measure.memory import Memory, Peak, parse_status

SIZE = 32 * MIB
NEAR = 4 * MIB  # what an interpreter does beside, and the kernel's counting by core

can_reset = pytest.mark.skipif(
    not memory.reset_high_water(), reason="the mark may not be set back here"
)


def near(expected_bytes: int) -> Any:
    return pytest.approx(expected_bytes, abs=NEAR)


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel, or a container, that does not let the mark be set back."""
    really = os.open

    def refuse(path: str, *args: Any, **options: Any) -> int:
        if path == "/proc/self/clear_refs":
            raise PermissionError(path)
        return really(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)


@can_reset
def test_a_peak_is_that_of_the_block_and_not_of_the_life_before() -> None:
    touch(2 * SIZE).close()
    with robometrics.measure() as m:
        touch(SIZE).close()
    assert "kernel" == m.peak_memory_method
    assert near(SIZE) == m.peak_memory_growth_bytes
    assert near(m.memory_begin_bytes or 0) == m.memory_end_bytes


@can_reset
def test_nested_blocks_have_each_their_own_peak() -> None:
    with robometrics.measure() as outer:
        touch(2 * SIZE).close()
        with robometrics.measure() as inner:
            touch(SIZE).close()
    assert near(2 * SIZE) == outer.peak_memory_growth_bytes
    assert near(SIZE) == inner.peak_memory_growth_bytes
    assert ("kernel", "kernel") == (outer.peak_memory_method, inner.peak_memory_method)


@can_reset
def test_overlapping_blocks_of_threads_have_each_their_own_peak() -> None:
    first, second = robometrics.measure("first"), robometrics.measure("second")
    first.__enter__()
    touch(2 * SIZE).close()
    thread = threading.Thread(target=second.__enter__)
    thread.start()
    thread.join()
    touch(SIZE).close()
    first.__exit__()
    touch(3 * SIZE).close()
    second.__exit__()
    assert near(2 * SIZE) == first.peak_memory_growth_bytes
    assert near(3 * SIZE) == second.peak_memory_growth_bytes


@can_reset
def test_a_look_inside_does_not_lose_the_peak() -> None:
    with robometrics.measure() as m:
        touch(SIZE).close()
        early = m.so_far()
    assert near(SIZE) == early.peak_memory_growth_bytes
    assert near(SIZE) == m.peak_memory_growth_bytes


@pytest.mark.usefixtures("denied")
def test_where_the_mark_cannot_be_set_back_a_higher_one_is_still_exact() -> None:
    high = memory.read_memory()
    assert high.high_water_bytes is not None
    assert high.rss_bytes is not None
    above = high.high_water_bytes - high.rss_bytes + SIZE
    with robometrics.measure() as m:
        touch(above).close()
    assert "kernel" == m.peak_memory_method
    assert near(above) == m.peak_memory_growth_bytes


@pytest.mark.usefixtures("denied")
def test_where_the_mark_cannot_be_set_back_a_lower_peak_is_sampled() -> None:
    touch(2 * SIZE).close()
    with robometrics.measure() as m:
        pages = touch(SIZE)
        begin_bytes = m.so_far().memory_begin_bytes or 0
        # As long as it takes for the other thread to see it, and no longer.
        while (memory.high_water._peaks[-1].high or 0) < begin_bytes + SIZE // 2:
            threading.Event().wait(0.001)
        pages.close()
    assert "sampled" == m.peak_memory_method
    assert near(SIZE) == m.peak_memory_growth_bytes
    assert "about" in str(m)


def test_who_needs_the_maximum_of_the_whole_life_keeps_it() -> None:
    touch(3 * SIZE).close()
    before = memory.read_memory().high_water_bytes
    with robometrics.measure(reset_high_water=False):
        pass
    assert before == memory.read_memory().high_water_bytes


def test_a_block_that_samples_hears_of_marks_that_another_one_sets_back() -> None:
    """The mark of a time inside the block is as good as a sample, and exact."""
    peak = Peak(Memory(100, 900), is_exact=False)
    peak.note(Memory(110, 900))
    assert (110, "sampled") == (peak.high, peak.method)
    peak.cover()
    peak.note(Memory(120, 400))
    assert (400, "sampled") == (peak.high, peak.method)
    peak.note(Memory(120, 1_000))
    assert (1_000, "kernel") == (peak.high, peak.method)


def test_without_resident_memory_only_a_risen_maximum_tells() -> None:
    """As on macOS: ``ru_maxrss`` is all there is."""
    peak = Peak(Memory(None, 900), is_exact=False)
    peak.note(Memory(None, 900))
    assert (None, None) == (peak.high, peak.method)
    peak.note(Memory(None, 901))
    assert (901, "kernel") == (peak.high, peak.method)


def test_status_is_parsed_and_that_of_a_zombie_refused() -> None:
    status = b"Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t1\n"
    assert Memory(MIB, 2 * MIB) == parse_status(status)
    with pytest.raises(ValueError):
        parse_status(b"Name:\tVmRSS\nState:\tZ (zombie)\n")


def test_a_signal_handler_may_measure_under_the_lock() -> None:
    with memory.high_water._lock, robometrics.measure() as m:
        pass
    assert m.peak_memory_bytes
