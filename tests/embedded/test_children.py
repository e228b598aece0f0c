"""A child that dies is started again and that is said; a stop is orderly."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
from waiting import eventually

from robometrics.embedded.children import Child

WAITING = [sys.executable, "-c", "import time\nprint('up', flush=True)\ntime.sleep(99)"]
STUBBORN = [
    sys.executable,
    "-c",
    (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\n"
        "time.sleep(99)"
    ),
]


async def test_a_death_is_said_and_mended(tmp_path: Path) -> None:
    said: list[str] = []
    child = Child("thing", WAITING, tmp_path, said.append)
    async with anyio.create_task_group() as tg:
        tg.start_soon(child.keep_running)
        await eventually(lambda: child.log_tail().count("up") == 1)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await eventually(lambda: child.log_tail().count("up") == 2)
        await child.stop(10)
    assert ["thing was ended by SIGKILL: starting it again"] == said


async def test_one_that_does_not_stop_is_killed_and_that_is_said(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    child = Child("mule", STUBBORN, tmp_path, said.append)
    async with anyio.create_task_group() as tg:
        tg.start_soon(child.keep_running)
        await eventually(lambda: "up" in child.log_tail())
        await child.stop(0.1)
    assert ["mule does not stop: killing it"] == said


async def test_a_program_that_fails_at_once_tells_its_exit_code(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    child = Child(
        "bad", [sys.executable, "-c", "raise SystemExit(4)"], tmp_path, said.append
    )
    async with anyio.create_task_group() as tg:
        tg.start_soon(child.keep_running)
        await eventually(lambda: len(said) >= 2)
        await child.stop(1)
    assert "bad ended with code 4: starting it again" == said[0]
