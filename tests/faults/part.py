"""One process of the stack, which a test may kill, freeze and start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from robometrics import runtime
from robometrics.settings import ENV_PREFIX

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0  # three brokers may take a minute to agree on a leader
STOP_SECONDS = 40.0


class Part:
    """A program, its log, and what of its files is not authoritative."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        is_ready: Callable[[], bool],
        caches: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._command = command
        self._folder = folder
        self._is_ready = is_ready
        self._caches = caches
        self._environ = environ or {}
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        """Start it; it ends with this process, even by SIGKILL."""
        leash = [sys.executable, "-m", "robometrics.embedded.leash", str(os.getpid())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*leash, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self._folder) | self._environ,
                cwd=self._folder,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it does its work.

        Raises:
            RuntimeError: It ended, or takes too long; with the end of its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if not self.is_running or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{self.name} is not up:\n{said}")
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Let it end by itself; kill it if it does not."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def wipe(self) -> None:
        """Remove what it must be able to do without."""
        for pattern in self._caches:
            for path in self._folder.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def rss_bytes(self) -> int:
        statm = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()
        return int(statm[1]) * os.sysconf("SC_PAGE_SIZE")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a program of ours: this tree, and no running ``up``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ENV_PREFIX)}
    return inherited | {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
        runtime.DIRECTORY_ENV: str(folder / "run"),
    }
