"""Parts are found by their sockets, and what they take is read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from robometrics.simulation import census

LISTENER = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""
CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))):
    print("there", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(
    started: list[subprocess.Popen[str]], program: str, *words: str
) -> tuple[int, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    assert process.stdout is not None
    return process.pid, process.stdout.readline().strip()


def test_broker_database_and_clients_are_told_apart(
    started: list[subprocess.Popen[str]],
) -> None:
    broker, broker_port = start(started, LISTENER)
    database, database_port = start(started, LISTENER)
    client, _ = start(started, CLIENT, broker_port, "--roles=persist")
    start(started, CLIENT, database_port, "--roles=rollup")

    found = census.parts(int(broker_port), int(database_port))

    expected = {
        "simulator": [os.getpid()],
        "broker": [broker],
        "database": [database],
        "persist": [client],
    }
    assert expected == found


def test_a_port_where_nobody_listens_is_nobodys() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert {"simulator": [os.getpid()]} == census.parts(port, port)


def test_what_a_part_took_grows_with_its_work() -> None:
    parts = {"simulator": [os.getpid()]}
    before = census.usage(parts)["simulator"]
    while census.usage(parts)["simulator"].cpu_seconds < before.cpu_seconds + 0.03:
        sum(range(100_000))

    assert before.memory_bytes > 1 << 20


def test_who_has_ended_is_left_out(started: list[subprocess.Popen[str]]) -> None:
    pid, _ = start(started, LISTENER)
    parts = {"broker": [pid]}
    assert {"broker"} == census.usage(parts).keys()

    started[0].kill()
    started[0].wait()

    assert {} == census.usage(parts)


def test_the_machine_tells_what_its_cores_do() -> None:
    found = census.machine_time()

    assert found is not None
    assert 0 <= found.idle + found.waiting <= found.total


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/usr/bin/robometrics-server", "--roles=persist"], "persist"),
        (["robometrics", "server", "--roles", "api,rollup"], "api,rollup"),
        (["/usr/bin/python3", "/usr/bin/robometrics-server"], "server"),
        (["python3.11", "-m", "robometrics", "server"], "server"),
        (["/usr/bin/python3", "/opt/bin/robometrics", "up"], "up"),
        (["/usr/bin/robometrics-worker", "--host=a"], "worker"),
        (["nats", "sub"], "nats"),
        ([], "?"),
    ],
)
def test_a_client_is_called_by_its_role_or_its_program(
    command: list[str], name: str
) -> None:
    assert name == census.called(command)
