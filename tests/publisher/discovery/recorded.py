"""Facts as recorded, and a kernel that does what a test says."""

from __future__ import annotations

from typing import Any

import msgspec

from robometrics.publisher.discovery.stat import Stat


class Recorded(msgspec.Struct, kw_only=True):
    """A process as rules see it."""

    comm: str = "planner"
    exe: str | None = "/opt/nav/bin/planner"
    command: str = "/opt/nav/bin/planner --robot=r2d2 --map=office"
    ros_node: str | None = "/r2d2/planner"
    uid: int | None = 1000
    user: str | None = "robot"
    cgroup: str | None = "/system.slice/planner.service"
    unit: str | None = "planner.service"
    container: str | None = "3f9c0a1b2c3d"


def stat(start_ticks: int, parent: int = 1, **changes: Any) -> Stat:
    values: dict[str, Any] = {
        "start_ticks": start_ticks,
        "parent": parent,
        "group": 0,
        "session": 0,
        "comm": "x",
        "image": (b"x",),
        "is_program": True,
    }
    return Stat(**values | changes)


class FakeKernel:
    """Processes by pid, and how often each was looked at."""

    def __init__(self) -> None:
        self.processes: dict[int, Stat] = {}
        self.last = 0
        self.now = 100_000
        self.lists = 0
        self.looks: list[int] = []

    def start(self, pid: int, parent: int = 1, **changes: Any) -> None:
        changes = {"start_ticks": self.now} | changes
        self.processes[pid] = stat(parent=parent, **changes)
        self.last = pid

    def exec(self, pid: int, image: bytes = b"y") -> None:
        self.processes[pid] = self.processes[pid]._replace(image=(image,))

    def pids(self) -> list[int]:
        self.lists += 1
        return list(self.processes)

    def last_pid(self) -> int:
        return self.last

    def stat(self, pid: int) -> Stat | None:
        self.looks.append(pid)
        return self.processes.get(pid)

    def now_ticks(self) -> int:
        return self.now
