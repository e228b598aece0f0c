"""The tightest limit on the way up, in either version of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from robometrics.publisher.samplers.host import HostReader, Machine, Values
from robometrics.publisher.samplers.host.table import LINUX

from .trees import HOST_NAMESPACE, OTHER_NAMESPACE, Tree, put

PARTS = tuple(part for part in LINUX if part.name in {"limits", "throttling by quota"})
CGROUP = "sys/fs/cgroup"


def read(root: Path, tree: Tree, namespace: str = OTHER_NAMESPACE) -> Values:
    for name, content in ({"proc/self/ns/pid": namespace} | tree).items():
        put(root, name, content)
    reader = HostReader(Machine(root / "proc", root / "sys"), PARTS)
    values = reader.read()
    reader.close()
    return values


def v1(path: str, mount: str = "") -> Tree:
    """Return a container of version 1 whose groups are at *mount* below each root."""
    return {
        "proc/self/cgroup": f"4:memory:{path}\n2:cpu,cpuacct:{path}\n1:name=x:/\n",
        f"{CGROUP}/cpu,cpuacct{mount}/cpu.cfs_quota_us": "50000\n",
        f"{CGROUP}/cpu,cpuacct{mount}/cpu.cfs_period_us": "100000\n",
        f"{CGROUP}/cpu,cpuacct{mount}/cpu.stat": "nr_periods 1\nthrottled_time 77\n",
        f"{CGROUP}/memory{mount}/memory.limit_in_bytes": "536870912\n",
        f"{CGROUP}/memory{mount}/memory.usage_in_bytes": "400000000\n",
        f"{CGROUP}/memory{mount}/memory.stat": "rss 1\ntotal_inactive_file 100000000\n",
    }


LIMITED = {
    "cpu_limit_cores": 0.5,
    "memory_limit_bytes": 536870912,
    "memory_limit_used_bytes": 300_000_000,
    "cpu_limit_throttled_time_ns": 77,
}


def test_version_1_below_its_roots(tmp_path: Path) -> None:
    assert read(tmp_path, v1("/docker/a", "/docker/a")) == LIMITED


def test_version_1_where_the_path_is_the_host_s(tmp_path: Path) -> None:
    """Without a namespace of groups the path is not to be found inside."""
    assert read(tmp_path, v1("/docker/a")) == LIMITED


def test_version_2_with_a_namespace_of_its_own(tmp_path: Path) -> None:
    tree = {
        "proc/self/cgroup": "0::/\n",
        f"{CGROUP}/cgroup.controllers": "cpu memory\n",
        f"{CGROUP}/cpu.max": "50000 100000\n",
        f"{CGROUP}/cpu.stat": "usage_usec 5\nthrottled_usec 0\n",
        f"{CGROUP}/memory.max": "536870912\n",
        f"{CGROUP}/memory.current": "400000000\n",
        f"{CGROUP}/memory.stat": "anon 1\ninactive_file 100000000\n",
    }
    assert read(tmp_path, tree) == LIMITED | {"cpu_limit_throttled_time_ns": 0}


@pytest.mark.parametrize(("own", "cores"), [("max", 2.0), ("100000", 1.0)])
def test_the_tightest_limit_holds_wherever_it_is(
    tmp_path: Path, own: str, cores: float
) -> None:
    tree = {
        "proc/self/cgroup": "0::/a/b\n",
        f"{CGROUP}/cgroup.controllers": "cpu memory\n",
        f"{CGROUP}/a/cpu.max": "200000 100000\n",
        f"{CGROUP}/a/cpu.stat": "throttled_usec 1\n",
        f"{CGROUP}/a/b/cpu.max": f"{own} 100000\n",
        f"{CGROUP}/a/b/cpu.stat": "throttled_usec 2\n",
    }
    values = read(tmp_path, tree)
    assert cores == values["cpu_limit_cores"]
    assert 1000 * (1 if cores == 2.0 else 2) == values["cpu_limit_throttled_time_ns"]
    assert "memory_limit_bytes" not in values


def test_without_limits_nothing_is_said_of_them(tmp_path: Path) -> None:
    tree = {
        "proc/self/cgroup": "4:memory:/x\n2:cpu:/x\n",
        f"{CGROUP}/memory/memory.limit_in_bytes": "9223372036854771712\n",
        f"{CGROUP}/cpu/cpu.cfs_quota_us": "-1\n",
        f"{CGROUP}/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert {} == read(tmp_path, tree)


def test_a_worker_that_sees_the_host_s_processes_measures_the_host(
    tmp_path: Path,
) -> None:
    assert {} == read(tmp_path, v1("/docker/a"), HOST_NAMESPACE)
