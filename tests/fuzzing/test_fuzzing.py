"""No decoder does anything but take its input or refuse it; ``make fuzz`` tries longer.

The same inputs each time: what is found here is found again.
"""

from __future__ import annotations

import time

import pytest
from fuzzing.__main__ import all_targets
from fuzzing.running import Target, fuzz

INPUTS = 3_000
SECONDS = 2.0
TARGETS = all_targets()


@pytest.mark.parametrize("target", TARGETS, ids=[each.name for each in TARGETS])
def test_nonsense_is_refused_and_nothing_else_happens(target: Target) -> None:
    result = fuzz(target, seed=1, inputs_max=INPUTS, seconds=SECONDS)

    told = [(each.problem, each.data[:200]) for each in result.findings]
    assert [] == told
    assert 0 < result.taken, "what is right is taken"


def refused(_: bytes) -> None:
    raise ValueError("no")


def hangs(data: bytes) -> None:
    if len(data) < 4:
        time.sleep(3_600)


def grows(data: bytes) -> None:
    if b"\xff" in data:
        raise MemoryError


@pytest.mark.parametrize(
    ("take", "refusals", "problem"),
    [
        (refused, (), "ValueError: no"),
        (refused, (ValueError,), None),
        (hangs, (), "HungError: longer than 0 s"),
        (grows, (ValueError,), "MemoryError: "),
    ],
)
def test_a_decoder_that_does_something_else_is_found(
    take: object,
    refusals: tuple[type[Exception], ...],
    problem: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fuzzing.running.HANG_SECONDS", 0.05)
    target = Target("made up", [b"good"], take, refusals)  # type: ignore[arg-type]

    result = fuzz(target, seed=1, inputs_max=200)

    found = {each.problem for each in result.findings}
    assert ({problem} if problem else set()) == found
