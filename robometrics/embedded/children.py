"""Child processes that are kept running until they are asked to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio
from anyio.abc import Process

from robometrics.service import wait_or_stop

_LOG_BYTES_MAX = 16 << 20
_TAIL_BYTES = 1_500
_FIRST_RESTART_SECONDS = 0.1
_LAST_RESTART_SECONDS = 5.0
_STEADY_SECONDS = 10.0

Say = Callable[[str], None]


class Child:
    """One program: started, started again when it dies, stopped on request.

    What may hold a secret reaches it by *environ*: every user sees command lines.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_folder: Path,
        say: Say,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = command
        self._environ = dict(os.environ) | dict(environ or {})
        self._log = log_folder / f"{name}.log"
        self._say = say
        self._stopping = anyio.Event()
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def keep_running(self) -> None:
        """Run the program until ``stop``; a death is said, and mended."""
        delay_seconds = _FIRST_RESTART_SECONDS
        while not self._stopping.is_set():
            started = anyio.current_time()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if anyio.current_time() - started > _STEADY_SECONDS:
                delay_seconds = _FIRST_RESTART_SECONDS
            self.restarts += 1
            self._say(f"{self.name} {_how(code)}: starting it again")
            await anyio.sleep(delay_seconds)
            delay_seconds = min(2 * delay_seconds, _LAST_RESTART_SECONDS)

    async def stop(self, within_seconds: float) -> None:
        """Ask the program to end and wait; kill it if it does not."""
        self._stopping.set()
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with anyio.move_on_after(within_seconds) as waiting:
            await self._process.wait()
        if waiting.cancelled_caught:
            self._say(f"{self.name} does not stop: killing it")
            self.kill()

    async def stops_within(self, seconds: float) -> bool:
        """Wait *seconds*, less if it is asked to stop; return whether it is."""
        return await wait_or_stop(self._stopping, seconds)

    def restart(self, why: str) -> None:
        """Ask the program to end, so that it is started again."""
        self._say(f"{self.name} {why}")
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def log_tail(self) -> str:
        """Return the end of what the program said."""
        try:
            return self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
        except OSError:
            return ""

    async def _run_once(self) -> int:
        leash = [sys.executable, "-m", "robometrics.embedded.leash", str(os.getpid())]
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".log.old"))
        with self._log.open("ab") as log:
            # In a session of its own: Ctrl-C is for us, who stop the children in order.
            self._process = await anyio.open_process(
                [*leash, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
            )
        if self._stopping.is_set():  # meanwhile
            self._process.terminate()
        return await self._process.wait()


def _how(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
