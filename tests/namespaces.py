"""Programs in pid namespaces of their own, as in containers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_USER = [] if os.geteuid() == 0 else ["--map-root-user"]
ISOLATED = ["unshare", *_USER, "--pid", "--fork", "--kill-child", "--mount-proc"]
"""What runs a command in a pid namespace of its own, which ends with it."""

PROC_OF_OUTSIDE = ["unshare", *_USER, "--pid", "--fork", "--kill-child"]
LATER = ["unshare", *_USER, "--time", "--boottime=100000", "--fork", "--kill-child"]


def require(*command: str) -> None:
    """Skip the test where the kernel does not let this user make namespaces."""
    if not shutil.which("unshare"):
        pytest.skip("there is no unshare command")
    probe = [*command, "true"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"namespaces are refused here: {done.stderr.strip()}")


class Program:
    """Python code behind some commands; it says one line, and goes on when told."""

    def __init__(self, prefix: list[str], code: str, environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-c", textwrap.dedent(code)],
            env=os.environ | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()


@contextmanager
def program(prefix: list[str], code: str, environ: dict[str, str]) -> Iterator[Program]:
    started = Program(prefix, code, environ)
    try:
        yield started
    finally:
        started.end()
