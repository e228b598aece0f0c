"""On a real GPU of NVIDIA: memory to the per cent, load, and what a poll costs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import poll_until

from robometrics.publisher.samplers.gpu import GpuReader, GpuRound

pytestmark = pytest.mark.gpu

ALLOCATED_BYTES = 2 << 30
TOLERANCE = 0.02
PROGRAM = Path(__file__).parent / "load.py"


@pytest.fixture(scope="module")
def reader() -> Iterator[GpuReader]:
    found = GpuReader()
    if not any(d.uuid.startswith("GPU-") for d in found.read([]).devices):
        found.close()
        pytest.skip("no GPU of NVIDIA on this machine")
    yield found
    found.close()


@pytest.fixture
def load() -> Iterator[subprocess.Popen[str]]:
    """A program with a CUDA context on GPU 0."""
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    if program.stdout.readline() != "context\n":
        pytest.skip(f"no CUDA context: exit code {program.wait()}")
    yield program
    program.kill()
    program.communicate()


def tell(program: subprocess.Popen[str], command: str) -> None:
    assert program.stdin is not None
    program.stdin.write(f"{command}\n")
    program.stdin.flush()


def read_until(
    reader: GpuReader, pid: int, condition: Callable[[GpuRound], object]
) -> GpuRound:
    """Poll until *condition* holds; return the round in which it did."""
    found: list[GpuRound] = []

    def holds() -> object:
        found.append(reader.read([pid]))
        time.sleep(0.2)
        return condition(found[-1])

    poll_until(holds, 30)
    return found[-1]


def memory_of(found: GpuRound, pid: int) -> int:
    used = found.processes.get(pid, {}).get("gpu_memory_used_bytes", 0)
    if used is None:
        pytest.skip("the driver's pids mean nothing in this container")
    return int(used)


@pytest.mark.timeout(120)
def test_memory_of_a_process_is_what_it_allocated(
    reader: GpuReader, load: subprocess.Popen[str]
) -> None:
    pid = load.pid
    first = read_until(reader, pid, lambda found: memory_of(found, pid) > 0)
    context_bytes = memory_of(first, pid)
    tell(load, f"allocate {ALLOCATED_BYTES}")
    assert load.stdout is not None
    assert "allocated\n" == load.stdout.readline()

    wanted = ALLOCATED_BYTES * (1 - TOLERANCE)
    grown = read_until(
        reader, pid, lambda found: memory_of(found, pid) - context_bytes >= wanted
    )

    allocated = memory_of(grown, pid) - context_bytes
    assert pytest.approx(ALLOCATED_BYTES, rel=TOLERANCE) == allocated
    device = grown.devices[0].values["gpu_memory_used_bytes"]
    assert device is not None
    assert device >= allocated


@pytest.mark.timeout(120)
def test_a_process_that_works_is_seen_to_work(
    reader: GpuReader, load: subprocess.Popen[str]
) -> None:
    pid = load.pid
    tell(load, f"allocate {ALLOCATED_BYTES}")
    tell(load, "work")

    def use_of(found: GpuRound) -> tuple[float, float]:
        process = found.processes.get(pid, {}).get("gpu_utilization_percent", 0)
        if process is None:
            pytest.skip("this driver does not tell the load of single processes")
        device = found.devices[0].values.get("gpu_utilization_percent")
        return float(device or 0), float(process)

    device, process = use_of(
        read_until(reader, pid, lambda found: min(use_of(found)) > 0)
    )

    assert 0 < process <= 100
    assert 0 < device <= 100


def test_energy_power_and_time_agree(reader: GpuReader) -> None:
    """Two ways of the driver to say one thing; the counter misses no peak."""
    first = reader.read([]).devices[0].values["gpu_energy_millijoules_total"]
    if first is None:
        pytest.skip("this GPU has no energy counter")
    began = time.monotonic()
    found = read_until(
        reader,
        0,
        lambda each: (
            (each.devices[0].values.get("gpu_energy_millijoules_total") or 0)
            > first + 20_000
        ),
    )
    watts = found.devices[0].values["gpu_energy_millijoules_total"]
    assert watts is not None
    mean = (watts - first) / 1_000 / (time.monotonic() - began)

    assert 1 < mean < 2_000


def test_a_poll_has_a_cost_and_tells_it(
    reader: GpuReader, record_property: Callable[[str, object], None]
) -> None:
    """A figure for the report; a bound belongs into no test."""
    polls = 20
    clock = [time.monotonic()]
    own = GpuReader(monotonic=lambda: clock[0])
    devices = len(own.read([]).devices)
    began = time.perf_counter()
    for _ in range(polls):
        clock[0] += 1
        own.read([])
    own.close()
    cost_us = (time.perf_counter() - began) / polls * 1e6
    record_property("gpu_poll_us", round(cost_us))
    sys.stdout.write(f"{devices} GPUs: {cost_us:.0f} µs a poll\n")

    assert cost_us > 0
