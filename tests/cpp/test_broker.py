"""A C++ program speaks the NATS protocol as brokers do, and bears those that do not."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import IO

import pytest
from servers import NatsServer

from robometrics import runtime, subjects
from robometrics.requests import RegisterRequest, Reply, decode_request, encode_request

from .programs import Peer, false_broker, ran, run

INFO = b'INFO {"server_id":"x","headers":true,"connect_urls":["a:1"]}\r\n'
ACCEPTED = encode_request(Reply(accepted=True, host="robot"))


def message(inbox: bytes, data: bytes) -> bytes:
    return b"MSG %b 1 %d\r\n%b\r\n" % (inbox, len(data), data)


def question(stream: IO[bytes]) -> tuple[dict[str, object], bytes, bytes, bytes]:
    """Read what a client says first: its options, inbox, subject and request."""
    connect = stream.readline()
    assert connect.startswith(b"CONNECT ")
    _, inbox, _ = stream.readline().split()
    verb, subject, reply, size = stream.readline().split()
    assert (b"PUB", inbox) == (verb, reply)
    request = stream.read(int(size))
    assert b"\r\n" == stream.readline()
    return json.loads(connect[8:]), inbox, subject, request


def test_a_question_is_asked_as_the_broker_wants_it(
    driver: Path, tmp_path: Path
) -> None:
    """Its greeting and answer come in small pieces, with other lines between."""
    seen: list[tuple[dict[str, object], bytes, bytes, bytes]] = []

    def broker(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        for byte in INFO:
            connection.sendall(bytes([byte]))
        asked = question(stream)
        connection.sendall(b"PING\r\n+OK\r\n" + INFO)
        assert b"PONG\r\n" == stream.readline()
        seen.append(asked)
        for byte in message(asked[1], ACCEPTED):
            connection.sendall(bytes([byte]))

    with false_broker(broker, "robo%40t:p%3A%2f%22@") as environ:
        told = run(driver, "names", "planner", **environ)
    assert "accepted|||robot\n" == told
    ((options, inbox, subject, data),) = seen
    assert ("robo@t", 'p:/"') == (options["user"], options["pass"])
    assert (True, True) == (options["headers"], options["no_responders"])
    assert re.fullmatch(rb"_INBOX\.[0-9a-f-]{36}", inbox)
    assert subjects.register(runtime.boot_id()) == subject.decode()
    request = decode_request(data)
    assert isinstance(request, RegisterRequest)
    assert "planner" == request.name


def test_a_name_without_password_is_a_token(driver: Path) -> None:
    seen: list[object] = []

    def broker(connection: socket.socket) -> None:
        connection.sendall(INFO)
        options, inbox, _, _ = question(connection.makefile("rb"))
        seen.extend([options.get("auth_token"), "user" in options])
        connection.sendall(message(inbox, ACCEPTED))

    with false_broker(broker, "s3cret@") as environ:
        run(driver, "names", "planner", **environ)
    assert ["s3cret", False] == seen


def test_the_workers_token_goes_with_a_question(driver: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text('a "token"\n')
    seen: list[bytes] = []

    def broker(connection: socket.socket) -> None:
        connection.sendall(INFO)
        _, inbox, _, request = question(connection.makefile("rb"))
        seen.append(request)
        connection.sendall(message(inbox, ACCEPTED))

    with false_broker(broker) as environ:
        token = {"ROBOMETRICS_REGISTER_TOKEN_FILE": str(file)}
        run(driver, "names", "planner", **environ, **token)
    [request] = [decode_request(data) for data in seen]
    assert isinstance(request, RegisterRequest)
    assert 'a "token"' == request.token


def after_the_question(answer: bytes) -> Peer:
    def broker(connection: socket.socket) -> None:
        connection.sendall(INFO)
        question(connection.makefile("rb"))
        connection.sendall(answer)

    return broker


def greeting(line: bytes) -> Peer:
    def broker(connection: socket.socket) -> None:
        connection.sendall(line)
        while connection.recv(4096):
            pass

    return broker


NO_TLS = "TLS and websockets are not supported by the C++ client"


@pytest.mark.parametrize(
    ("broker", "problem"),
    [
        (greeting(b"SSH-2.0-OpenSSH_9.2\r\n"), "not a NATS broker"),
        (greeting(b"INFO {\r\n"), "not a NATS broker"),
        (greeting(b'INFO {"tls_required":true}\r\n'), NO_TLS),
        (greeting(b"x" * 400_000), "an endless line"),
        (
            after_the_question(b"-ERR 'Authorization Violation'\r\n"),
            "-ERR 'Authorization Violation'",
        ),
        (
            after_the_question(b"HMSG i 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"),
            "no worker listens there",
        ),
        (after_the_question(b"MSG i 1 4\r\n{}{}\r\n"), "not a worker's answer"),
        (after_the_question(b"MSG i 1 999999999\r\n"), "too long an answer"),
        (after_the_question(b"MSG i 1 -5\r\n"), "too long an answer"),
        (after_the_question(b"MSG\r\n"), "too long an answer"),
        (after_the_question(b"HMSG i 1 99 2\r\n{}\r\n"), "not a worker's answer"),
        (after_the_question(b""), "closed without an answer"),
    ],
)
def test_what_the_broker_will_not_do_is_told(
    driver: Path, broker: Peer, problem: str
) -> None:
    with false_broker(broker) as environ:
        told = run(driver, "impatient", "20000", **environ)
    assert "refused|no_worker|no worker answers at " in told
    assert f"({problem})" in told


def test_writing_to_a_broker_that_went_kills_nobody(driver: Path) -> None:
    """The first answers to its pings meet a closed connection, the others SIGPIPE."""
    with false_broker(after_the_question(b"PING\r\n" * 500)) as environ:
        told = run(driver, "impatient", "20000", **environ)
    assert re.search(r"\((Broken pipe|Connection reset by peer)\)", told)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("tls://127.0.0.1:4222", f"127.0.0.1:4222 ({NO_TLS})"),
        ("wss://user:secret@[::1]", f"::1:4222 ({NO_TLS})"),
        ("nats://secret@", ":4222 (not a URL)"),
        ("nats://127.0.0.1:1", "127.0.0.1:1 (Connection refused)"),
        ("nats://127.0.0.1:1, ", "127.0.0.1:1 (Connection refused)"),
        ("nats://127.0.0.1:99999999", "127.0.0.1:99999999 ("),
        ("nats://no.such.host.invalid", "no.such.host.invalid:4222 ("),
        ("tls://secret@a,127.0.0.1:1", "127.0.0.1:1 (Connection refused)"),
        ("]", "]:4222 ("),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(
    driver: Path, url: str, problem: str
) -> None:
    environ = {"ROBOMETRICS_SOCKET_PATH": "", "ROBOMETRICS_NATS_URL": url}
    told = run(driver, "impatient", "20000", **environ)
    assert problem in told
    assert "secret" not in told


async def test_a_real_broker_takes_what_a_program_says(
    driver: Path, nats_server: NatsServer
) -> None:
    """Nobody listens there, and the broker says so instead of nothing."""
    environ = {"ROBOMETRICS_SOCKET_PATH": "", "ROBOMETRICS_NATS_URL": nats_server.url}
    told = await ran(driver, "impatient", "20000", **environ)
    assert "(no worker listens there)" in told
