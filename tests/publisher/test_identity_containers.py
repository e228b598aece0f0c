"""Registration from other pid namespaces over a real broker, and no other way."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from namespaces import ISOLATED, LATER, PROC_OF_OUTSIDE, program, require
from servers import NatsServer

from robometrics import runtime, subjects
from robometrics.broker import ask_once
from robometrics.lib import client
from robometrics.publisher.namespaces import pids_of
from robometrics.requests import (
    ListRequest,
    RegisterRequest,
    Reply,
    Watched,
    decode_reply,
    encode_request,
)
from robometrics.settings import ClientSettings

ITSELF = """
    import os
    from robometrics.lib.register import Register

    def tell(registration):
        registration.wait(30)
        print(os.getpid(), registration.state, registration.reason, flush=True)
        input()

    tell(Register.auto_register("inner", {"where": "container"}))
    tell(Register.auto_unregister())
"""
ITS_CHILD = """
    import subprocess, sys
    from robometrics.lib.register import Register

    with subprocess.Popen(
        [*sys.argv[1:], sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as child:
        child.stdout.readline()
        pid = child.pid
        while True:  # through unshare, which stays, to what it runs
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                children = file.read().split()
            if not children:
                break
            pid = int(children[0])
        registration = Register.add_process(pid, "inner")
        registration.wait(30)
        print(pid, registration.state, registration.reason, flush=True)
        input()
        child.kill()
"""


@pytest.fixture
def by_nats(working: dict[str, str]) -> dict[str, str]:
    """The environment of a program that reaches the worker by the broker alone."""
    return working | {"ROBOMETRICS_SOCKET_PATH": "/nowhere.sock"}


async def listed(environ: dict[str, str]) -> list[Watched]:
    settings = ClientSettings(socket_path=environ["ROBOMETRICS_SOCKET_PATH"])
    reply = await anyio.to_thread.run_sync(client.ask, ListRequest(), settings)
    return list(reply.watched)


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param(ISOLATED, id="container"),
        pytest.param([*ISOLATED, *ISOLATED], id="container in a container"),
        pytest.param(PROC_OF_OUTSIDE, id="with the host's /proc"),
        pytest.param([*LATER, *ISOLATED], id="with another time since boot"),
    ],
)
async def test_a_program_in_a_container_is_measured_and_let_go(
    working: dict[str, str], by_nats: dict[str, str], prefix: list[str]
) -> None:
    require(*prefix)
    with program(prefix, ITSELF, by_nats) as started:
        inner_pid, state, *reason = (
            await anyio.to_thread.run_sync(started.says)
        ).split()
        assert ("accepted", []) == (state, reason)
        [watched] = await listed(working)
        assert ("inner", {"where": "container"}) == (watched.process, watched.tags)
        assert int(inner_pid) == pids_of(watched.pid)[-1]
        assert int(inner_pid) != watched.pid

        started.go_on()
        said = await anyio.to_thread.run_sync(started.says)
        assert [inner_pid, "unregistered"] == said.split()
        assert [] == await listed(working)


async def test_a_container_registers_one_in_a_container_inside(
    working: dict[str, str], by_nats: dict[str, str]
) -> None:
    """By the pid that the asking container knows it by, which is not its own."""
    require(*ISOLATED, *ISOLATED)
    code = ITS_CHILD.replace("sys.argv[1:]", repr(ISOLATED))
    with program(ISOLATED, code, by_nats) as started:
        said = await anyio.to_thread.run_sync(started.says)
        outer_pid, state, *reason = said.split()
        assert ("accepted", []) == (state, reason)
        [watched] = await listed(working)
        assert [int(outer_pid), 1] == pids_of(watched.pid)[1:]


async def test_the_host_registers_one_in_a_container(
    working: dict[str, str], by_nats: dict[str, str]
) -> None:
    require(*ISOLATED)
    code = ITS_CHILD.replace("sys.argv[1:]", repr(ISOLATED))
    with program([], code, by_nats) as started:
        said = await anyio.to_thread.run_sync(started.says)
        pid, state, *reason = said.split()
        assert ("accepted", []) == (state, reason)
        assert [int(pid)] == [watched.pid for watched in await listed(working)]


async def test_what_is_not_the_truth_about_a_container_is_refused(
    working: dict[str, str], by_nats: dict[str, str]
) -> None:
    require(*ISOLATED)
    with program(ISOLATED, ITSELF, by_nats) as started:
        await anyio.to_thread.run_sync(started.says)
        [watched] = await listed(working)
        pid = watched.pid
        truth = {
            "pid": pids_of(pid)[-1],
            "start_ticks": runtime.start_ticks(pid) or 0,
            "pid_namespace": runtime.pid_namespace(pid) or 0,
        }
        lies = {
            "pid": {"pid": 4_000_000},
            "start": {"start_ticks": truth["start_ticks"] + 1},
            "namespace": {"pid_namespace": truth["pid_namespace"] + 1},
        }
        replies = {
            what: await asked(by_nats, RegisterRequest(name="lie", **truth | lie))
            for what, lie in ({"nothing": {}} | lies).items()
        }
    assert {"nothing": True, "pid": False, "start": False, "namespace": False} == {
        what: reply.accepted for what, reply in replies.items()
    }
    assert "cannot see it" in replies["start"].reason
    assert "another pid namespace" in replies["namespace"].reason


async def asked(environ: dict[str, str], request: RegisterRequest) -> Reply:
    data = await ask_once(
        environ["ROBOMETRICS_NATS_URL"],
        [subjects.register(runtime.boot_id())],
        encode_request(request),
        timeout_seconds=20,
    )
    assert data is not None
    return decode_reply(data)


async def test_a_worker_in_a_container_takes_those_it_sees_and_no_others(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    require(*ISOLATED, *ISOLATED)
    environ = {
        "ROBOMETRICS_NATS_URL": nats_server.url,
        "ROBOMETRICS_SOCKET_PATH": str(tmp_path / "worker.sock"),
        "ROBOMETRICS_DATA_DIR": str(tmp_path / "worker"),
    }
    by_nats = environ | {"ROBOMETRICS_SOCKET_PATH": "/nowhere.sock"}
    inside = f"""
        import os, subprocess, sys
        worker = subprocess.Popen([sys.executable, "-m", "robometrics", "worker"])
        os.environ["ROBOMETRICS_SOCKET_PATH"] = "/nowhere.sock"
        code = {ITSELF!r}
        import textwrap
        subprocess.run([*{ISOLATED!r}, sys.executable, "-c", textwrap.dedent(code)])
        worker.terminate()
        worker.wait()
    """
    with program(ISOLATED, inside, environ) as started:
        said = await anyio.to_thread.run_sync(started.says)
        assert ["1", "accepted"] == said.split()

        with program([], ITSELF, by_nats) as outside:
            said = await anyio.to_thread.run_sync(outside.says)
        assert "refused" == said.split()[1]
        assert "the worker cannot see it" in said
        with program(ISOLATED, ITSELF, by_nats) as beside:
            said = await anyio.to_thread.run_sync(beside.says)
        assert "refused" == said.split()[1]
        assert "the worker cannot see it" in said
