"""The whole worker, a real control group, and a process that registers in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from servers import NatsServer
from waiting import poll_until

from robometrics.broker import Link
from robometrics.lib import client
from robometrics.publisher.samplers.cgroup_mounts import find_folder, parse_mounts

from .conftest import Spawn
from .workers import Collector, ask, collect_until, running, settings_for

ID = "5ca1ab1e" * 8
ROOTS = {"": "/", "name=systemd": "/"}


@pytest.fixture
def container() -> Iterator[Path]:
    """A control group that is called like a container's, by either version."""
    made = _make_container()
    yield made
    poll_until(lambda: not (made / "cgroup.procs").read_text())
    made.rmdir()


def _make_container() -> Path:
    mounts = parse_mounts(Path("/proc/self/mountinfo").read_text("utf-8"))
    for controller in ROOTS:
        folder = find_folder(mounts, controller, ROOTS)
        if folder is not None:
            made = folder / f"cri-containerd-{ID}.scope"
            with contextlib.suppress(OSError):
                made.mkdir()
                return made
    pytest.skip("no control group can be made")


async def test_a_process_in_a_pod_is_told_of_with_its_pod(
    nats_server: NatsServer, link: Link, tmp_path: Path, spawn: Spawn, container: Path
) -> None:
    child = spawn("import sys; sys.stdin.read()")
    (container / "cgroup.procs").write_text(str(child.pid))
    links = tmp_path / "containers"
    links.mkdir()
    (links / f"planner-0_robots_nav-{ID}.log").symlink_to("/var/log/pods/elsewhere")
    settings = settings_for(nats_server.url, tmp_path, containers_dir=str(links))
    collector = Collector(link)
    async with running(settings):
        await ask(
            settings, client.register_request("planner", child.pid, {"team": "nav"})
        )

        def tags() -> list[dict[str, str] | None]:
            told = [e for e in collector.events if e.event == "registered"]
            return [event.tags for event in told]

        await collect_until(collector, lambda: len(tags()) == 2)
        child.kill()
        await anyio.to_thread.run_sync(child.wait)

    pod = {"pod": "planner-0", "namespace": "robots", "container": "nav"}
    assert [{"team": "nav"}, {**pod, "team": "nav"}] == tags()
