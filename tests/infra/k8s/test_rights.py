"""The worker's capabilities let it read processes of others, and none is too many."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import poll_until

from .kustomized import containers
from .site import Site

NOBODY = "65534"
READ = "cat /proc/$0/io > /dev/null && ls /proc/$0/fd > /dev/null"
[WORKER] = containers(Site("single").one("DaemonSet", "worker"))
CAPABILITIES = [
    name.lower() for name in WORKER["securityContext"]["capabilities"]["add"]
]


@pytest.fixture(scope="module")
def pid() -> Iterator[str]:
    """A process of another user."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("root gives up its rights by setpriv")
    command = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", "sleep", "60"]
    with subprocess.Popen(command) as process:
        owner = Path(f"/proc/{process.pid}")
        poll_until(lambda: owner.stat().st_uid == int(NOBODY))
        yield str(process.pid)
        process.kill()


def may_read(pid: str, *capabilities: str) -> bool:
    """Tell whether root with these alone reads a process's io and descriptors."""
    bound = ",".join(["-all", *(f"+{each}" for each in capabilities)])
    command = ["setpriv", f"--bounding-set={bound}", "--inh-caps=-all"]
    command += ["--no-new-privs", "sh", "-c", READ, pid]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def test_they_are_enough(pid: str) -> None:
    assert may_read(pid, *CAPABILITIES)


@pytest.mark.parametrize("needed", CAPABILITIES)
def test_without_one_of_them_it_could_not(pid: str, needed: str) -> None:
    assert not may_read(pid, *{*CAPABILITIES} - {needed})
