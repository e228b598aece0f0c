"""``@measured``: functions, coroutines and generators behave as they did before."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import anyio
import pytest
from loads import CPU_NS, burn

import robometrics
from robometrics.lib.measure import Measurement
from robometrics.lib.measure.steps import joined


@pytest.fixture
def found() -> list[Measurement]:
    return []


def test_each_call_is_reported_with_the_function_s_name(
    found: list[Measurement],
) -> None:
    @robometrics.measured(report=found.append)
    def plan(goal: int, *, speed: int = 1) -> int:
        """Plan."""
        burn()
        return goal * speed

    assert 6 == plan(2, speed=3)
    assert 4 == plan(4)
    assert ("plan", "Plan.") == (plan.__name__, plan.__doc__)
    assert 2 == len(found)
    assert found[0].name.endswith("plan")
    assert min(each.cpu_time_ns for each in found) >= CPU_NS


def test_without_arguments_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    @robometrics.measured
    def plan() -> None: ...

    with caplog.at_level(logging.INFO, "robometrics.measure"):
        plan()
    [record] = caplog.records
    assert "plan: " in record.getMessage()
    assert "CPU" in record.getMessage()


def test_a_name_of_one_s_own_is_used(found: list[Measurement]) -> None:
    @robometrics.measured("planning", report=found.append)
    def plan() -> None: ...

    plan()
    assert ["planning"] == [each.name for each in found]


def test_methods_and_static_methods_stay_what_they_are(
    found: list[Measurement],
) -> None:
    class Planner:
        @robometrics.measured(report=found.append)
        def plan(self) -> object:
            return self

        @staticmethod
        @robometrics.measured(report=found.append)
        def guess() -> int:
            return 7

    planner = Planner()
    assert planner is planner.plan()
    assert 7 == Planner.guess()
    assert 2 == len(found)


def test_a_call_that_raises_is_reported_too(found: list[Measurement]) -> None:
    @robometrics.measured(report=found.append)
    def fail() -> None:
        burn()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert found[0].cpu_time_ns >= CPU_NS


def test_a_report_that_fails_costs_the_program_nothing_but_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def report(_: Measurement) -> None:
        raise OSError("disk full")

    @robometrics.measured(report=report)
    def plan() -> int:
        return 7

    assert 7 == plan()
    assert "disk full" in caplog.text


async def test_a_coroutine_is_measured_to_its_end(found: list[Measurement]) -> None:
    @robometrics.measured(report=found.append)
    async def plan() -> int:
        burn()
        await anyio.lowlevel.checkpoint()
        burn()
        return 7

    assert inspect.iscoroutinefunction(plan)
    waiting = plan()
    assert [] == found
    assert 7 == await waiting
    assert found[0].cpu_time_ns >= 2 * CPU_NS


async def test_a_cancelled_coroutine_is_reported(found: list[Measurement]) -> None:
    @robometrics.measured(report=found.append)
    async def plan() -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(0) as scope:
        await plan()
    assert scope.cancelled_caught
    assert 1 == len(found)


def test_a_generator_is_measured_while_it_runs_and_not_its_consumer(
    found: list[Measurement],
) -> None:
    @robometrics.measured(report=found.append)
    def steps() -> Generator[int, None, str]:
        burn()
        yield 1
        burn()
        yield 2
        return "end"

    assert inspect.isgeneratorfunction(steps)
    generator = steps()
    for _ in range(2):
        next(generator)
        burn(5 * CPU_NS)
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert "end" == stop.value.value
    assert 2 * CPU_NS <= found[0].cpu_time_ns < 10 * CPU_NS
    assert 1 == len(found)


def echo() -> Generator[Any, Any, str]:
    """Yield what was sent or thrown in, until told to stop."""
    got: Any = "begun"
    while got != "stop":
        try:
            got = yield got
        except KeyError as exc:
            got = exc.args[0]
    return "stopped"


def talk(generator: Generator[Any, Any, str]) -> list[Any]:
    said = [next(generator), generator.send("a"), generator.throw(KeyError("b"))]
    said.append(next(generator))
    try:
        generator.send("stop")
    except StopIteration as stop:
        said.append(stop.value)
    return said


def test_a_generator_takes_what_is_sent_and_thrown(found: list[Measurement]) -> None:
    assert talk(echo()) == talk(robometrics.measured(report=found.append)(echo)())
    assert 1 == len(found)


@pytest.mark.parametrize("end", ["close", "throw"])
def test_a_generator_s_cleanup_runs_and_counts(
    found: list[Measurement], end: str
) -> None:
    cleaned = []

    @robometrics.measured(report=found.append)
    def steps() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            burn()
            cleaned.append(True)

    generator = steps()
    next(generator)
    if end == "close":
        generator.close()
    else:
        with pytest.raises(KeyError):
            generator.throw(KeyError("b"))
    assert [True] == cleaned
    assert found[0].cpu_time_ns >= CPU_NS


def test_a_generator_nobody_starts_is_not_reported(found: list[Measurement]) -> None:
    robometrics.measured(report=found.append)(echo)().close()
    assert [] == found


def test_it_goes_under_contextmanager(found: list[Measurement]) -> None:
    @contextlib.contextmanager
    @robometrics.measured(report=found.append)
    def opened() -> Generator[int, None, None]:
        yield 7

    with opened() as value:
        assert 7 == value
    assert 1 == len(found)


async def test_an_async_generator_takes_what_is_sent_and_thrown(
    found: list[Measurement],
) -> None:
    @robometrics.measured(report=found.append)
    async def steps() -> AsyncGenerator[str, str]:
        got = "begun"
        while True:
            burn()
            try:
                got = yield got
            except KeyError as exc:
                got = exc.args[0]
            await anyio.lowlevel.checkpoint()

    assert inspect.isasyncgenfunction(steps)
    generator = steps()
    said = [await anext(generator), await generator.asend("a")]
    said.append(await generator.athrow(KeyError("b")))
    burn(5 * CPU_NS)
    await generator.aclose()
    assert ["begun", "a", "b"] == said
    assert 3 * CPU_NS <= found[0].cpu_time_ns < 8 * CPU_NS


async def test_an_async_generator_ends(found: list[Measurement]) -> None:
    @robometrics.measured(report=found.append)
    async def steps() -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    assert [1, 2] == [each async for each in steps()]
    assert 1 == len(found)


def a_measurement(**changes: Any) -> Measurement:
    with robometrics.measure("m") as m:
        return Measurement(**vars(m.so_far()) | changes)


@pytest.mark.parametrize(
    ("field", "first", "second", "expected"),
    [
        ("cpu_time_ns", 2, 3, 5),
        ("minor_faults", 2, None, None),
        ("peak_memory_bytes", 9, 4, 9),
        ("peak_memory_method", "kernel", "sampled", "sampled"),
        ("peak_memory_method", "kernel", "kernel", "kernel"),
        ("memory_begin_bytes", 1, 2, 1),
        ("memory_end_bytes", 1, 2, 2),
        ("began_at_ns", 1, 2, 1),
        ("gpu_energy_joules", 1.5, 2.5, 4.0),
        ("gpu_unavailable", None, "lost", "lost"),
    ],
)
def test_steps_add_up(field: str, first: Any, second: Any, expected: Any) -> None:
    both = joined(a_measurement(**{field: first}), a_measurement(**{field: second}))
    assert expected == getattr(both, field)


def test_the_mean_of_steps_goes_by_their_time() -> None:
    one = a_measurement(gpu_utilization_percent=90.0, wall_time_ns=10)
    other = a_measurement(gpu_utilization_percent=10.0, wall_time_ns=30)
    assert 30.0 == joined(one, other).gpu_utilization_percent


def test_types_are_kept() -> None:
    @robometrics.measured
    def plan(goal: int) -> str:
        return str(goal)

    typed: Callable[[int], str] = plan
    assert "3" == typed(3)
