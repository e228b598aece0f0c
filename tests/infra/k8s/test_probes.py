"""The commands by which Kubernetes asks a worker how it is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest

from robometrics.publisher.desk import listen_on_socket
from robometrics.requests import Reply, WhoRequest, decode_request

from .kustomized import containers
from .site import Site


def answer(data: bytes, **_: Any) -> Reply:
    """Answer as a worker does who is asked which one it is."""
    return Reply(accepted=decode_request(data) == WhoRequest())


def command(probe: str, path: Path) -> list[str]:
    """Return the command of a probe, for a socket at *path*."""
    site = Site("single")
    [container] = containers(site.one("DaemonSet", "worker"))
    words: list[str] = container[probe]["exec"]["command"]
    return [
        each.replace(site.worker_settings().socket_path, str(path)) for each in words
    ]


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe"])
async def test_a_worker_is_well_while_it_answers(probe: str, tmp_path: Path) -> None:
    path = tmp_path / "worker.sock"
    asked = command(probe, path)
    async with listen_on_socket(str(path), answer):
        assert 0 == (await anyio.run_process(asked)).returncode

    gone = await anyio.run_process(asked, check=False, stderr=subprocess.DEVNULL)
    assert 0 != gone.returncode


async def test_a_worker_that_answers_no_more_is_not_alive(tmp_path: Path) -> None:
    """It still accepts: the kernel does that for a process whose loop hangs."""
    path = tmp_path / "worker.sock"
    asked = [
        word.replace("settimeout(10)", "settimeout(0.1)")
        for word in command("livenessProbe", path)
    ]
    async with await anyio.create_unix_listener(path):
        hung = await anyio.run_process(asked, check=False, stderr=subprocess.PIPE)

    assert b"TimeoutError" in hung.stderr
