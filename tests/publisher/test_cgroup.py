"""A container's or unit's own numbers are read, of either version of cgroups."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import poll_until

from robometrics import runtime
from robometrics.publisher.samplers.cgroup import Cgroup, Counters
from robometrics.publisher.samplers.cgroup_files import (
    V1_FILES,
    V2_FILES,
    parse_cpu_stat,
    parse_io_stat,
    parse_v1_cpu,
)
from robometrics.publisher.samplers.cgroup_mounts import (
    V2,
    Mount,
    find_folder,
    parse_mounts,
)
from robometrics.publisher.samplers.proc_directory import ProcDirectory

from .conftest import Spawn

PRESSURE = (
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n"
)
V2_TREE = {
    "cgroup.events": "populated 1\nfrozen 0\n",
    "cpu.stat": "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnice_usec 0\n"
    "core_sched.force_idle_usec 0\nnr_periods 9\nnr_throttled 2\nthrottled_usec 4\n",
    "memory.current": "4096\n",
    "memory.peak": "8192\n",
    "memory.max": "16384\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n",
    "pids.current": "6\n",
    "io.stat": "8:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=0 dios=0\n"
    "8:16 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=9 dios=1\n",
    "cpu.pressure": PRESSURE,
    "memory.pressure": PRESSURE,
    "io.pressure": PRESSURE,
}
EXPECTED = {
    "cgroup_cpu_time_ns": 30_000,
    "cgroup_cpu_user_time_ns": 20_000,
    "cgroup_cpu_system_time_ns": 10_000,
    "cgroup_cpu_throttles_total": 2,
    "cgroup_cpu_throttled_time_ns": 4_000,
    "cgroup_memory_current_bytes": 4096,
    "cgroup_memory_peak_bytes": 8192,
    "cgroup_memory_limit_bytes": 16384,
    "cgroup_oom_kills_total": 1,
    "cgroup_task_count": 6,
    "cgroup_io_read_bytes_total": 101,
    "cgroup_io_write_bytes_total": 202,
}
PRESSURES = {
    f"cgroup_{resource}_pressure{suffix}_time_ns": ns
    for resource in ("cpu", "memory", "io")
    for suffix, ns in (("", 7_000), ("_full", 5_000))
}
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
V1_TREE = {
    "cpuacct/cpuacct.usage": "30000\n",
    "cpuacct/cpuacct.stat": "user 2\nsystem 1\n",
    "cpu/cpu.stat": "nr_periods 9\nnr_throttled 2\nthrottled_time 4000\n",
    "memory/memory.usage_in_bytes": "4096\n",
    "memory/memory.max_usage_in_bytes": "8192\n",
    "memory/memory.limit_in_bytes": "16384\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "pids/pids.current": "6\n",
    "blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 100\n8:0 Write 200\n"
    "8:0 Total 300\n8:16 Read 1\n8:16 Write 2\n8:16 Total 3\nTotal 303\n",
}


class RecordedProcess:
    """The one file of ``/proc/PID`` that is asked for."""

    def __init__(self, cgroups: str) -> None:
        self.cgroups = cgroups

    def read(self, name: str) -> bytes:
        assert name == "cgroup"
        return self.cgroups.encode()


def record(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def reader(process: RecordedProcess, *mounts: Mount) -> Cgroup:
    return Cgroup(process, mounts)  # type: ignore[arg-type]


def test_a_unit_of_version_2_tells_everything(tmp_path: Path) -> None:
    record(tmp_path / "a.service", V2_TREE)
    found = reader(
        RecordedProcess("0::/a.service\n"), Mount(frozenset({V2}), "/", tmp_path)
    )

    assert EXPECTED | PRESSURES == found.read()


def test_a_container_of_version_1_tells_the_same_in_the_same_units(
    tmp_path: Path,
) -> None:
    mounts = []
    for name, text in V1_TREE.items():
        controller, _, file = name.partition("/")
        record(tmp_path / controller / "docker" / "b", {file: text})
        mounts.append(Mount(frozenset({controller}), "/", tmp_path / controller))
    lines = [f"{n}:{each}:/docker/b" for n, each in enumerate(V1_FILES, 1)]
    ticks = {
        "cgroup_cpu_user_time_ns": 2 * TICK_NS,
        "cgroup_cpu_system_time_ns": TICK_NS,
    }

    found = reader(RecordedProcess("\n".join(lines)), *mounts).read()

    assert EXPECTED | ticks == found


def test_what_is_not_limited_has_no_limit(tmp_path: Path) -> None:
    record(tmp_path / "v2" / "a", {"cgroup.events": "", "memory.max": "max\n"})
    record(tmp_path / "v1" / "a", {"memory.limit_in_bytes": f"{2**63 - 4096}\n"})

    assert (
        {}
        == reader(
            RecordedProcess("3:memory:/a\n0::/a\n"),
            Mount(frozenset({V2}), "/", tmp_path / "v2"),
            Mount(frozenset({"memory"}), "/", tmp_path / "v1"),
        ).read()
    )


def test_the_root_is_the_host_and_left_out(tmp_path: Path) -> None:
    v2 = {name: text for name, text in V2_TREE.items() if name != "cgroup.events"}
    record(tmp_path / "v2", v2)
    record(tmp_path / "v1", {"release_agent": "", "memory.usage_in_bytes": "1\n"})

    assert (
        {}
        == reader(
            RecordedProcess("3:memory:/\n0::/\n"),
            Mount(frozenset({V2}), "/", tmp_path / "v2"),
            Mount(frozenset({"memory"}), "/", tmp_path / "v1"),
        ).read()
    )


def test_an_engines_own_cgroup_does_not_speak_for_its_container(
    tmp_path: Path,
) -> None:
    """An engine of version 1 beside a version 2 that it knows nothing of."""
    container = "/docker/" + "ab" * 32
    engine = "/system.slice/containerd.service"
    record(tmp_path / "v2" / engine[1:], V2_TREE)
    record(tmp_path / "v1" / container[1:], {"memory.usage_in_bytes": "1\n"})
    lines = [f"3:memory:{container}", f"1:name=systemd:{container}", f"0::{engine}"]

    assert {"cgroup_memory_current_bytes": 1} == reader(
        RecordedProcess("\n".join(lines)),
        Mount(frozenset({V2}), "/", tmp_path / "v2"),
        Mount(frozenset({"memory"}), "/", tmp_path / "v1"),
    ).read()


def test_a_process_that_moves_keeps_counting_and_takes_its_new_gauges(
    tmp_path: Path,
) -> None:
    busy = V2_TREE | {"cpu.stat": "usage_usec 900\n", "memory.current": "1\n"}
    record(tmp_path / "calm", V2_TREE)
    record(tmp_path / "busy", busy)
    process = RecordedProcess("0::/calm\n")
    found = reader(process, Mount(frozenset({V2}), "/", tmp_path))
    before = found.read()
    process.cgroups = "0::/busy\n"
    moved = found.read()
    record(tmp_path / "busy", busy | {"cpu.stat": "usage_usec 950\n"})
    after = found.read()

    assert before["cgroup_cpu_time_ns"] == moved["cgroup_cpu_time_ns"] == 30_000
    assert after["cgroup_cpu_time_ns"] == 80_000
    assert after["cgroup_memory_current_bytes"] == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100)), max_size=20))
def test_counters_never_run_back(readings: list[tuple[bool, int]]) -> None:
    counters = Counters()
    last = 0
    for has_moved, value in readings:
        if has_moved:
            counters.change_source()
        [joined] = counters.joined({"cgroup_cpu_time_ns": value}).values()
        assert joined >= last
        last = joined


@given(st.text())
def test_an_odd_file_gives_nothing_wrong(text: str) -> None:
    for parse in (parse_cpu_stat, parse_io_stat, parse_v1_cpu):
        assert all(isinstance(value, int) for value in parse(text).values())


def test_an_empty_file_gives_nothing() -> None:
    for parse in (V2_FILES["memory.current"], V2_FILES["io.pressure"]):
        assert {} == parse("")


def test_mounts_are_found_wherever_they_are() -> None:
    mountinfo = r"""
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 /docker/b /mnt/a\040b rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:7 master:1 - cgroup2 cgroup2 rw
no mount at all
"""
    mounts = parse_mounts(mountinfo)
    paths = {"cpu": "/x/y", "memory": "/docker/b/c", V2: "/", "pids": "/"}

    found = {name: find_folder(mounts, name, paths) for name in [*paths, "blkio"]}

    assert found == {
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct/x/y"),
        "memory": Path("/mnt/a b/c"),
        V2: Path("/sys/fs/cgroup/unified"),
        "pids": None,
        "blkio": None,
    }


@pytest.mark.parametrize("path", ["/docker/bc", "/docker", "/..", "/docker/b/../c"])
def test_a_cgroup_that_is_not_mounted_is_not_mistaken(path: str) -> None:
    mount = Mount(frozenset({V2}), "/docker/b", Path("/sys/fs/cgroup"))

    assert mount.folder_of(path) is None


def test_a_container_finds_the_groups_of_others_in_the_machines_hierarchy(
    tmp_path: Path,
) -> None:
    """As Linux 6.18 tells it in a namespace of control groups: by the way from here."""
    whole = tmp_path / "whole"
    for group in ("kubepods/pod1/worker", "kubepods/pod2/nav"):
        (whole / group).mkdir(parents=True)
    (tmp_path / "own").symlink_to(whole / "kubepods/pod1/worker")
    own_only = f"65 44 0:38 / {tmp_path}/own rw - cgroup2 none rw\n"
    both = f"{own_only}64 44 0:38 /../../.. {whole} ro - cgroup2 none rw\n"

    def folder(mountinfo: str, cgroup: str) -> Path | None:
        return find_folder(parse_mounts(mountinfo), V2, {V2: cgroup})

    assert whole / "kubepods/pod2/nav" == folder(both, "/../../pod2/nav")
    assert whole / "init.scope" == folder(both, "/../../../init.scope")
    assert tmp_path / "own" == folder(both, "/")
    assert None is folder(own_only, "/../../pod2/nav")


def test_a_hierarchy_in_which_the_own_group_is_not_found_is_not_used(
    tmp_path: Path,
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "whole/other").mkdir(parents=True)
    mountinfo = (
        f"65 44 0:38 / {tmp_path}/own rw - cgroup2 none rw\n"
        f"64 44 0:38 /../.. {tmp_path}/whole ro - cgroup2 none rw\n"
    )

    assert None is find_folder(parse_mounts(mountinfo), V2, {V2: "/../other"})


@pytest.fixture
def real_cgroup() -> Iterator[Path]:
    """A cgroup of version 2 that belongs to this test alone."""
    mountinfo = Path("/proc/self/mountinfo")
    mounts = parse_mounts(mountinfo.read_text("utf-8")) if mountinfo.exists() else []
    folder = find_folder(mounts, V2, {V2: "/"})
    if folder is None:
        pytest.skip("no cgroup of version 2 is mounted")
    made = folder / f"robometrics-test-{os.getpid()}"
    try:
        made.mkdir()
    except OSError as exc:
        pytest.skip(f"no cgroup can be made: {exc.strerror}")
    yield made
    poll_until(lambda: not (made / "cgroup.procs").read_text())
    made.rmdir()


def test_a_real_cgroup_counts_children_that_came_and_went(
    real_cgroup: Path, spawn: Spawn
) -> None:
    child = spawn(
        "import subprocess, sys\n"
        "burn = 'import time\\nwhile time.process_time() < 0.2: pass'\n"
        "sys.stdin.readline()\n"
        "subprocess.run([sys.executable, '-c', burn])\n"
        "print(flush=True)\n"
        "sys.stdin.readline()"
    )
    directory = ProcDirectory(child.pid, runtime.start_ticks(child.pid) or 0)
    found = Cgroup(directory)
    outside = found.read()
    (real_cgroup / "cgroup.procs").write_text(str(child.pid))
    before = found.read()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    child.stdout.readline()
    after = found.read()
    directory.close()
    _end(child)

    assert "cgroup_cpu_time_ns" not in outside
    grown_ns = after["cgroup_cpu_time_ns"] - before["cgroup_cpu_time_ns"]
    assert 200_000_000 <= grown_ns < 5_000_000_000
    assert after["cgroup_cpu_user_time_ns"] > before["cgroup_cpu_user_time_ns"]


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()
