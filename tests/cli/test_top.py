"""``robometrics top``, as a user would run it: in a pipe, and in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from functools import partial
from typing import Any

import anyio
import pytest
from api.conftest import Served, serving
from builders import announced, host_batch, process_batch
from servers import free_port

from robometrics.broker import Link
from robometrics.cli import top
from robometrics.cli.main import main
from robometrics.store import Store

Command = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


@pytest.fixture
async def served(link: Link, store: Store) -> AsyncIterator[Served]:
    async with serving(link, store) as found:
        yield found


@pytest.fixture
def robometrics_top(capsys: pytest.CaptureFixture[str]) -> Command:
    async def run(*words: str) -> tuple[int, str, str]:
        code = await anyio.to_thread.run_sync(partial(main, ["top", *words]))
        return code, *capsys.readouterr()

    return run


async def filled(served: Served) -> None:
    now = int(time.time())
    await served.keep(
        host_batch(slot=now),
        process_batch(slot=now),
        process_batch(slot=now, process="a\x1b[31mb", previous=None),
        host_batch(slot=now, host="arm"),
        process_batch(slot=now, host="arm", process="gripper"),
    )


async def test_in_a_pipe_it_prints_plain_tables(
    served: Served, robometrics_top: Command
) -> None:
    await filled(served)

    code, out, err = await robometrics_top("--url", served.url)

    assert (0, "") == (code, err)
    rows = [line.split() for line in out.splitlines() if line]
    [planner] = [row for row in rows if row[:2] == ["robot", "planner"]]
    assert ["42", "running", "35.0", "11.4M", "3"] == planner[2:7]
    assert r"a\x1b[31mb" in out
    assert out.isascii()
    assert ["arm", "live"] == rows[2][:2]


async def test_it_finds_a_running_up_and_takes_patterns_and_columns(
    served: Served, robometrics_top: Command
) -> None:
    await filled(served)
    announced(api_url=served.url)

    code, out, _ = await robometrics_top("--once", "--host=rob*", "--sort=name")

    names = [line.split()[1] for line in out.splitlines() if " running" in line]
    assert (0, [r"a\x1b[31mb", "planner"]) == (code, names[1:])
    assert "gripper" not in out


async def test_an_empty_fleet_says_how_to_begin(
    served: Served, robometrics_top: Command
) -> None:
    code, out, _ = await robometrics_top("--url", served.url)
    assert 0 == code
    assert "robometrics-worker --nats-url" in out


async def test_a_missing_server_is_told_with_what_to_do(
    robometrics_top: Command,
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, out, err = await robometrics_top("--url", url)
    assert (2, "") == (code, out)
    assert f"error: no server answers at {url}" in err
    assert "robometrics up" in err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--sort=foo"], "--sort: 'foo'; choose from host, name, pid"),
        (["--url=ftp://x"], "write it as http://host:port"),
    ],
)
async def test_a_wrong_option_is_told(
    robometrics_top: Command, words: list[str], reason: str
) -> None:
    code, _, err = await robometrics_top(*words)
    assert 2 == code
    assert reason in err


async def test_without_the_extra_it_says_what_to_install(
    robometrics_top: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "_is_terminal", lambda: True)
    monkeypatch.setitem(sys.modules, "textual", None)
    for name in [name for name in sys.modules if name.startswith("robometrics.top.")]:
        monkeypatch.delitem(sys.modules, name)
    code, _, err = await robometrics_top()
    assert 2 == code
    assert "textual is missing: pip install 'roborregos-metrics[top]'" in err


class Screen:
    """A pseudo-terminal, and what was written to it."""

    def __init__(self, *words: str) -> None:
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.modes = termios.tcgetattr(its)
        self.its, self.ours = its, ours
        self.written = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robometrics", "top", *words],
            stdin=its,
            stdout=its,
            stderr=its,
            env=os.environ | {"TERM": "xterm-256color"},
            start_new_session=True,
        )

    def read_until(self, words: bytes) -> None:
        deadline = time.monotonic() + 40
        while words not in self.written:
            assert time.monotonic() < deadline, self.written[-2_000:]
            self.written += os.read(self.ours, 1 << 16)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.its)


async def test_a_terminal_is_left_as_it_was_found(served: Served) -> None:
    await filled(served)
    with closing(Screen("--url", served.url)) as screen:
        await anyio.to_thread.run_sync(screen.read_until, b"gripper")
        os.write(screen.ours, b"q")
        await anyio.to_thread.run_sync(screen.read_until, b"\x1b[?1049l")
        assert 0 == await anyio.to_thread.run_sync(screen.process.wait)
        assert screen.modes == termios.tcgetattr(screen.its)
        assert b"\x1b[31mb" not in screen.written.replace(rb"\x1b[31mb", b"")
