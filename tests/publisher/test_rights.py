"""Who may have which process measured: both outcomes, on real sockets of real users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from servers import NatsServer

from robometrics import subjects
from robometrics.broker import Link
from robometrics.errors import (
    NoWorkerError,
    RegistrationRefusedError,
    SettingsError,
)
from robometrics.lib import client
from robometrics.publisher.rights import Peer, Rights, users_of
from robometrics.publisher.worker import worker
from robometrics.requests import (
    BurstRequest,
    IntervalRequest,
    ListRequest,
    encode_request,
)
from robometrics.settings import ClientSettings

from .workers import running, settings_for

ALICE, BOB = 54_321, 54_322

ASKING = """
import os, socket, sys
os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(20)
connection.connect(sys.argv[1])
for line in sys.stdin:
    connection.sendall(line.replace("OWN_PID", str(os.getpid())).encode())
    print(connection.makefile("r").readline(), end="", flush=True)
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@pytest.fixture
def of_alice() -> Iterator[int]:
    """A process of hers."""
    sleeper = subprocess.Popen(["sleep", "1000"], user=ALICE, group=ALICE)
    yield sleeper.pid
    sleeper.kill()
    sleeper.wait()


async def ask_as(user: int, path: str, *requests: Any) -> list[dict[str, Any]]:
    """Ask on the socket as *user*; return the replies."""
    lines = [
        request if isinstance(request, bytes) else encode_request(request)
        for request in requests
    ]
    found = await anyio.run_process(
        [sys.executable, "-c", ASKING, path, str(user)],
        input=b"".join(line + b"\n" for line in lines),
        cwd="/",
    )
    return [json.loads(line) for line in found.stdout.splitlines()]


@needs_root
async def test_on_the_socket_only_the_user_of_a_process_and_root_decide_about_it(
    nats_server: NatsServer, tmp_path: Path, of_alice: int
) -> None:
    register = client.register_request("planner", of_alice)
    unregister = client.unregister_request(of_alice)
    faster = BurstRequest(process="planner", interval_ns=10_000_000)
    slower = IntervalRequest(process="planner", interval_ns=2_000_000_000)
    for_all = IntervalRequest(interval_ns=2_000_000_000)
    as_own = b'{"type":"register","name":"own","pid":OWN_PID}'
    path = Path("/tmp") / f"robometrics-rights-{os.getpid()}.sock"  # noqa: S108  all may pass
    settings = settings_for(nats_server.url, tmp_path, socket_path=str(path))
    async with running(settings):
        orders = (register, faster, slower, unregister)
        by_bob = await ask_as(BOB, str(path), register)
        await ask_as(0, str(path), register)
        by_bob += await ask_as(BOB, str(path), *orders[1:], for_all)
        by_bob_of_his_own = await ask_as(BOB, str(path), as_own, ListRequest())
        by_alice = await ask_as(ALICE, str(path), *orders)
        by_root = await ask_as(0, str(path), *orders, for_all)

    assert [False] * 5 == [reply["accepted"] for reply in by_bob]
    assert {"registration_refused"} == {reply["code"] for reply in by_bob}
    assert "of your user" in by_bob[0]["reason"]
    assert "processes of all users" in by_bob[-1]["reason"]
    assert [True, True] == [reply["accepted"] for reply in by_bob_of_his_own]
    watched = {each["process"] for each in by_bob_of_his_own[1]["watched"]}
    assert {"planner", "own"} == watched
    assert [True] * 4 == [reply["accepted"] for reply in by_alice]
    assert [True] * 5 == [reply["accepted"] for reply in by_root]


