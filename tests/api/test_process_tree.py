"""Whose child each process is, of those that are measured, whoever was first."""

from __future__ import annotations

import time
from typing import Any

from builders import event, process_batch

from robometrics.schema import Event, ProcessBatch

from .conftest import Served

SECOND = 1_000_000_000


class Family:
    """Processes of one host, each known by its registration and one batch."""

    def __init__(self, served: Served, host: str = "robot") -> None:
        self._served = served
        self._host = host

    async def add(self, name: str, pid: int, *above: int, slot: int = 0) -> None:
        """Register *name*, whose parent is the first of *above*, and so on."""
        slot = slot or int(time.time())
        run = f"ab-{pid}-7"
        batch: ProcessBatch = process_batch(
            host=self._host, process=name, pid=pid, run=run, slot=slot
        )
        await self._served.keep(batch)
        ancestors = [f"ab-{each}-7" for each in above]
        await self.tell(
            "registered", name, pid, at_ns=slot * SECOND, ancestors=ancestors
        )

    async def tell(self, kind: str, name: str, pid: int, **more: Any) -> None:
        values: dict[str, Any] = {
            "id": f"{self._host}-{kind[0]}-{pid}-{time.time_ns()}",
            "host": self._host,
            "event": kind,
            "at_ns": time.time_ns(),
            "process": name,
            "run": f"ab-{pid}-7",
            "pid": pid,
        }
        told: Event = event(**values | more)
        await self._served.store.fleet.record([told])

    async def parents(self) -> dict[str, str | None]:
        answer = await self._served.get("processes", host=self._host)
        return {row["process"]: row["parent"] for row in answer["processes"]}


async def test_the_nearest_measured_ancestor_is_the_parent(served: Served) -> None:
    """A shell between two that are measured is left out."""
    family = Family(served)
    await family.add("launch", 10, 5, 1)
    await family.add("planner", 30, 20, 10, 5, 1)
    await family.add("solver", 31, 30, 20, 10, 5, 1)
    await family.add("alone", 50, 40, 1)
    assert {
        "launch": None,
        "planner": "launch",
        "solver": "planner",
        "alone": None,
    } == await family.parents()


async def test_who_is_registered_later_is_a_parent_all_the_same(
    served: Served,
) -> None:
    family = Family(served)
    await family.add("planner", 30, 20, 10)
    assert {"planner": None} == await family.parents()
    await family.add("launch", 10, 1)
    assert {"planner": "launch", "launch": None} == await family.parents()


async def test_who_has_ended_leaves_its_children_to_the_next_above(
    served: Served,
) -> None:
    family = Family(served)
    await family.add("launch", 10)
    await family.add("wrapper", 20, 10)
    await family.add("planner", 30, 20, 10)
    await family.tell("exited", "wrapper", 20, exit_code=0)
    assert {
        "launch": None,
        "wrapper": "launch",
        "planner": "launch",
    } == await family.parents()


async def test_a_new_run_of_a_name_is_not_the_parent_that_ended(served: Served) -> None:
    family = Family(served)
    now = int(time.time())
    await family.add("wrapper", 20, slot=now - 5)
    await family.add("planner", 30, 20)
    await family.add("wrapper", 77)
    assert {"wrapper": None, "planner": None} == await family.parents()


async def test_two_hosts_on_one_kernel_have_trees_of_their_own(served: Served) -> None:
    """Two containers, each with a worker: the same pids, boot and start times."""
    one, other = Family(served), Family(served, "rover")
    await one.add("launch", 10)
    await other.add("planner", 30, 10)
    assert {"planner": None} == await other.parents()


async def test_a_host_that_is_away_keeps_its_tree(served: Served) -> None:
    family = Family(served)
    ago = int(time.time()) - 3_600
    await family.add("launch", 10, slot=ago)
    await family.add("planner", 30, 10, slot=ago)
    rows = (await served.get("processes"))["processes"]
    assert {"stale"} == {row["state"] for row in rows}
    assert "launch" == (await family.parents())["planner"]


async def test_of_several_names_of_a_parent_the_first_is_told(served: Served) -> None:
    """As of nodes in one container process; and none is a parent of another."""
    family = Family(served)
    for name in ("node_b", "node_a"):
        await family.add(name, 10, 1)
    await family.add("planner", 30, 10, 1)
    assert {
        "node_a": None,
        "node_b": None,
        "planner": "node_a",
    } == await family.parents()


async def test_of_what_an_older_worker_registered_no_parent_is_known(
    served: Served,
) -> None:
    family = Family(served)
    await family.add("launch", 10)
    await served.keep(process_batch(slot=int(time.time())))
    assert {"launch": None, "planner": None} == await family.parents()
