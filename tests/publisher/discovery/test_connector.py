"""What the kernel tells of processes, and what it does not."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from namespaces import ISOLATED, require
from waiting import poll_until

from robometrics.publisher.discovery.connector import (
    Connector,
    ConnectorError,
    Event,
    parse,
    request,
)


def datagram(what: int, *words: int) -> bytes:
    data = struct.pack(f"={len(words)}I", *words)
    event = struct.pack("=IIQ", what, 0, 1) + data
    header = struct.pack("=IHHII", 36 + len(event), 3, 0, 0, 0)
    return header + struct.pack("=IIIIHH", 1, 1, 0, 0, len(event), 0) + event


@pytest.mark.parametrize(
    ("data", "event"),
    [
        (datagram(0, 0, 0), Event("ack", 0)),
        (datagram(0, 1, 0), Event("ack", 1)),
        (datagram(1, 7, 7, 8, 8, 0, 0), Event("fork", 8, 7)),
        (datagram(1, 7, 7, 9, 8, 0, 0), None),
        (datagram(1, 9, 7, 8, 8, 0, 0), Event("fork", 8, 7)),
        (datagram(2, 9, 8), Event("exec", 8)),
        (datagram(0x8000_0000, 8, 8, 0, 17), Event("exit", 8)),
        (datagram(0x8000_0000, 9, 8, 0, 17), None),
        (datagram(0x200, 8, 8, 0, 0), None),
        (datagram(1, 7, 7), None),
        (datagram(2, 9), None),
        (datagram(1, 7, 7, 8, 8)[:52], None),
        (datagram(2, 9, 8)[:16] + b"\2" + datagram(2, 9, 8)[17:], None),
        (b"", None),
    ],
)
def test_a_datagram_is_read_as_the_kernel_means_it(
    data: bytes, event: Event | None
) -> None:
    assert event == parse(data)


@given(st.binary(max_size=120))
def test_no_datagram_is_too_odd(data: bytes) -> None:
    parse(data)
    parse(datagram(1, 7, 7, 8, 8)[:36] + data)


def test_the_request_has_the_size_it_says() -> None:
    assert 40 == len(request(1)) == struct.unpack_from("=I", request(1))[0]


@pytest.fixture
def connector() -> Connector:
    try:
        return Connector()
    except ConnectorError as exc:
        pytest.skip(str(exc))


def test_a_program_is_told_from_its_fork_to_its_exit(connector: Connector) -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    told: list[Event] = []

    def has_ended() -> bool:
        told.extend(connector.read() or [])
        return Event("exit", child.pid) in told

    poll_until(has_ended)
    connector.close()
    of_child = [event for event in told if event.pid == child.pid]
    assert [Event("fork", child.pid, os.getpid()), Event("exec", child.pid)] == (
        of_child[:2]
    )


def test_threads_are_not_told(connector: Connector) -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    subprocess.run(["true"], check=True)
    told: list[Event] = []
    poll_until(lambda: told.extend(connector.read() or []) or told)
    connector.close()

    assert not [e for e in told if e.kind == "fork" and e.pid == thread.native_id]


def test_lost_events_are_told(connector: Connector) -> None:
    connector._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(40):
        subprocess.run(["true"], check=True)

    assert connector.read() is None
    connector.close()


def test_in_a_container_it_is_refused_and_not_misread() -> None:
    """There it would tell pids of the host, which are others here."""
    require(*ISOLATED)
    code = (
        "from robometrics.publisher.discovery.connector import *\n"
        "try: Connector()\n"
        "except ConnectorError as exc: print(exc)\n"
        "else: print('taken')"
    )
    command = [*ISOLATED, sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said.startswith("the proc connector refuses: ")
