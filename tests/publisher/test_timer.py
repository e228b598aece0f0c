"""A wait is exact, and another thread can break it off."""

from __future__ import annotations

import threading

import pytest

from robometrics.publisher.clock import since_boot_ns
from robometrics.publisher.timer import NAP_NS, Timer


@pytest.mark.parametrize("wait_ns", [-5, 0, 1_000, NAP_NS, 2 * NAP_NS])
def test_it_never_wakes_too_early(wait_ns: int) -> None:
    at_ns = since_boot_ns() + wait_ns
    assert Timer(since_boot_ns).sleep_until(at_ns)
    assert since_boot_ns() >= at_ns


def test_a_poke_breaks_off_one_long_wait() -> None:
    timer = Timer(since_boot_ns)
    timer.poke()
    assert not timer.sleep_until(since_boot_ns() + 3600 * 10**9)
    assert timer.sleep_until(since_boot_ns() + 2 * NAP_NS)


def test_a_stop_ends_the_wait_and_all_later_ones() -> None:
    timer = Timer(since_boot_ns)
    waiting = threading.Thread(
        target=timer.sleep_until, args=(since_boot_ns() + 3600 * 10**9,)
    )
    waiting.start()
    timer.stop()
    waiting.join(20)
    assert not waiting.is_alive()
    assert not timer.sleep_until(0)
