"""A process whose tree is looked at, while it forks and burns."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from robometrics import runtime
from robometrics.publisher.samplers import descent
from robometrics.publisher.samplers.descent import ChildrenOf
from robometrics.publisher.samplers.tree import ProcessTree

PRELUDE = """
import json, os, resource, signal, sys, time

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def fork(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid

def say(*words):
    os.write(1, json.dumps(words).encode() + b"\\n")  # whole, whoever else writes

def used():
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)

def hear():
    sys.stdin.readline()

os.setpgid(0, 0)
hear()
"""
TICKS = 0.03
"""Two ticks for the root's account, one for what it does after it told its usage."""


class Root:
    """A process under way, and its tree."""

    def __init__(
        self, child: subprocess.Popen[bytes], find: ChildrenOf = descent.children_of
    ) -> None:
        self.child = child
        start_ticks = runtime.start_ticks(child.pid) or 0
        self.tree = ProcessTree(child.pid, start_ticks, find)
        self.seen: list[int] = []

    def go_on(self) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(b"\n")
        self.child.stdin.flush()

    def hear(self) -> list[float]:
        assert self.child.stdout is not None
        return list(json.loads(self.child.stdout.readline()))

    def look(self) -> int:
        """Scan, read, and note the number of members."""
        self.tree.scan()
        self.seen.append(self.tree.fast()[0])
        return self.tree.fast()[2]

    def children(self) -> list[int]:
        return descent.children_by_thread(self.child.pid, 1)

    def seconds(self) -> float:
        self.look()
        return self.seen[-1] / 1e9

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look all the time, with the sampler's readings in between."""
        stop = threading.Event()

        def sample() -> None:
            while not stop.is_set():
                readings.append(self.tree.fast()[0])

        def scan() -> None:
            while not stop.is_set():
                self.tree.scan()

        readings: list[int] = []
        both = [threading.Thread(target=target) for target in (sample, scan)]
        for thread in both:
            thread.start()
        yield
        stop.set()
        for thread in both:
            thread.join()
        assert readings == sorted(readings)
