"""Copies of one consumer, as a deployment has them: started, asked to stop, killed."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import servers

GRACE_SECONDS = 20.0
"""``terminationGracePeriodSeconds`` of the consumers in ``infra/k8s``."""


class Copies:
    """Processes with the same command; whoever leaves, leaves nothing behind."""

    def __init__(self, at: Path, arguments: Sequence[str]) -> None:
        """Prepare.

        Args:
            at: Folder of their logs.
            arguments: Of ``robometrics``.
        """
        self.drains_seconds: list[float] = []
        """How long each took that was asked to stop."""

        self.exit_codes: list[int] = []
        """Of those."""

        self.killed = 0
        self._at = at
        self._arguments = arguments
        self._running: list[tuple[subprocess.Popen[bytes], contextlib.ExitStack]] = []
        self._leaving: list[tuple[subprocess.Popen[bytes], contextlib.ExitStack]] = []
        self._asked_at: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._running)

    def scale(self, count: int) -> None:
        """Have *count* copies: start some, or ask the newest to stop."""
        while len(self._running) < count:
            stack = contextlib.ExitStack()
            process = stack.enter_context(
                servers.robometrics(self._at, *self._arguments)
            )
            self._running.append((process, stack))
        while len(self._running) > count:
            process, stack = self._running.pop()
            process.terminate()
            self._asked_at[process.pid] = time.monotonic()
            self._leaving.append((process, stack))

    def kill(self) -> None:
        """Kill the oldest, as a node that dies does; its place is filled again."""
        process, stack = self._running.pop(0)
        process.kill()
        process.wait()
        stack.close()
        self.killed += 1
        self.scale(len(self._running) + 1)

    def reap(self) -> None:
        """Note who has stopped, and kill who was given its time."""
        for leaving in list(self._leaving):
            process, stack = leaving
            took = time.monotonic() - self._asked_at[process.pid]
            if process.poll() is None and took < GRACE_SECONDS:
                continue
            if process.poll() is None:
                process.kill()
            self.drains_seconds.append(took)
            self.exit_codes.append(process.wait())
            stack.close()
            self._leaving.remove(leaving)

    def stop(self) -> None:
        """Ask all to stop, and wait."""
        self.scale(0)
        while self._leaving:
            self.reap()
            time.sleep(0.02)
