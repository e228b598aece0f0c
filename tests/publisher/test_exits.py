"""How a process ended is known even to those who are not its parent."""

from __future__ import annotations

import json
import os
import platform
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest
from servers import NatsServer
from waiting import poll_until

from robometrics import runtime
from robometrics.broker import Link
from robometrics.lib import client
from robometrics.publisher.exits import exit_code, parse_zombie

from .conftest import Spawn
from .workers import Collector, ask, collect_until, running, settings_for

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="only Linux has pidfds"
)
TELLS_AFTER_REAPING = [*map(int, platform.release().split(".")[:2])] >= [6, 15]

PARENT = """
import json, os, signal, sys
reap = sys.stdin.readline().strip()
pid = os.fork()
if pid == 0:
    sys.stdin.readline()
    {end}
    os._exit(99)
print(json.dumps(pid), flush=True)
if reap == "reap":
    os.waitpid(pid, 0)
    print("{{}}", flush=True)
signal.pause()
"""
NO_CORE = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
ENDS = [
    ("os._exit(0)", 0),
    ("os._exit(3)", 3),
    ("os._exit(255)", 255),
    ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    (f"{NO_CORE}; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
]


class Grandchild(NamedTuple):
    """A process that waits to be told to end, and is not ours to wait for."""

    pid: int
    start_ticks: int
    pidfd: int
    end: Callable[[], None]

    def exit_code(self) -> int | None:
        return exit_code(self.pid, self.start_ticks, self.pidfd)


@pytest.fixture
def grandchild(spawn: Spawn) -> Iterator[Callable[..., Grandchild]]:
    opened = []

    def start(end: str, how: str) -> Grandchild:
        parent = spawn(PARENT.format(end=end))
        stdin, stdout = parent.stdin, parent.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(how.encode() + b"\n")
        stdin.flush()
        pid = json.loads(stdout.readline())

        def tell() -> None:
            stdin.write(b"\n")
            stdin.flush()
            if how == "reap":
                stdout.readline()
            else:
                poll_until(lambda: not runtime.is_running(pid))

        started = Grandchild(
            pid, runtime.start_ticks(pid) or 0, os.pidfd_open(pid), tell
        )
        opened.append(started)
        return started

    yield start
    for each in opened:
        if runtime.start_ticks(each.pid) == each.start_ticks:
            os.kill(each.pid, signal.SIGKILL)
        os.close(each.pidfd)


@pytest.mark.parametrize(("end", "code"), ENDS)
def test_a_zombie_tells(
    grandchild: Callable[..., Grandchild], end: str, code: int
) -> None:
    found = grandchild(end, "leave")
    assert found.exit_code() is None
    found.end()

    assert code == found.exit_code()


@pytest.mark.skipif(not TELLS_AFTER_REAPING, reason="a kernel before 6.15")
@pytest.mark.parametrize(("end", "code"), ENDS)
def test_after_its_parent_took_it_away_the_pidfd_tells(
    grandchild: Callable[..., Grandchild], end: str, code: int
) -> None:
    found = grandchild(end, "reap")
    found.end()

    assert runtime.start_ticks(found.pid) is None
    assert code == found.exit_code()
    assert exit_code(found.pid, found.start_ticks, None) is None


def test_who_may_not_know_is_not_told_zero(
    grandchild: Callable[..., Grandchild], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To others the kernel shows 0, which would be a success."""
    found = grandchild("os._exit(3)", "leave")
    found.end()
    stat = Path(f"/proc/{found.pid}/stat").read_bytes().rsplit(b" ", 1)[0] + b" 0\n"

    def read_bytes(path: Path) -> bytes:
        if path.name == "io":
            raise PermissionError
        return stat

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert found.exit_code() is None


def test_another_process_under_its_pid_does_not_answer() -> None:
    stat = b"7 (a) b) Z 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0 " + b"0 " * 27

    assert parse_zombie(stat + b"768\n", 777) == 768
    assert parse_zombie(stat + b"768\n", 778) is None
    assert parse_zombie(stat.replace(b") Z", b") R") + b"768\n", 777) is None


async def test_the_event_says_how_it_ended(
    nats_server: NatsServer,
    link: Link,
    tmp_path: Path,
    grandchild: Callable[..., Grandchild],
) -> None:
    ways = ["leave", "reap"] if TELLS_AFTER_REAPING else ["leave"]
    expected: dict[str | None, int] = {"told": 4}
    told = grandchild("os._exit(3)", "leave")
    settings = settings_for(nats_server.url, tmp_path)
    collector = Collector(link)
    async with running(settings):
        await ask(settings, client.register_request("told", told.pid))
        ending = [told.end]
        for number, (end, code) in enumerate([ENDS[1], *ENDS[3:]]):
            for how in ways:
                name = f"{how}_{number}"
                expected[name] = code
                found = grandchild(end, how)
                ending.append(found.end)
                await ask(settings, client.register_request(name, found.pid))
        for end_it in ending:
            await anyio.to_thread.run_sync(end_it)
        said = client.unregister_request(told.pid, ended=True, exit_code=4)
        assert (await ask(settings, said)).accepted
        await collect_until(
            collector, lambda: len(expected) == collector.said().count("exited")
        )

    assert expected == {
        event.process: event.exit_code
        for event in collector.events
        if event.event == "exited"
    }
