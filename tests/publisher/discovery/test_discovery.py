"""Real processes that a real worker finds, told by the kernel or scanned."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from publisher.workers import Collector
from servers import NatsServer
from waiting import eventually

from robometrics import runtime
from robometrics.broker import Link
from robometrics.errors import SettingsError
from robometrics.lib import client
from robometrics.publisher.worker import worker
from robometrics.requests import (
    Plan,
    UnregisterRequest,
)
from robometrics.rules import Rule

from .finding import NO_BROKER, Programs, Site, are_pids, has, working

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


async def test_what_a_rule_matches_is_measured_from_soon_to_its_end(
    each_way: None, programs: Programs, tmp_path: Path
) -> None:
    rule = programs.rule(name="{word}-{instance}", tags={"who": "{word}"})
    first = programs.start()
    async with working(tmp_path, rule) as site:
        await site.measures({first.pid: "planner-1"})
        second, third = programs.start(), programs.start("nav")
        await eventually(lambda: has(site, 3))
        found = {each.pid: each for each in await site.watched()}
        assert {
            first.pid: "planner-1",
            second.pid: "planner-2",
            third.pid: "nav-1",
        } == {pid: each.process for pid, each in found.items()}
        assert {"who": "nav"} == found[third.pid].tags
        first.kill()
        first.wait()
        await site.measures({second.pid: "planner-2", third.pid: "nav-1"})
        fourth = programs.start()
        await site.measures(
            {second.pid: "planner-2", third.pid: "nav-1", fourth.pid: "planner-1"}
        )


async def test_what_execs_later_is_found_then_and_named_by_what_it_is(
    each_way: None, programs: Programs, tmp_path: Path
) -> None:
    waits = f"{sys.executable} -c 'print(flush=True); input()' nav {programs.mark}"
    shell = f"echo; read go; exec {waits}"
    rules = programs.rule(name="{word}"), Rule(command=f"^sh .*{programs.mark}")
    async with working(tmp_path, *rules) as site:
        started = programs.run(["sh", "-c", f"{shell} # {programs.mark}", "sh"])
        await eventually(lambda: has(site, 1))
        await programs.converse(started)
        await site.measures({started.pid: "nav"})


async def test_beyond_the_limit_they_wait_for_room(
    scanned: None, programs: Programs, tmp_path: Path
) -> None:
    rule = programs.rule(name="n", max_processes=2)
    started = [programs.start() for _ in range(5)]
    async with working(tmp_path, rule) as site:
        await eventually(lambda: has(site, 2))
        before = await site.names()
        ended = next(each for each in started if each.pid in before)
        ended.kill()
        ended.wait()
        await eventually(lambda: is_replaced(site, ended.pid))
        after = await site.names()
        assert 1 == len(before.keys() & after.keys())


async def is_replaced(site: Site, pid: int) -> bool:
    names = await site.names()
    return len(names) == 2 and pid not in names


async def test_a_restarted_worker_goes_on_with_what_was_found(
    scanned: None, programs: Programs, tmp_path: Path
) -> None:
    rule = programs.rule(name="{word}-{instance}")
    first, second = programs.start(), programs.start()
    async with working(tmp_path, rule) as site:
        await eventually(lambda: has(site, 2))
        first.kill()
        first.wait()
        await eventually(lambda: has(site, 1))
        [kept] = await site.watched()
    async with working(tmp_path, rule) as site:
        third = programs.start()
        await eventually(lambda: has(site, 2))
        names = await site.names()
        assert kept.process == names[second.pid]
        assert {"planner-1", "planner-2"} == set(names.values())
        assert third.pid in names
    async with working(tmp_path, programs.rule(command=f"nav {programs.mark}")) as site:
        await site.measures({})


async def test_its_own_registration_counts_more(
    scanned: None, programs: Programs, tmp_path: Path
) -> None:
    own, late, same = programs.start(), programs.start(), programs.start()
    bystander = programs.start("nav")
    async with working(tmp_path) as site:
        assert (await site.ask(client.register_request("mine", own.pid))).accepted
        assert await site.names() == {own.pid: "mine"}
    async with working(tmp_path, programs.rule(name="{word}")) as site:
        await site.measures(
            {
                own.pid: "mine",
                late.pid: "planner",
                same.pid: "planner",
                bystander.pid: "nav",
            }
        )
        tagged = client.register_request("planner", same.pid, {"by": "itself"})
        assert (await site.ask(tagged)).accepted
        assert (await site.ask(client.register_request("late", late.pid))).accepted
        expected = {
            own.pid: "mine",
            late.pid: "late",
            same.pid: "planner",
            bystander.pid: "nav",
        }
        await site.measures(expected)
    async with working(tmp_path) as site:  # without rules: what is its own stays
        await site.measures({own.pid: "mine", late.pid: "late", same.pid: "planner"})
        tags = {each.pid: each.tags for each in await site.watched()}
        assert {"by": "itself"} == tags[same.pid]


async def test_what_was_unregistered_stays_so(
    scanned: None, programs: Programs, tmp_path: Path
) -> None:
    first = programs.start()
    async with working(tmp_path, programs.rule(name="{word}")) as site:
        await site.measures({first.pid: "planner"})
        assert (await site.ask(UnregisterRequest(pid=first.pid))).accepted
        second = programs.start()
        await site.measures({second.pid: "planner"})


FAMILY = """
import os, subprocess
os.setsid()
print(flush=True)
input()
child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
made = subprocess.run(
    ["sh", "-c", "sleep 60 >&- & echo $!"], stdout=subprocess.PIPE, check=True
)
orphan = int(made.stdout)
print(child.pid, orphan, flush=True)
input()
child.kill()
child.wait()
os.kill(orphan, 9)
"""


async def test_children_are_processes_of_their_own(
    each_way: None, programs: Programs, tmp_path: Path
) -> None:
    """So is an orphan whose parent was too short-lived to be seen."""
    async with working(tmp_path) as site:
        parent = programs.run([sys.executable, "-c", FAMILY])
        request = client.register_request("launch", parent.pid, {"team": "nav"})
        request.plan = Plan(children=True, tree=True)
        assert (await site.ask(request)).accepted
        child, orphan = map(int, (await programs.converse(parent)).split())
        await eventually(lambda: are_pids(site, {parent.pid, child, orphan}))
        watched = await site.watched()
        assert ["launch", "launch.sleep", "launch.sleep-2"] == sorted(
            each.process for each in watched
        )
        assert [{"team": "nav"}] * 3 == [each.tags for each in watched]
        await programs.converse(parent)
        await site.measures({})


async def test_short_lived_processes_come_and_go(
    each_way: None, programs: Programs, tmp_path: Path
) -> None:
    """Some match and live for a moment, some match and stay; nothing is left over."""
    async with working(tmp_path, programs.rule(name="{word}-{instance}")) as site:
        stays = []
        for number in range(300):
            word = "planner" if number % 10 == 0 else "other"
            mark = programs.mark if number % 10 == 0 else "none"
            child = subprocess.Popen(["sh", "-c", "read x", word, mark], stdin=-1)
            if number % 100 == 0:
                stays.append(child)
                programs.started.append(child)
            else:
                child.communicate()
            if number % 20 == 0:
                await anyio.lowlevel.checkpoint()
        await eventually(lambda: are_pids(site, {child.pid for child in stays}))


async def test_a_pid_that_comes_again_is_another_process(
    each_way: None, programs: Programs, tmp_path: Path
) -> None:
    if not os.access(LAST_PID, os.W_OK):
        pytest.skip("only root may choose pids")
    is_free = True
    async with working(tmp_path, programs.rule(name="{word}")) as site:
        first = programs.start()
        await site.measures({first.pid: "planner"})
        [before] = await site.watched()
        first.kill()
        first.wait()
        other = again(first.pid, programs, "other", mark="none")
        await site.measures({})
        if other is not None:
            other.kill()
            other.wait()
        third = again(first.pid, programs, "nav", mark=programs.mark)
        if other is None or third is None:
            is_free = False
        else:
            await site.measures({first.pid: "nav"})
            [after] = await site.watched()
            assert before.run != after.run
            assert after.run.endswith(f"-{runtime.start_ticks(first.pid)}")
    if not is_free:
        pytest.skip("another process of this host took the pid")


def again(
    pid: int, programs: Programs, word: str, mark: str
) -> subprocess.Popen[bytes] | None:
    """Start a process with the pid that another one had, if that is free."""
    for _ in range(100):
        LAST_PID.write_text(str(pid - 1))
        code = "print(flush=True); input()"
        started = programs.run([sys.executable, "-c", code, word, mark])
        if started.pid == pid:
            return started
        started.kill()
        started.wait()
    return None


async def test_the_worker_counts_what_it_found_and_refused(
    scanned: None,
    programs: Programs,
    nats_server: NatsServer,
    link: Link,
    tmp_path: Path,
) -> None:
    """Each refused process once, however often it is tried again."""
    for _ in range(3):
        programs.start()
    rule = programs.rule(name="n", max_processes=1)
    collector = Collector(link)
    async with working(tmp_path, rule, url=nats_server.url):
        with anyio.fail_after(40):
            while len(told(collector)) < 3:
                await collector.collect()
    assert (1, 2) == told(collector)[-1]


def told(collector: Collector) -> list[tuple[Any, Any]]:
    return [
        (found[0], batch.metrics["discovery_refused_total"][0])
        for batch in collector.batches
        if (found := batch.metrics.get("discovery_process_count")) and found[0]
    ]


async def test_a_rule_that_cannot_work_stops_the_worker_with_a_reason(
    tmp_path: Path,
) -> None:
    settings = Site(NO_BROKER, tmp_path, (Rule(exe="x", name="{y}"),))
    with pytest.raises(SettingsError, match=r"discovery rule 1: .*nobody knows \{y\}"):
        await worker(settings.settings, anyio.Event())
