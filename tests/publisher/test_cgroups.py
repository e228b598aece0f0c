"""Units and containers are told from the paths that their engines really use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robometrics.publisher.cgroups import (
    cgroup_of,
    container_of,
    parse_cgroups,
    telling_path,
    unit_of,
)

ID = "0123456789ab" + "cdef" * 13
OTHER = "fedcba987654" + "3210" * 13
POD = "pod0a1b2c3d_0a1b_2c3d_4e5f_0a1b2c3d4e5f"
PODS = "/kubepods.slice/kubepods-besteffort.slice"
TASK = "0123456789abcdef0123456789abcdef"
USER = "/user.slice/user-1000.slice/user@1000.service"


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("/system.slice/planner.service", "planner.service"),
        ("/system.slice/planner.service/workers/7", "planner.service"),
        (r"/system.slice/a\x2db.service", "a-b.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        (
            f"{USER}/app.slice/viz.service",
            "viz.service",
        ),
        (
            f"{USER}/app.slice",
            "user@1000.service",
        ),
        (f"/system.slice/docker-{ID}.scope", f"docker-{ID}.scope"),
        (f"/system.slice/docker-{ID}.scope/system.slice/a.service", "a.service"),
        ("/init.scope", "init.scope"),
        ("/system.slice/__own.service", "_own.service"),
        ("/system.slice/gone.service (deleted)", "gone.service"),
        ("/../system.slice/beside.service", "beside.service"),
        ("/system.slice", None),
        (f"/docker/{ID}", None),
        ("/.service", None),
        ("/", None),
        ("", None),
    ],
)
def test_the_innermost_unit_is_named(cgroup: str, unit: str | None) -> None:
    assert unit == unit_of(cgroup)


@pytest.mark.parametrize(
    "cgroup",
    [
        f"/docker/{ID}",
        f"/system.slice/docker-{ID}.scope",
        f"/system.slice/docker-{ID}.scope/init.scope",
        f"{USER}/user.slice/docker-{ID}.scope",
        f"/kubepods/burstable/{POD.replace('_', '-')}/{ID}",
        f"/kubepods/{POD.replace('_', '-')}/{ID}",
        f"{PODS}/kubepods-besteffort-{POD}.slice/cri-containerd-{ID}.scope",
        f"/kubepods.slice/kubepods-{POD}.slice/crio-{ID}.scope",
        f"/kubepods.slice/kubepods-{POD}.slice/docker-{ID}.scope",
        f"/system.slice/containerd.service/kubepods-{POD}.slice:cri-containerd:{ID}",
        f"/machine.slice/libpod-{ID}.scope/container",
        f"/libpod_parent/libpod-{ID}",
        f"/system.slice/planner.service/libpod-payload-{ID}",
        f"/default/{ID}",
        f"/system.slice/nerdctl-{ID}.scope",
        f"/docker/{OTHER}/kubelet/kubepods/burstable/{POD}/{ID}",
        f"/../{ID}",
        f"/docker/{ID} (deleted)",
        f"/ecs/{TASK}/{ID}",
    ],
)
def test_a_containers_id_is_found_and_shortened(cgroup: str) -> None:
    assert "0123456789ab" == container_of(cgroup)


@pytest.mark.parametrize(
    ("cgroup", "container"),
    [
        ("/lxc/perception", "perception"),
        ("/lxc.payload.perception/system.slice/a.service", "perception"),
        ("/lxc.payload/perception", "perception"),
        (r"/machine.slice/machine-build\x2dbox.scope/payload", "build-box"),
        ("/machine.slice/systemd-nspawn@sim.service/payload", "sim"),
        (f"/ecs/{TASK}/{TASK}-2531612879", f"{TASK}-2531612879"),
    ],
)
def test_a_container_without_an_id_is_named(cgroup: str, container: str) -> None:
    assert container == container_of(cgroup)


@pytest.mark.parametrize(
    "cgroup",
    [
        "/",
        "",
        "/system.slice/planner.service",
        "/system.slice/containerd.service",
        f"/machine.slice/libpod-conmon-{ID}.scope",
        f"/kubepods.slice/kubepods-{POD}.slice/crio-conmon-{ID}.scope",
        "/lxc.monitor.perception",
        r"/machine.slice/machine-qemu\x2d1\x2dvm.scope",
        f"/kubepods/burstable/{POD}",
        f"/docker/{ID[:63]}",
        f"/docker/{ID}0",
    ],
)
def test_what_is_no_container_is_not_called_one(cgroup: str) -> None:
    assert container_of(cgroup) is None


@given(st.text())
def test_no_path_is_too_odd(cgroup: str) -> None:
    for name in (unit_of(cgroup), container_of(cgroup)):
        if name is not None:
            assert name


def test_a_name_that_is_not_text_becomes_text() -> None:
    raw = os.fsdecode(b"/system.slice/caf\xe9.service")

    assert "caf\N{REPLACEMENT CHARACTER}.service" == unit_of(raw)


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        (["0::/a.service"], "/a.service"),
        (["0::/a:b:c"], "/a:b:c"),
        (["2:cpu,cpuacct:/x", "1:name=systemd:/y"], "/y"),
        (["1:name=systemd:/a.service", "0::/"], "/a.service"),
        (["1:name=systemd:/", "0::/by/hand"], "/by/hand"),
        (
            [f"1:name=systemd:/docker/{ID}", "0::/system.slice/containerd.service"],
            f"/docker/{ID}",
        ),
        (["0::/gone (deleted)"], "/gone"),
        (["2:cpu:/x"], None),
        (["garbage"], None),
        ([], None),
    ],
)
def test_of_two_versions_the_telling_one_counts(
    lines: list[str], path: str | None
) -> None:
    assert path == telling_path(parse_cgroups("\n".join(lines)))


@pytest.mark.skipif(
    not Path("/proc/self/cgroup").exists(), reason="this kernel has no cgroups"
)
def test_a_process_has_a_cgroup_until_it_is_gone() -> None:
    assert (cgroup_of(os.getpid()) or "").startswith("/")
    assert cgroup_of(2**22 - 1) is None
