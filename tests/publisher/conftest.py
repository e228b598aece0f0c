"""Processes that tests may watch, burn and kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from robometrics.publisher.samplers.descent import ChildrenOf

from .trees import PRELUDE, Root

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start Python code as a child; whatever is left at the end is killed."""
    children: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def root(spawn: Spawn) -> Iterator[Callable[..., Root]]:
    """Start Python code as the root of a tree; all of it is killed at the end."""
    opened = []

    def start(code: str, **more: ChildrenOf) -> Root:
        opened.append(Root(spawn(PRELUDE + code), **more))
        return opened[-1]

    yield start
    for each in opened:
        each.tree.scan()
        for member in each.tree._members:
            if member.is_running():
                os.kill(member.pid, signal.SIGKILL)
        each.tree.close()
        with suppress(ProcessLookupError):
            os.killpg(each.child.pid, signal.SIGKILL)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("a tmpfs can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