async def test_over_the_network_a_registration_needs_the_workers_token(
    nats_server: NatsServer, link: Link, tmp_path: Path
) -> None:
    token, wrong = tmp_path / "token", tmp_path / "wrong"
    for path in (token, wrong):
        path.write_text(f"the token in {path.name}\n")
        path.chmod(0o600)
    settings = settings_for(nats_server.url, tmp_path, register_token_file=str(token))
    asking = {
        "right": {"register_token_file": str(token), "register_host": "robot"},
        "wrong": {"register_token_file": str(wrong)},
        "none": {},
    }
    accepted = {}
    async with running(settings):
        for name, options in asking.items():
            told = ClientSettings(
                nats_url=nats_server.url,
                socket_path=str(tmp_path / "no.sock"),
                **options,
            )
            for what in (
                client.register_request("me", os.getpid()),
                client.unregister_request(os.getpid()),
            ):
                reply = await anyio.to_thread.run_sync(client.ask, what, told)
                accepted.setdefault(name, []).append(reply.accepted)
                if not reply.accepted:
                    assert "ROBOMETRICS_REGISTER_TOKEN_FILE" in reply.reason
                    assert "the token in" not in str(reply)
        by_socket = ClientSettings(
            nats_url=nats_server.url, socket_path=settings.socket_path
        )
        reply = await anyio.to_thread.run_sync(
            client.ask, client.register_request("me", os.getpid()), by_socket
        )
        # What a server asks of all needs none: the broker says who may ask.
        listed = await link.request(
            subjects.register("robot"), encode_request(ListRequest()), timeout_seconds=5
        )

    assert {"right": [True] * 2, "wrong": [False] * 2, "none": [False] * 2} == accepted
    assert reply.accepted
    assert b"me" in (listed or b"")


def test_a_worker_with_an_identity_and_no_token_is_asked_by_its_socket_alone() -> None:
    Rights().check_token("")  # where everybody is let in, everybody may ask

    with pytest.raises(RegistrationRefusedError, match="enroll HOST --program"):
        Rights(broker_knows_us=True).check_token("")
    with pytest.raises(RegistrationRefusedError, match="its token"):
        Rights("right", broker_knows_us=True).check_token("wrong\N{SNOWMAN}")
    Rights("right", broker_knows_us=True).check_token("right")


async def test_a_token_that_everybody_may_read_stops_the_worker(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("token")
    token.chmod(0o644)
    settings = settings_for(nats_server.url, tmp_path, register_token_file=str(token))

    with pytest.raises(SettingsError, match="chmod 600"):
        await worker(settings, anyio.Event())


def test_a_program_set_to_anothers_rights_is_still_also_its_starters() -> None:
    status = b"Name:\tpasswd\nUid:\t1000\t0\t0\t0\nGid:\t1000\t1000\t1000\t1000\n"

    assert {1000, 0} == users_of(status)
    assert set() == users_of(b"Name:\tgone\n")


@needs_root
def test_a_user_whom_nobody_knows_is_nobody_in_particular(
    monkeypatch: pytest.MonkeyPatch, of_alice: int
) -> None:
    """In a user namespace all users from outside have one and the same number."""
    where = "robometrics.publisher.rights"
    monkeypatch.setattr(f"{where}._overflow_uid", lambda: ALICE)
    monkeypatch.setattr(f"{where}.has_all_users", lambda: False)

    with pytest.raises(RegistrationRefusedError):
        Rights().check_processes(Peer(1, ALICE), [of_alice])
    Rights().check_processes(Peer(of_alice, ALICE), [of_alice])  # that one it is


async def test_credentials_that_cannot_be_used_leave_a_program_the_socket(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    open_to_all = tmp_path / "program.nkey"
    open_to_all.write_text("SU")
    open_to_all.chmod(0o644)
    settings = settings_for(nats_server.url, tmp_path)
    asked = client.register_request("me", os.getpid())
    told = {
        path: ClientSettings(
            nats_url=nats_server.url,
            nats_credentials_file=str(open_to_all),
            socket_path=path,
        )
        for path in (settings.socket_path, str(tmp_path / "no.sock"))
    }
    async with running(settings):
        reply = await anyio.to_thread.run_sync(
            client.ask, asked, told[settings.socket_path]
        )
        with pytest.raises(NoWorkerError, match="chmod 600"):
            await anyio.to_thread.run_sync(
                client.ask, asked, told[str(tmp_path / "no.sock")]
            )

    assert reply.accepted
