"""The client's thread is a good guest, and a container is no obstacle."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import anyio
import pytest

from .programs import false_worker, talk, watched

ALL_SIGNALS = 0xFFFFFFFE7FFBFEFF
"""All but SIGKILL and SIGSTOP, and the two that the C library keeps for itself."""


def runs(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


async def test_its_thread_takes_no_signals_and_no_priority_of_the_program(
    driver: Path, tmp_path: Path
) -> None:
    real_time = ["chrt", "--fifo", "1"]
    if not runs(*real_time, "true"):
        pytest.skip("this user may not give real-time priority")
    asked, enough = threading.Event(), threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(65_536)
        asked.set()
        enough.wait(30)

    with false_worker(tmp_path, hang) as environ:
        command = [*real_time[1:], str(driver), "impatient", "40000"]
        program_file = Path(shutil.which("chrt") or "")
        async with talk(program_file, *command, **environ) as program:
            assert await anyio.to_thread.run_sync(asked.wait, 30)
            tasks = Path(f"/proc/{program.process.pid}/task").iterdir()
            status = {int(each.name): (each / "status").read_text() for each in tasks}
            (guest,) = [tid for tid in status if "Name:\trobometrics\n" in status[tid]]
            blocked = status[guest].split("SigBlk:\t")[1].split()[0]
            assert ALL_SIGNALS == int(blocked, 16) & ALL_SIGNALS
            assert os.SCHED_FIFO == os.sched_getscheduler(program.process.pid)
            assert os.SCHED_OTHER == os.sched_getscheduler(guest)
            enough.set()


async def test_its_socket_never_becomes_a_standard_stream(
    driver: Path, tmp_path: Path
) -> None:
    """Else what a program without a stdout prints would go to the worker."""
    asked, enough = threading.Event(), threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(65_536)
        asked.set()
        enough.wait(30)

    with false_worker(tmp_path, hang) as environ:
        code = 'exec "$0" impatient 40000 <&-'
        async with talk(Path("/bin/sh"), "-c", code, str(driver), **environ) as program:
            assert await anyio.to_thread.run_sync(asked.wait, 30)
            descriptors = Path(f"/proc/{program.process.pid}/fd").iterdir()
            assert ["1", "2", "3"] == sorted(each.name for each in descriptors)
            enough.set()


@pytest.mark.parametrize("proc", [["--mount-proc"], []])
async def test_in_a_pid_namespace_the_socket_leads_to_the_true_process(
    driver: Path, working: dict[str, str], proc: list[str]
) -> None:
    """As in a container, whether or not it has a /proc of its own."""
    unshare = ["unshare", "--pid", "--fork", "--kill-child", *proc]
    if not runs(*unshare, "true"):
        pytest.skip("this user may not make pid namespaces")
    environ = working | {"ASAN_OPTIONS": "detect_leaks=0"}  # it needs its own /proc
    program_file = Path(shutil.which("unshare") or "")
    command = [*unshare[1:], str(driver), "names", "inside"]
    async with talk(program_file, *command, **environ) as program:
        assert "accepted|||robot" == await program.line()
        (found,) = await watched(working)
        parent = (
            Path(f"/proc/{found.pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
        )
        assert program.process.pid == int(parent)
        program.go_on()
