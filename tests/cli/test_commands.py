"""The commands, run as a user would, against a real worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from servers import free_port

from robometrics.cli.main import main
from robometrics.cli.processes import table
from robometrics.requests import Reply, Watched


async def robometrics(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            [sys.executable, "-m", "robometrics", *words],
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    )


async def test_run_hands_through_output_and_exit_code(working: dict[str, str]) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    done = await robometrics(
        "run", "--name", "job", "--", sys.executable, "-c", code, **working
    )
    assert (7, "out\n", "err\n") == (done.returncode, done.stdout, done.stderr)


async def test_run_tells_a_signal_as_shells_do(working: dict[str, str]) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    done = await robometrics("run", "--", sys.executable, "-c", code, **working)
    assert 128 + signal.SIGKILL == done.returncode


async def test_run_works_without_any_worker(tmp_path: Path) -> None:
    done = await robometrics(
        "run",
        "--",
        sys.executable,
        "-c",
        "print('done')",
        ROBOMETRICS_NATS_URL=f"nats://127.0.0.1:{free_port()}",
        ROBOMETRICS_SOCKET_PATH=str(tmp_path / "none.sock"),
    )
    assert (0, "done\n") == (done.returncode, done.stdout)
    assert "no worker answered" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["run"], 2, "nothing to run"),
        (["run", "--", "/no/such/program"], 127, "No such file"),
        (["run", "--tag", "x", "--", "true"], 2, "KEY=VALUE"),
        (["register", "--pid", "4194303", "--name", "x"], 2, "no process"),
        (["register", "--pid", "1"], 2, "--name"),
        (["ps", "--nats-ulr", "x"], 2, "unrecognized"),
        (["fly"], 2, "invalid choice"),
    ],
)
async def test_a_wrong_command_says_what_is_wrong(
    working: dict[str, str], words: list[str], code: int, reason: str
) -> None:
    done = await robometrics(*words, **working)
    assert code == done.returncode
    assert reason in done.stderr


@pytest.mark.parametrize(
    ("words", "usage", "problem"),
    [
        (
            "token create",
            "robometrics token create --name NAME --scope {read,control,admin}",
            "the following arguments are required: --name, --scope",
        ),
        (
            "export --host=robot --resolution=5s",
            "robometrics export --host NAME",
            "argument --resolution: invalid choice: '5s'",
        ),
        (
            "top --hots=robot",
            "robometrics top",
            "unrecognized arguments: --hots=robot; did you mean --host?",
        ),
        ("dead-letters", "robometrics dead-letters VERB ...", "required: VERB"),
    ],
)
def test_what_is_wrong_is_the_second_of_two_lines(
    capsys: pytest.CaptureFixture[str], words: str, usage: str, problem: str
) -> None:
    """All options of a command are thirty lines, and nobody reads on below them."""
    with pytest.raises(SystemExit) as ended:
        main(words.split())

    first, second = capsys.readouterr().err.splitlines()
    assert 2 == ended.value.code
    assert f"usage: {usage} [options]; --help lists them" == first
    assert problem in second


async def test_register_and_ps_show_the_process(working: dict[str, str]) -> None:
    done = await robometrics("ps", **working)
    assert "nothing is measured" in done.stdout
    words = ["register", "--pid", str(os.getpid()), "--name", "me", "--tag", "a=b"]
    done = await robometrics(*words, **working)
    assert (0, "") == (done.returncode, done.stderr)
    done = await robometrics("ps", **working)
    assert ["me", str(os.getpid())] == done.stdout.splitlines()[1].split()[:2]


async def test_an_unknown_option_in_the_environment_is_refused(
    working: dict[str, str],
) -> None:
    done = await robometrics("ps", ROBOMETRICS_NATS_ULR="x", **working)
    assert 2 == done.returncode
    assert "did you mean ROBOMETRICS_NATS_URL" in done.stderr


def test_a_hostile_name_cannot_steer_the_terminal() -> None:
    watched = [Watched(process="a\x1b[31mb", pid=1, run="r", command="c\rd")]
    text = table(Reply(accepted=True, watched=watched))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "a?[31mb" in text


@pytest.mark.parametrize("service", ["worker", "server"])
async def test_a_service_with_a_wrong_option_ends_with_its_name(service: str) -> None:
    done = await robometrics(service, "--log-level", "loud")
    assert 2 == done.returncode
    assert "log_level" in done.stderr
    assert "Traceback" not in done.stderr
