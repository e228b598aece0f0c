"""Whatever answers on the worker's socket, the program does not suffer."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path

import anyio
import pytest

from .programs import Peer, false_worker, run, talk


def hang(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def hang_up(connection: socket.socket) -> None:
    connection.close()  # the program's request meets a closed socket: no SIGPIPE


def read_then_hang_up(connection: socket.socket) -> None:
    connection.recv(1)


def never_end_a_line(connection: socket.socket) -> None:
    while True:
        connection.sendall(b" " * 65_536)


def drip(connection: socket.socket) -> None:
    while not threading.Event().wait(0.02):
        connection.sendall(b" ")


def saying(answer: bytes) -> Peer:
    def say(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer + b"\n")

    return say


def deep(depth: int) -> bytes:
    return b'{"accepted":true,"x":' + b"[" * depth + b"]" * depth + b"}"


GARBAGE = [
    b"",
    b"HTTP/1.1 400 Bad Request",
    b"\xff\xfe\x00",
    b"null",
    b"[true]",
    b"{}",
    b'{"accepted":1}',
    b'{"accepted":true',
    b'{"accepted":true} x',
    b'{"accepted":true,}',
    b'{"accepted":true,"host":7}',
    b'{"accepted":true,"host":"\xc3\x28"}',
    b'{"accepted":true,"interval_ns":1e400}',
    b'{"accepted":true,"interval_ns":99999999999999999999}',
    deep(200_000),
]


@pytest.mark.parametrize(
    ("peer", "problem"),
    [
        (hang, "no answer in time"),
        (drip, "no answer in time"),
        (hang_up, "(Broken pipe|Connection reset by peer|closed without an answer)"),
        (read_then_hang_up, "(closed without an answer|Connection reset by peer)"),
        (never_end_a_line, "an endless line"),
    ],
)
def test_a_worker_that_does_not_answer_is_no_worker(
    driver: Path, tmp_path: Path, peer: Peer, problem: str
) -> None:
    patience = "200" if problem == "no answer in time" else "20000"
    with false_worker(tmp_path, peer) as environ:
        told = run(driver, "impatient", patience, **environ)
    assert "refused|no_worker|no worker answers at " in told
    assert re.search(rf"false\.sock \({problem}\)", told)


def test_what_is_no_reply_is_no_reply(driver: Path, tmp_path: Path) -> None:
    for each in GARBAGE:
        with false_worker(tmp_path, saying(each)) as environ:
            told = run(driver, "impatient", "20000", **environ)
        (tmp_path / "false.sock").unlink()
        assert "refused|no_worker|" in told, each


def test_a_reply_of_a_newer_worker_is_understood(driver: Path, tmp_path: Path) -> None:
    newer = {
        "accepted": False,
        "host": "röbot \U0001f916",
        "reason": "no\tmore",
        "code": "full",
        "later": {"a": [1, -2.5e-3, None, {"b": "\\"}]},
    }
    for ensure_ascii in (True, False):  # escapes, and UTF-8 as it is
        answer = json.dumps(newer, ensure_ascii=ensure_ascii).encode()
        with false_worker(tmp_path, saying(answer)) as environ:
            told = run(driver, "names", "x", **environ)
        (tmp_path / "false.sock").unlink()
        assert "refused|full|no\tmore|röbot 🤖\n" == told


async def asked_by(folder: Path, driver: Path, *arguments: str) -> list[str]:
    """Run the program while its question hangs; return what it printed."""
    with false_worker(folder, hang) as environ:
        return (
            await anyio.to_thread.run_sync(lambda: run(driver, *arguments, **environ))
        ).splitlines()


async def test_no_descriptor_goes_along_to_another_program(
    driver: Path, tmp_path: Path
) -> None:
    assert ["0"] == await asked_by(tmp_path, driver, "exec")


async def test_shutdown_ends_what_hangs(threaded: Path, tmp_path: Path) -> None:
    reason = "it was shut down before a worker answered"
    expected = ["1", f"refused|shut_down|{reason}|", "0", "pending"]
    assert expected == await asked_by(tmp_path, threaded, "stopped")


async def test_a_fork_does_not_hold_its_parents_conversation(
    forking: Path, tmp_path: Path
) -> None:
    assert ["0"] == await asked_by(tmp_path, forking, "copied")


async def test_forks_while_a_question_hangs_do_not_hang(
    forking: Path, tmp_path: Path
) -> None:
    assert ["survived"] == await asked_by(tmp_path, forking, "fork_storm")


async def test_a_program_ends_while_a_question_hangs(
    threaded: Path, tmp_path: Path
) -> None:
    with false_worker(tmp_path, hang) as environ:
        async with talk(threaded, "alone", **environ) as program:
            assert "pending" == await program.line()
