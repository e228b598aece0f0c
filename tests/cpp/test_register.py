"""A C++ program registers with a real worker, and is never in its own way."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import anyio
import pytest
from servers import NatsServer, free_port
from waiting import eventually

from robometrics.publisher.worker import worker
from robometrics.settings import WorkerSettings

from .compilers import CLIENT, HERE, compile_cpp
from .conftest import Built
from .programs import (
    environment,
    false_worker,
    names,
    nowhere,
    ran,
    run,
    talk,
    watched,
)

ACCEPTED = "accepted|||robot"


def by(way: str, working: dict[str, str]) -> dict[str, str]:
    """Return the environment in which only one way leads to the worker."""
    if way == "nats":
        return working | {"ROBOMETRICS_SOCKET_PATH": "/nowhere.sock"}
    return working | {"ROBOMETRICS_NATS_URL": f"nats://127.0.0.1:{free_port()}"}


@pytest.mark.parametrize("way", ["nats", "socket"])
async def test_one_line_registers_by_nats_or_by_the_socket(
    driver: Path, working: dict[str, str], way: str
) -> None:
    async with talk(driver, "names", "planner", **by(way, working)) as program:
        assert ACCEPTED == await program.line()
        (found,) = await watched(working)
        assert ("planner", program.process.pid) == (found.process, found.pid)
        program.go_on()


async def test_tags_and_the_workers_answer_arrive(
    driver: Path, working: dict[str, str]
) -> None:
    async with talk(driver, "planned", **working) as program:
        assert ACCEPTED == await program.line()
        interval_ns, run_id = (await program.line()).split("|")
        (found,) = await watched(working)
        assert {"team": "nav", "site": 'a "b"\n'} == found.tags
        assert ("250000000", found.run) == (interval_ns, run_id)
        program.go_on()


async def test_any_name_in_utf8_is_a_name(
    driver: Path, working: dict[str, str]
) -> None:
    given = ['say "hi"', "two\nlines\t\\", "карта", "🤖", "\x7f\x01"]
    async with talk(driver, "names", *given, **working) as program:
        for _ in given:
            assert ACCEPTED == await program.line()
        assert sorted(given) == await names(working)
        program.go_on()


async def test_what_is_not_utf8_is_refused_and_harms_no_other(
    driver: Path, working: dict[str, str]
) -> None:
    given = [b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"good"]
    async with talk(driver, "names", *given, **working) as program:
        for _ in given[:-1]:
            refused = "refused|invalid_name|a name or tag is not valid UTF-8|"
            assert refused == await program.line()
        assert ACCEPTED == await program.line()
        program.go_on()


async def test_a_refusal_says_why(driver: Path, working: dict[str, str]) -> None:
    told = await ran(driver, "ghost", **working)
    assert "registration_refused|there is no process 4194303 on robot" in told
    told = await ran(driver, "names", "x" * 101, **working)
    assert "refused|message_malformed|" in told


async def test_a_guard_measures_until_the_last_of_its_name_goes(
    driver: Path, working: dict[str, str]
) -> None:
    async with talk(driver, "guard", **working) as program:
        assert [ACCEPTED] * 2 == [await program.line() for _ in range(2)]
        assert ["mapping"] == await names(working)
        program.go_on()
        assert ACCEPTED == await program.line()
        assert ["mapping", "planning"] == await names(working)
        program.go_on()
        assert "left" == await program.line()

        async def nothing_is_measured() -> bool:
            return await names(working) == []

        await eventually(nothing_is_measured)
        program.go_on()


async def test_a_program_that_was_there_first_is_registered_later(
    driver: Path, nats_server: NatsServer, tmp_path: Path
) -> None:
    settings = WorkerSettings(
        nats_url=nats_server.url,
        host="robot",
        data_dir=str(tmp_path / "worker"),
        socket_path=str(tmp_path / "worker.sock"),
    )
    environ = {
        "ROBOMETRICS_NATS_URL": settings.nats_url,
        "ROBOMETRICS_SOCKET_PATH": settings.socket_path,
    }
    async with talk(driver, "waiting", **environ) as program:
        told = await program.line()
        assert told.startswith("robometrics: early waits: no worker answers at ")
        assert "worker.sock (No such file or directory)" in told
        assert "(no worker listens there)" in told  # the broker says so at once
        stop = anyio.Event()
        async with anyio.create_task_group() as tg:
            tg.start_soon(worker, settings, stop)
            assert "robometrics: early is measured on robot" == await program.line()
            assert ACCEPTED == await program.line()
            stop.set()


async def test_a_running_up_is_found_by_its_run_file(
    driver: Path, working: dict[str, str]
) -> None:
    from builders import announced  # noqa: PLC0415  it writes where the fixtures say

    announced(socket_path=working["ROBOMETRICS_SOCKET_PATH"])
    told = await ran(driver, "names", "joined")
    assert f"{ACCEPTED}\n" == told
    announced(socket_path=working["ROBOMETRICS_SOCKET_PATH"], start_ticks=1)
    told = await ran(driver, "impatient", "2000")
    assert "refused|no_worker|" in told  # what a crash left behind is not believed


def test_a_program_that_ends_at_once_ends_at_once(driver: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [driver, "at_once"],
        env=environment(**nowhere(tmp_path)),
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert (7, b"", b"") == (done.returncode, done.stdout, done.stderr)


def test_calls_return_while_nobody_answers(threaded: Path, tmp_path: Path) -> None:
    assert "pending\n" == run(threaded, "alone", **nowhere(tmp_path))


def test_whoever_waits_for_what_was_withdrawn_is_let_go(
    threaded: Path, tmp_path: Path
) -> None:
    told = run(threaded, "withdrawn", **nowhere(tmp_path))
    assert "unregistered unregistered\n" == told


async def test_a_registration_before_main_counts(
    driver: Path, working: dict[str, str]
) -> None:
    told = await ran(driver, "early", REGISTER_EARLY="1", **working)
    assert "accepted\n" == told


async def test_many_threads_register_many_names(
    threaded: Path, working: dict[str, str]
) -> None:
    async with talk(threaded, "many_threads", **working) as program:
        assert "registered" == await program.line()
        assert {f"thread-{each}" for each in range(8)} <= set(await names(working))
        program.go_on()


async def test_a_forked_child_is_another_process_with_its_own_registration(
    forking: Path, working: dict[str, str]
) -> None:
    async with talk(forking, "forked", **working) as program:
        copy = "refused|forked|a forked child registers itself|"
        assert copy == await program.line()
        assert ACCEPTED == await program.line()
        assert "another run" == await program.line()
        assert ["child", "parent"] == await names(working)
        program.go_on()
        assert "child ended 0 accepted" == await program.line()
        assert ["parent"] == await names(working)  # the child's copy of the guard
        program.go_on()


def test_forks_while_the_thread_asks_hang_nothing(
    forking: Path, tmp_path: Path
) -> None:
    assert "survived\n" == run(forking, "fork_storm", **nowhere(tmp_path))


async def test_no_thread_and_no_descriptor_stays(
    built: Built, working: dict[str, str]
) -> None:
    assert f"{ACCEPTED}\n0\n" == await ran(built["address"], "quiet", **working)


async def test_every_name_of_the_seed_works(
    driver: Path, working: dict[str, str]
) -> None:
    async with talk(driver, "seed", **working) as program:
        assert [ACCEPTED] * 4 == [await program.line() for _ in range(4)]
        assert ["four", "one", "three", "two"] == await names(working)
        program.go_on()
        told = [await program.line() for _ in range(3)]
        assert ["unregistered|||robot", ACCEPTED, "unregistered|||robot"] == told
        assert [] == await names(working)
        program.go_on()


PLUGIN = """
import _ctypes, ctypes, pathlib, socket, sys
library = ctypes.CDLL(sys.argv[1])
library.plugin_registers()
sys.stdin.readline()  # by now its thread waits for an answer
_ctypes.dlclose(library._handle)
print(sys.argv[1] in pathlib.Path("/proc/self/maps").read_text())
print(len(list(pathlib.Path("/proc/self/task").iterdir())))
"""


async def test_a_plugin_can_be_unloaded_while_it_waits(tmp_path: Path) -> None:
    """A thread must not outlive the code it runs."""
    plugin = tmp_path / "plugin.so"
    exported = tmp_path / "exported.map"  # alone: else libstdc++ would hold the plugin
    exported.write_text("{ global: plugin_registers; local: *; };")
    flags = ["-shared", "-fPIC", f"-Wl,--version-script={exported}"]
    compile_cpp(*flags, HERE / "early.cpp", "-o", plugin)
    asked = threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(1)
        asked.set()
        while connection.recv(4096):
            pass

    with false_worker(tmp_path, hang) as environ:
        command = Path(sys.executable)
        async with talk(command, "-c", PLUGIN, str(plugin), **environ) as program:
            assert await anyio.to_thread.run_sync(asked.wait, 30)
            program.go_on()
            assert ["False", "1"] == [await program.line() for _ in range(2)]


def test_the_header_knows_the_projects_version() -> None:
    from robometrics import __version__  # noqa: PLC0415

    header = (CLIENT / "robometrics.hpp").read_text()
    assert f'#define ROBOMETRICS_VERSION "{__version__}"' in header
    assert f"inline namespace v{'_'.join(__version__.split('.')[:2])} {{" in header
