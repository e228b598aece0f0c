"""DRM's fdinfo: whatever a kernel writes, time only grows, memory counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.samplers.gpu.engine_time import LEFT_MAX, EngineTime
from robometrics.publisher.samplers.gpu.fdinfo import Client, parse_fdinfo

SECOND = 1_000_000_000
AMDGPU = """\
pos:\t0
flags:\t02100002
drm-driver:\tamdgpu
drm-client-id:\t39
drm-pdev:\t0000:03:00.0
pasid:\t32771
drm-memory-vram:\t120 KiB
drm-memory-gtt: \t30 KiB
drm-memory-cpu: \t0 KiB
drm-resident-vram:\t100 KiB
amd-evicted-vram:\t0 KiB
drm-engine-gfx:\t5000000 ns
drm-engine-compute:\t7 ns
"""
XE = """\
drm-driver:\txe
drm-client-id:\t3
drm-pdev:\t0000:00:02.0
drm-total-system:\t0
drm-total-gtt:\t192 KiB
drm-resident-gtt:\t64 KiB
drm-total-vram0:\t24 MiB
drm-resident-vram0:\t23 MiB
drm-cycles-rcs:\t100
drm-total-cycles-rcs:\t1000
drm-cycles-vcs:\t0
drm-total-cycles-vcs:\t1000
drm-engine-capacity-vcs:\t2
"""


def client(**engines_ns: int) -> Client:
    return Client("i915", "0000:00:02.0", "1", engines_ns)


def test_amdgpu() -> None:
    assert Client(
        driver="amdgpu",
        address="0000:03:00.0",
        id="39",
        engines_ns={"gfx": 5_000_000, "compute": 7},
        memory_bytes=100 << 10,
        shared_bytes=30 << 10,
        has_own_memory=True,
    ) == parse_fdinfo(AMDGPU)


def test_xe_counts_cycles_and_what_is_in_place() -> None:
    assert Client(
        driver="xe",
        address="0000:00:02.0",
        id="3",
        cycles={"rcs": (100, 1_000), "vcs": (0, 1_000)},
        capacities={"vcs": 2},
        memory_bytes=23 << 20,
        shared_bytes=64 << 10,
        has_own_memory=True,
    ) == parse_fdinfo(XE)


@pytest.mark.parametrize(
    "text", ["", "pos:\t0\nflags:\t02\n", "drm-engine-gfx:\t5 ns\n", "\0\0\0", ":"]
)
def test_a_file_of_something_else_is_no_client(text: str) -> None:
    assert parse_fdinfo(text) is None


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    found = parse_fdinfo("drm-driver: x\n" + text)

    assert found is not None
    assert found.memory_bytes >= 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [("5", 5), ("5 KiB", 5_120), ("5 MiB", 5 << 20), ("-5", 0), ("x", 0), ("", 0)],
)
def test_sizes_have_units(value: str, expected: int) -> None:
    found = parse_fdinfo(f"drm-driver: x\ndrm-total-vram: {value}\n")

    assert found is not None
    assert expected == found.memory_bytes


def test_time_is_a_counter_and_utilisation_that_of_the_busiest_engine() -> None:
    times = EngineTime()
    first = times.add([client(render=5 * SECOND, copy=1)], 10 * SECOND)
    second = times.add([client(render=5 * SECOND + 250_000_000, copy=1)], 11 * SECOND)

    assert {
        "gpu_engine_time_ns:render": 5 * SECOND,
        "gpu_engine_time_ns:copy": 1,
        "gpu_time_ns": 5 * SECOND + 1,
        "gpu_utilization_percent": None,
    } == first
    assert 25.0 == second["gpu_utilization_percent"]
    assert 5 * SECOND + 250_000_001 == second["gpu_time_ns"]


def test_two_equal_engines_that_both_work_are_fully_used() -> None:
    times = EngineTime()
    for at in (0, 1):
        busy = Client("i915", engines_ns={"video": at * 2 * SECOND})
        busy.capacities["video"] = 2
        found = times.add([busy], at * SECOND)

    assert 100.0 == found["gpu_utilization_percent"]


def test_cycles_are_time_by_their_share() -> None:
    times = EngineTime()
    for at, busy in ((0, 900), (2, 1_150)):
        cycles = {"rcs": (busy, 10_000 + at * 500)}
        found = times.add([Client("xe", id="3", cycles=cycles)], at * SECOND)

    assert SECOND // 2 == found["gpu_time_ns"]
    assert 25.0 == found["gpu_utilization_percent"]


def test_what_a_client_used_stays_when_it_closes() -> None:
    times = EngineTime()
    times.add([client(render=500)], 0)
    found = times.add([], SECOND)
    other = Client("i915", "0000:00:02.0", "2", {"render": 20})
    again = times.add([other], 2 * SECOND)

    assert (500, 0.0) == (found["gpu_time_ns"], found["gpu_utilization_percent"])
    assert 520 == again["gpu_time_ns"]


def test_a_client_that_is_found_again_by_another_descriptor_is_not_counted_anew() -> (
    None
):
    times = EngineTime()
    times.add([client(render=500)], 0)
    times.add([], SECOND)
    found = times.add([client(render=530)], 2 * SECOND)

    assert 530 == found["gpu_time_ns"]


def test_of_clients_that_left_only_the_last_are_remembered() -> None:
    times = EngineTime()
    for number in range(3 * LEFT_MAX):
        times.add([Client("i915", id=str(number), engines_ns={"render": 1})], number)

    assert 3 * LEFT_MAX == times.add([], SECOND)["gpu_time_ns"]
    assert LEFT_MAX == len(times._left)


@given(st.lists(st.lists(st.integers(0, 1_000), max_size=3), max_size=20))
def test_time_never_runs_back(readings: list[list[int]]) -> None:
    """Clients come and go, and the kernel may count backwards for a moment."""
    times = EngineTime()
    totals = []
    for second, used in enumerate(readings):
        clients = [
            Client("i915", id=str(number), engines_ns={"render": ns})
            for number, ns in enumerate(used)
        ]
        found = times.add(clients, second * SECOND)
        totals.append(found.get("gpu_time_ns") or 0)

    assert sorted(totals) == totals
    assert totals[-1:] == [] or totals[-1] >= max(
        (sum(used) for used in readings), default=0
    )


def test_a_counter_that_falls_back_is_waited_for() -> None:
    times = EngineTime()
    found = [
        times.add([client(render=ns)], at * SECOND)["gpu_time_ns"]
        for at, ns in enumerate((100, 90, 95, 130))
    ]

    assert [100, 100, 100, 130] == found
