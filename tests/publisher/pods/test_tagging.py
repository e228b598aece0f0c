"""A process in a pod is told of with the names of its pod, and with its labels."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robometrics import runtime
from robometrics.publisher.control import Control
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.pods.labels import ApiServer
from robometrics.publisher.pods.tagging import (
    ASK_AGAIN_SECONDS,
    NAMED_WITHIN_SECONDS,
    PodTags,
    joined,
)
from robometrics.publisher.runs import Runs
from robometrics.publisher.watchlist import Registration, Watchlist
from robometrics.schema import TAGS_MAX

from .apis import Api, api_server

ID = "0123456789ab" + "c" * 52
CGROUPS = {
    "systemd": f"/kubepods.slice/kubepods-podu.slice/cri-containerd-{ID}.scope",
    "cgroupfs": f"/kubepods/burstable/podu/{ID}",
    "seen from the worker's own pod": f"/../../podu/{ID}",
}
PLACE = {"pod": "planner-0", "namespace": "robots", "container": "nav"}


class Node:
    """A node of Kubernetes: a folder of links, a cgroup, and a clock."""

    def __init__(self, folder: Path, api: Api) -> None:
        self.api = api
        self.links = folder / "containers"
        self.links.mkdir()
        self.cgroup: str | None = CGROUPS["systemd"]
        self.now = 0.0
        self.events: list[dict[str, Any]] = []
        self.outbox = Outbox(folder / "outbox.db", max_bytes=1 << 24, host="robot")
        self.watchlist = Watchlist("robot", 10)
        control = Control("robot", self.watchlist, self.outbox, time.time_ns)
        self.runs = Runs(
            self.watchlist,
            self.outbox,
            control,
            now_ns=time.time_ns,
            emit=lambda kind, **details: self.events.append({"kind": kind, **details}),
        )
        self.pods = self.worker(["*"])

    def worker(self, patterns: list[str]) -> PodTags:
        return PodTags(
            self.watchlist,
            self.runs,
            folder=self.links,
            patterns=patterns,
            api=ApiServer(self.api.url, self.api.account) if patterns else None,
            cgroup_of=lambda _: self.cgroup,
            clock=lambda: self.now,
        )

    def start_container(self) -> None:
        name = f"planner-0_robots_nav-{ID}.log"
        (self.links / name).symlink_to("/var/log/pods/elsewhere")

    def register(self, **tags: str) -> None:
        pid = os.getpid()
        start_ticks = runtime.start_ticks(pid) or 0
        self.runs.admit(
            Registration(
                name="p",
                pid=pid,
                start_ticks=start_ticks,
                boot_id=runtime.boot_id(),
                tags=tags,
            )
        )

    @property
    def said(self) -> list[dict[str, str] | None]:
        """The tags of each event that told of the process."""
        return [e["tags"] for e in self.events if e["kind"] == "registered"]

    @property
    def tags(self) -> dict[str, str]:
        [target] = self.watchlist
        return target.registration.tags


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with api_server(tmp_path) as api:
        opened = Node(tmp_path, api)
        yield opened
        for target in opened.watchlist.snapshot:
            opened.watchlist.remove(target)
        opened.outbox.close()


@pytest.mark.parametrize("cgroup", CGROUPS.values(), ids=CGROUPS)
async def test_pod_namespace_container_and_labels_become_tags(
    node: Node, cgroup: str
) -> None:
    node.cgroup = cgroup
    node.start_container()
    node.register(team="nav")
    await node.pods.look()

    wanted = {**PLACE, "team": "nav", "label_app": "planner"}
    assert wanted == node.tags
    assert [{"team": "nav"}, wanted] == node.said
    assert [wanted] == [each.tags for each in node.outbox.registrations.all()]


async def test_a_process_outside_of_containers_is_left_as_it_is(node: Node) -> None:
    node.cgroup = "/system.slice/planner.service"
    node.start_container()
    node.register()
    await node.pods.look()

    assert [None] == node.said
    assert [] == node.api.asked


async def test_without_patterns_the_names_are_known_and_nobody_is_asked(
    node: Node,
) -> None:
    node.start_container()
    node.register()
    await node.worker([]).look()

    assert PLACE == node.tags
    assert [] == node.api.asked


async def test_a_container_that_has_no_name_yet_is_looked_at_again(node: Node) -> None:
    """A process may register before Kubernetes has linked its log."""
    node.register()
    await node.pods.look()
    assert {} == node.tags

    node.start_container()
    await node.pods.look()
    assert PLACE.items() <= node.tags.items()


async def test_a_container_of_another_engine_is_given_up_after_a_while(
    node: Node,
) -> None:
    node.register()
    await node.pods.look()
    node.now += NAMED_WITHIN_SECONDS + 1
    await node.pods.look()
    node.start_container()
    await node.pods.look()

    assert {} == node.tags


async def test_what_is_known_is_not_said_or_asked_twice(node: Node) -> None:
    node.start_container()
    node.register()
    for _ in range(3):
        await node.pods.look()

    assert 2 == len(node.said)
    assert 1 == len(node.api.asked)


async def test_who_registers_again_keeps_where_it_runs(node: Node) -> None:
    node.start_container()
    node.register(team="nav")
    await node.pods.look()
    node.register(team="arm")
    await node.pods.look()

    assert {**PLACE, "team": "arm", "label_app": "planner"} == node.tags


async def test_a_process_cannot_claim_to_run_in_another_pod(node: Node) -> None:
    node.start_container()
    node.register(pod="bank-0", namespace="finance", label_app="bank")
    await node.pods.look()

    assert {**PLACE, "label_app": "planner"} == node.tags


async def test_names_do_not_wait_for_labels(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """An API that refuses costs the labels, is asked seldom, and complained of once."""
    node.api.status = 403
    node.start_container()
    node.register()
    for _ in range(3):
        await node.pods.look()
    assert PLACE == node.tags
    assert 1 == len(node.api.asked)

    node.api.status = 200
    node.now += ASK_AGAIN_SECONDS
    await node.pods.look()
    assert {**PLACE, "label_app": "planner"} == node.tags
    assert 1 == sum("right to get pods" in each for each in caplog.messages)


async def test_one_that_ends_is_not_told_of_again(node: Node) -> None:
    """Its events are in order: what comes after its end would have it run again."""
    node.register()
    [target] = node.watchlist
    node.runs.release(target)
    node.runs.retag(target, PLACE)

    assert [None] == node.said


def test_there_are_never_more_tags_than_a_message_may_have() -> None:
    own = {f"own{n}": "x" for n in range(TAGS_MAX)}
    kept = joined(own, PLACE, {"label_app": "x"})

    assert TAGS_MAX == len(kept)
    assert [*PLACE, *own][:TAGS_MAX] == [*kept]
    few = joined({"own": "x"}, PLACE, {"label_app": "x"})
    assert [*PLACE, "own", "label_app"] == [*few]
