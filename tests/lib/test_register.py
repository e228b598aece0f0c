"""Register never blocks, breaks or slows its program; and it registers."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import anyio
import pytest
from servers import NatsServer, free_port

from robometrics.lib import client
from robometrics.lib.register import Register
from robometrics.publisher.worker import worker
from robometrics.requests import ListRequest, encode_request
from robometrics.settings import ClientSettings, WorkerSettings

RUN_SECONDS = 30


def program(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run *code* as a program that uses Register."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


def nowhere(tmp_path: Path) -> dict[str, str]:
    return {
        "ROBOMETRICS_NATS_URL": f"nats://127.0.0.1:{free_port()}",
        "ROBOMETRICS_RUNTIME_DIR": str(tmp_path / "nothing"),
    }


async def listed(environ: dict[str, str]) -> list[str]:
    settings = ClientSettings(socket_path=environ["ROBOMETRICS_SOCKET_PATH"])
    reply = await anyio.to_thread.run_sync(
        client.ask_by_socket, encode_request(ListRequest()), settings
    )
    assert reply is not None
    return [each.process for each in reply.watched]


@pytest.mark.parametrize("way", ["nats", "socket"])
async def test_one_line_registers_by_nats_or_by_the_socket(
    working: dict[str, str], way: str
) -> None:
    environ = dict(working)
    if way == "nats":
        environ["ROBOMETRICS_SOCKET_PATH"] = "/nowhere.sock"
    else:
        environ["ROBOMETRICS_NATS_URL"] = f"nats://127.0.0.1:{free_port()}"
    done = await anyio.to_thread.run_sync(
        lambda: program(
            """
            from robometrics.lib.register import Register
            registration = Register.auto_register("planner", {"team": "nav"})
            assert registration.wait(20), registration
            print(registration.state, registration.host, registration.interval_ns)
            """,
            **environ,
        )
    )
    assert ("accepted robot 1000000000\n", "") == (done.stdout, done.stderr)


async def test_every_name_of_the_seed_works(working: dict[str, str]) -> None:
    done = await anyio.to_thread.run_sync(
        lambda: program(
            """
            import os, subprocess, sys
            from robometrics.lib.register import Register
            child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)
            for registration in (
                Register.auto_register(),
                Register.async_auto_register("one"),
                Register.register_async(child.pid, "two"),
                Register.add_process(child.pid, "three"),
                Register.register(os.getpid(), "four"),
            ):
                assert registration.wait(20), registration
                print(registration.name)
            with Register.named("five") as inside:
                assert inside.wait(20), inside
            @Register.named("six")
            def work():
                return 7
            assert work() == 7
            Register.unregister_process(child.pid).wait(20)
            print(Register.auto_unregister())
            child.kill(); child.communicate()
            """,
            **working,
        )
    )
    assert "" == done.stderr
    names = done.stdout.splitlines()[:5]
    assert re.match("python", names[0])
    assert ["one", "two", "three", "four"] == names[1:]
    assert [] == await listed(working)


async def test_a_refusal_is_told_and_harmless(working: dict[str, str]) -> None:
    done = await anyio.to_thread.run_sync(
        lambda: program(
            """
            from robometrics.lib.register import Register
            registration = Register.add_process(4194303, "ghost")
            assert not registration.wait(20)
            print(registration.state, registration.reason)
            """,
            **working,
        )
    )
    assert "refused there is no process 4194303 on robot\n" == done.stdout


async def test_a_program_that_was_there_first_is_registered_later(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = WorkerSettings(
        nats_url=nats_server.url,
        host="robot",
        data_dir=str(tmp_path / "worker"),
        socket_path=str(tmp_path / "worker.sock"),
    )
    environ = os.environ | {
        "ROBOMETRICS_NATS_URL": nats_server.url,
        "ROBOMETRICS_SOCKET_PATH": settings.socket_path,
    }
    code = (
        "from robometrics.lib.register import Register\n"
        "r = Register.auto_register('early')\n"
        "print('started', flush=True)\n"
        "assert r.wait(30), r\n"
        "print(r.state, flush=True)\ninput()"
    )
    command = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environ, **pipes) as early:
        assert early.stdout is not None
        assert "started\n" == await anyio.to_thread.run_sync(early.stdout.readline)
        stop = anyio.Event()
        async with anyio.create_task_group() as tg:
            tg.start_soon(worker, settings, stop)
            line = await anyio.to_thread.run_sync(early.stdout.readline)
            stop.set()
        early.kill()
    assert "accepted\n" == line


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"ROBOMETRICS_NATS_URL": "nats://no.such.host.invalid:4222"},
        {"ROBOMETRICS_NATS_URL": "not a url"},
        {"ROBOMETRICS_NATS_URL": "nats://127.0.0.1:99999999"},
        {"ROBOMETRICS_NOBODY_KNOWS": "1"},
        {"ROBOMETRICS_CONFIG": "/no/such/file"},
    ],
)
def test_nothing_wrong_outside_reaches_the_program(
    tmp_path: Path, broken: dict[str, str]
) -> None:
    done = program(
        """
        import time
        from robometrics.lib.register import Register
        start = time.monotonic()
        Register.auto_register("a"); Register.add_process(1, "b")
        Register.unregister_process(1); Register.auto_unregister()
        called = time.monotonic() - start
        print("alive" if called < 1 else called)
        """,
        **nowhere(tmp_path) | broken,
    )
    assert (0, "alive\n", "") == (done.returncode, done.stdout, done.stderr)


def test_a_program_ends_at_once_while_a_question_hangs(tmp_path: Path) -> None:
    """The broker accepts, and then says nothing at all."""
    done = program(
        """
        import socket, time, warnings
        warnings.simplefilter("ignore")
        server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
        import os
        os.environ["ROBOMETRICS_NATS_URL"] = "nats://127.0.0.1:%d" % (
            server.getsockname()[1])
        from robometrics.lib.register import Register
        Register.auto_register("hanging")
        connection, _ = server.accept()
        start = time.monotonic()
        import atexit
        atexit.register(lambda: print("exiting"))
        """,
        **nowhere(tmp_path),
    )
    assert (0, "exiting\n", "") == (done.returncode, done.stdout, done.stderr)


async def test_a_fork_is_another_process_with_its_own_registration(
    working: dict[str, str],
) -> None:
    done = await anyio.to_thread.run_sync(
        lambda: program(
            """
            import os
            from robometrics.lib.register import Register
            parent = Register.auto_register("parent")
            assert parent.wait(20), parent
            pid = os.fork()
            if pid == 0:
                child = Register.auto_register("child")
                assert child.wait(20), child
                os._exit(0 if child.run != parent.run else 1)
            _, status = os.waitpid(pid, 0)
            assert parent.state == "accepted"
            print(os.waitstatus_to_exitcode(status))
            """,
            **working,
        )
    )
    assert ("0\n", "") == (done.stdout, done.stderr)


def test_importing_loads_nothing_heavy() -> None:
    done = program(
        """
        import sys
        from robometrics.lib.register import Register
        heavy = {"msgspec", "nats", "anyio", "psutil", "asyncio", "motor", "litestar"}
        print(sorted(heavy & set(sys.modules)))
        """
    )
    assert "[]\n" == done.stdout


def test_importing_is_quick_beside_asyncio() -> None:
    """At most 20 ms more than ``import asyncio``; in fact, it is less than that."""

    def import_ms(module: str) -> float:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", f"import {module}"],
            capture_output=True,
            text=True,
            check=True,
        )
        total = [line for line in done.stderr.splitlines() if module in line][-1]
        return int(total.split("|")[1]) / 1_000

    asyncio_ms = statistics.median(import_ms("asyncio") for _ in range(5))
    ours_ms = statistics.median(import_ms("robometrics.lib.register") for _ in range(5))
    assert ours_ms < asyncio_ms + 20


def test_calls_return_before_anything_is_asked(tmp_path: Path) -> None:
    start = time.monotonic()
    registration = Register.add_process(os.getpid(), "quick")
    assert time.monotonic() - start < 0.5
    assert "quick" in repr(registration)
    Register.unregister_process(os.getpid())


def test_whoever_waits_is_let_go_when_there_is_nothing_to_wait_for(
    tmp_path: Path,
) -> None:
    done = program(
        """
        import os
        from robometrics.lib.register import Register
        registration = Register.auto_register("never")
        farewell = Register.auto_unregister()
        registration.wait(20), farewell.wait(20)
        print(registration.state, farewell.state)
        """,
        **nowhere(tmp_path),
    )
    assert "unregistered unregistered\n" == done.stdout
