"""``robometrics run``: what the command cost, and how it ended, is told truly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from loads import MIB
from servers import free_port
from waiting import poll_until

from robometrics.cli.run import _pass_signals_on
from robometrics.lib.family import Family, children_of

COMMAND = [sys.executable, "-m", "robometrics", "run"]


@pytest.fixture
def alone(tmp_path: Path) -> dict[str, str]:
    """The environment of a host without any worker."""
    return os.environ | {
        "ROBOMETRICS_NATS_URL": f"nats://127.0.0.1:{free_port()}",
        "ROBOMETRICS_SOCKET_PATH": str(tmp_path / "none.sock"),
    }


def run(environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def cost(path: Path, environ: dict[str, str], code: str, *words: str) -> dict[str, Any]:
    """Run Python code; return its summary."""
    options = ["--summary-json", str(path), *words]
    done = run(environ, *options, "--", sys.executable, "-c", code)
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_cpu_time_of_the_whole_tree_is_counted(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    code = (
        "import subprocess, sys, time\n"
        "work = 'import time\\nwhile time.process_time() < 0.06: pass'\n"
        "subprocess.run([sys.executable, '-c', work])\n"
        "while time.process_time() < 0.05: pass"
    )
    found = cost(tmp_path / "cost.json", alone, code)
    assert found["cpu_user_time_ns"] + found["cpu_system_time_ns"] >= 105_000_000
    assert found["wall_time_ns"] >= 105_000_000
    assert found["minor_faults"] > 0
    assert (0, None) == (found["exit_code"], found["signal"])
    assert "no worker answered" in found["not_measured"]
    assert None is found["host"] is found["samples"] is found["url"]


def test_the_peak_is_that_of_the_largest_process(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    code = (
        "import subprocess, sys\n"
        "grow = [sys.executable, '-c', 'b\"1\" * (96 << 20)']\n"
        "[subprocess.run(grow) for _ in range(2)]"
    )
    found = cost(tmp_path / "cost.json", alone, code)
    assert "kernel" == found["peak_memory_method"]
    assert 96 * MIB < found["peak_memory_bytes"] < 160 * MIB
    assert found["tree_peak_memory_bytes"] > 0


async def test_what_a_worker_took_is_told(
    tmp_path: Path, working: dict[str, str]
) -> None:
    found = await anyio.to_thread.run_sync(
        lambda: cost(
            tmp_path / "cost.json", os.environ | working, "pass", "--name", "job"
        )
    )
    assert ("job", "robot", 1_000_000_000) == (
        found["process"],
        found["host"],
        found["interval_ns"],
    )
    assert found["samples"] >= 1  # the one at its exit at least
    assert None is found["not_measured"]


def test_a_signal_is_told_by_name_and_the_exit_status_stays(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    path = tmp_path / "cost.json"
    words = ["--summary", "--summary-json", str(path), "--"]
    done = run(alone, *words, "sh", "-c", "kill -9 $$")
    assert 128 + signal.SIGKILL == done.returncode
    assert "ended     killed by SIGKILL, after" in done.stderr
    found = json.loads(path.read_text())
    assert (None, "SIGKILL") == (found["exit_code"], found["signal"])


def test_a_terminal_gets_the_summary_and_a_pipe_does_not(alone: dict[str, str]) -> None:
    master, slave = os.openpty()
    words = [*COMMAND, "--", "sh", "-c", "exit 3"]
    done = subprocess.run(
        words, env=alone, stdin=slave, stderr=slave, timeout=50, check=False
    )
    os.close(slave)
    seen = b""
    try:
        while data := os.read(master, 4096):
            seen += data
    except OSError:
        pass  # the terminal has nobody on its other side any more
    os.close(master)
    assert 3 == done.returncode
    assert b"exit code 3, after" in seen
    piped = run(alone, "--", "sh", "-c", "exit 3")
    assert 3 == piped.returncode
    assert "exit code 3" not in piped.stderr


def test_it_can_be_had_without_a_terminal(alone: dict[str, str]) -> None:
    done = run(alone, "--summary", "--", "sh", "-c", "echo out; exit 3")
    assert (3, "out\n") == (done.returncode, done.stdout)
    assert "exit code 3, after" in done.stderr


def test_a_file_that_cannot_be_written_is_refused_before_the_command_runs(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    path = tmp_path / "none" / "cost.json"
    done = run(alone, "--summary-json", str(path), "--", "echo", "ran")
    assert (2, "") == (done.returncode, done.stdout)
    assert "--summary-json" in done.stderr


def test_a_file_lost_on_the_way_does_not_change_the_exit_status(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "cost.json"
    code = f"import shutil; shutil.rmtree({str(folder)!r}); raise SystemExit(7)"
    done = run(alone, "--summary-json", str(path), "--", sys.executable, "-c", code)
    assert 7 == done.returncode
    assert "--summary-json" in done.stderr


def test_a_signal_goes_to_the_command_and_its_answer_is_the_exit_status(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    ready, path = tmp_path / "ready", tmp_path / "cost.json"
    code = (
        "import pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "signal.pause()"
    )
    words = [*COMMAND, "--summary-json", str(path), "--", sys.executable, "-c", code]
    started = subprocess.Popen(words, env=alone, stderr=subprocess.DEVNULL)
    try:
        poll_until(ready.exists)
        started.send_signal(signal.SIGTERM)
        assert 5 == started.wait(30)
    finally:
        started.kill()
        started.wait()
    assert 5 == json.loads(path.read_text())["exit_code"]


def test_a_reaped_command_gets_no_signal_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its pid may be another process's by then."""
    handlers: dict[int, Any] = {}
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(os, "kill", lambda *words: killed.append(words))
    started, reaped = _pass_signals_on()
    handlers[signal.SIGHUP](signal.SIGHUP, None)
    assert [] == killed
    started(42)
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    assert [(42, signal.SIGHUP), (42, signal.SIGTERM)] == killed
    reaped()
    handlers[signal.SIGTERM](signal.SIGTERM, None)
    assert 2 == len(killed)


def test_a_small_command_is_not_given_the_memory_of_its_starter(
    tmp_path: Path, alone: dict[str, str]
) -> None:
    """``ru_maxrss`` of a child begins with its parent's: see ``peak_memory``."""
    path = tmp_path / "cost.json"
    done = run(alone, "--summary-json", str(path), "--", "sleep", "0.05")
    assert 0 == done.returncode
    found = json.loads(path.read_text())
    assert found["peak_memory_method"] in ("sampled", None)
    assert (found["peak_memory_bytes"] or 0) < 10 * MIB
    assert found["peak_memory_at_most_bytes"] > (found["peak_memory_bytes"] or 0)


def test_a_family_is_found_through_all_its_generations() -> None:
    hold = "import sys; print(flush=True); sys.stdin.read()"
    words = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", words], stdin=pipe, stdout=pipe
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in children_of(os.getpid())
        family = Family(child.pid)
        family.look()
        assert 2 == family.together_count
        assert (family.together_bytes or 0) > (family.largest_bytes or 0) > 0
        child.communicate()


def test_without_a_thread_to_spare_a_family_is_not_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: Family) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Family, "start", refuse)
    family = Family(os.getpid())
    family.begin()
    family.stop()
    assert None is family.largest_bytes


def test_a_family_that_is_gone_is_not_known() -> None:
    family = Family(4_194_303)
    family.look()
    assert None is family.largest_bytes is family.together_bytes
    assert [] == children_of(4_194_303)
