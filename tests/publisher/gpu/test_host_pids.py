"""The driver counts pids as the host does; a worker in a container must translate."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from robometrics.publisher.samplers.gpu import GpuReader
from robometrics.publisher.samplers.gpu.host_pids import HostPids, innermost_pid

from .conftest import Clock, Trees
from .stand_in import StandIn

MIB = 1 << 20
MEMORY = "gpu_memory_used_bytes"


@pytest.fixture
def container(trees: Trees) -> Trees:
    """A root whose pid namespace is not the host's."""
    trees.file("proc/self/ns/pid", "")
    return trees


def host_process(trees: Trees, pid: int, inner: int, *, ours: bool = True) -> None:
    trees.write(
        f"host/proc/{pid}", status=f"Name:\tx\nPid:\t{pid}\nNSpid:\t{pid}\t{inner}"
    )
    folder = trees.root / f"host/proc/{pid}/ns"
    folder.mkdir()
    if ours:
        os.link(trees.root / "proc/self/ns/pid", folder / "pid")
    else:
        (folder / "pid").touch()


def test_on_the_host_pids_are_what_they_are() -> None:
    pids = HostPids(Path("/"))

    if Path("/proc/self/ns/pid").stat().st_ino != 0xEFFFFFFC:
        pytest.skip("these tests run in a container")
    assert pids.can_translate
    assert {5: 5, 6: 6} == pids.translate([5, 6])


def test_without_procfs_there_is_nothing_to_translate(trees: Trees) -> None:
    assert {5: 5} == HostPids(trees.root).translate([5])


def test_processes_of_this_container_are_found_by_the_hosts_proc(
    container: Trees,
) -> None:
    host_process(container, 1, 1, ours=False)
    host_process(container, 4_000, 7)
    host_process(container, 4_001, 7, ours=False)  # pid 7 of another container
    pids = HostPids(container.root)

    assert pids.can_translate
    assert {4_000: 7} == pids.translate([4_000, 4_001, 4_002])


def test_in_a_container_use_is_shown_by_the_pids_in_it(
    driver: StandIn, container: Trees, clock: Clock
) -> None:
    host_process(container, 1, 1, ours=False)
    host_process(container, 4_000, 7)
    driver.process(0, 4_000, MIB)
    driver.process(0, 7, 5 * MIB)  # pid 7 of the host is somebody else

    found = GpuReader(container.root, clock).read([7]).processes

    assert MIB == found[7][MEMORY]


def test_a_container_without_the_hosts_proc_says_null_and_why(
    driver: StandIn,
    container: Trees,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    driver.process(0, 7, 5 * MIB)
    reader = GpuReader(container.root, clock)
    with caplog.at_level(logging.INFO):
        found = [reader.read([7]).processes for _ in range(2)]

    assert [None, None] == [each[7][MEMORY] for each in found]
    told = [r.message for r in caplog.records if "container" in r.message]
    assert 1 == len(told)
    assert "/host/proc" in told[0]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("NSpid:\t12\t3\t1\n", 1),
        ("Name:\tNSpid: 9\nNSpid:\t12\n", 12),
        ("Name:\tolder than Linux 4.1\n", None),
        ("", None),
    ],
)
def test_the_innermost_pid_is_the_last(status: str, expected: int | None) -> None:
    assert expected == innermost_pid(status)
