"""The commands in the documents do what is said, typed beside a running ``up``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import Block, blocks
from waiting import poll_until

from .conftest import Product, busy, wait_until_stored

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SECONDS = 50
PROCESSES = ("demo", "planner")
"""Of these the documents speak: both were measured, and the last one still is."""

RUN = [block for block in blocks() if not block.not_run]
PLAIN = [block for block in RUN if not block.stopped_once]


class Reader:
    """Somebody who types what is written, for servers and a host of other names."""

    def __init__(self, product: Product, folder: Path) -> None:
        self.product = product
        self._folder = folder
        self._names = {
            "http://127.0.0.1:8420": product.url,
            "http://SERVER:8420": product.url,
            "nats://SERVER:4222": product.running.nats_url,
            "robot-7": "robot",
            "robot-*": "robot*",
        }
        programs = folder / "bin"
        programs.mkdir()
        (programs / "hostname").write_text("#!/bin/sh\necho robot\n")
        (programs / "hostname").chmod(0o755)
        # An answer such as 404 is a failure, and nobody looks at how far it is.
        (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        (folder / ".venv").symlink_to(sys.prefix)
        path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        self._environ = product.environ | {
            "HOME": str(folder),
            "ROBOMETRICS_DATA_DIR": str(folder / "data"),
            "PATH": os.pathsep.join(path),
        }

    def type(self, text: str) -> subprocess.Popen[str]:
        for name, here in self._names.items():
            text = text.replace(name, here)
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def is_measured(self, process: str) -> bool:
        rows = self.product.get("processes")["processes"]
        return any(
            (process, "running") == (row["process"], row["state"]) for row in rows
        )


@pytest.fixture(scope="module")
def reader(
    product: Product, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    runs = [product.command("run", "--name", p, "--", *busy(0.5)) for p in PROCESSES]
    for run, process in zip(runs, PROCESSES, strict=True):
        output, _ = run.communicate(timeout=SECONDS)
        assert 0 == run.returncode, output
        wait_until_stored(product, process, "exited")
    reader = Reader(product, tmp_path_factory.mktemp("reader"))
    going_on = product.command("run", "--name", PROCESSES[-1], "--", *busy(600))
    try:
        poll_until(lambda: reader.is_measured(PROCESSES[-1]))
        yield reader
    finally:
        going_on.terminate()
        going_on.communicate(timeout=SECONDS)


@pytest.mark.parametrize("block", PLAIN, ids=lambda block: block.where)
def test_commands_of_the_documents_work(reader: Reader, block: Block) -> None:
    if "promtool" in block.text and shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: scripts/system-packages prometheus")
    typed = reader.type(block.text)
    try:
        said, _ = typed.communicate(timeout=SECONDS)
    finally:
        stop(typed)

    assert 0 == typed.returncode, f"{block.text}\n{said}"


@pytest.mark.parametrize(
    "block", [b for b in RUN if b.stopped_once], ids=lambda block: block.where
)
def test_what_they_have_measured_is_shown(reader: Reader, block: Block) -> None:
    typed = reader.type(block.text)
    try:
        poll_until(
            lambda: reader.is_measured(block.stopped_once) or typed.poll() is not None
        )
        assert None is typed.poll(), typed.communicate()[0]
    finally:
        stop(typed)
    wait_until_stored(reader.product, block.stopped_once, "exited")


def stop(typed: subprocess.Popen[str]) -> None:
    """End what was typed, and all it started."""
    if typed.poll() is None:
        os.killpg(typed.pid, signal.SIGTERM)
    typed.communicate(timeout=SECONDS)
