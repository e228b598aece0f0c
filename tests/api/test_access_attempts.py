"""How failed logins are counted, and forgiven."""

from __future__ import annotations

import os

import pytest

from robometrics.api.access.attempts import FAILURES_MAX, SECONDS_EACH, Attempts
from robometrics.errors import TooManyError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def fail(attempts: Attempts, address: str, times: int) -> None:
    for _ in range(times):
        attempts.failed(address, os.urandom(32))


def is_held_off(attempts: Attempts, address: str) -> bool:
    try:
        attempts.check(address)
    except TooManyError:
        return True
    return False


def test_some_mistakes_are_let_pass_and_many_are_not() -> None:
    attempts = Attempts(Clock())
    fail(attempts, "10.0.0.7", FAILURES_MAX - 1)
    assert not is_held_off(attempts, "10.0.0.7")
    fail(attempts, "10.0.0.7", 1)
    assert is_held_off(attempts, "10.0.0.7")
    assert not is_held_off(attempts, "10.0.0.8")


def test_a_failure_is_forgiven_after_a_while_and_no_earlier() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    fail(attempts, "10.0.0.7", 10 * FAILURES_MAX)
    clock.now = SECONDS_EACH * 0.9
    assert is_held_off(attempts, "10.0.0.7")
    clock.now = SECONDS_EACH
    assert not is_held_off(attempts, "10.0.0.7")
    fail(attempts, "10.0.0.7", 1)
    assert is_held_off(attempts, "10.0.0.7")


def test_to_go_on_with_a_revoked_token_keeps_nobody_out() -> None:
    attempts = Attempts(Clock())
    for _ in range(10 * FAILURES_MAX):
        attempts.failed("10.0.0.7", b"the same")
    assert not is_held_off(attempts, "10.0.0.7")


def test_an_attacker_has_many_addresses_of_version_6_and_counts_as_one() -> None:
    attempts = Attempts(Clock())
    for number in range(FAILURES_MAX):
        fail(attempts, f"2001:db8:0:7::{number:x}", 1)
    assert is_held_off(attempts, "2001:db8:0:7:ffff::1")
    assert not is_held_off(attempts, "2001:db8:0:8::1")


@pytest.mark.parametrize("count", [20_000])
def test_what_is_remembered_is_bounded(count: int) -> None:
    attempts = Attempts(Clock())
    for number in range(count):
        attempts.failed(
            f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", b"%d" % number
        )
    assert len(attempts._failures) <= count / 2
    assert len(attempts._refused) <= count / 2
