"""``burst``, ``interval`` and ``ps``, as a user types them."""

from __future__ import annotations

import os

import pytest
from servers import free_port

from .test_commands import robometrics


async def test_burst_interval_and_ps_of_this_host_and_of_all(
    working: dict[str, str],
) -> None:
    words = ["register", "--pid", str(os.getpid()), "--name", "me", "--every", "2s"]
    done = await robometrics(*words, **working)
    assert f"measuring me (pid {os.getpid()}) on robot every 2 s\n" == done.stdout

    done = await robometrics("interval", "500ms", "me", "--host", "robot", **working)
    assert (0, "sampling me on robot every 0.5 s\n") == (done.returncode, done.stdout)

    burst = ["burst", "me", "--hz", "100", "--for", "1m", "--all-hosts"]
    done = await robometrics(*burst, **working)
    assert "sampling me on robot every 0.01 s for 60 s\n" == done.stdout

    done = await robometrics("ps", "--all-hosts", **working)
    [header, row] = done.stdout.splitlines()
    assert ["NAME", "PID", "EVERY"] == header.split()[:3]
    assert ["me", str(os.getpid()), "0.01", "s"] == row.split()[:4]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["burst", "nobody"], "nobody is not measured on robot"),
        (["burst", "me", "--hz", "0"], "--hz: must be above 0 and at most 1000"),
        (["burst", "me", "--for", "soon"], "--for: 'soon' is not a duration"),
        (["burst", "me", "--for", "2h"], "--for: must be"),
        (["interval", "2m"], "TIME: must be 0.001 s to 60 s long"),
        (["interval", "1s", "nobody"], "nobody is not measured"),
        (["interval", "1s", "--host", "none"], "no worker of none answered"),
    ],
)
async def test_what_cannot_be_says_why(
    working: dict[str, str], words: list[str], problem: str
) -> None:
    done = await robometrics(*words, **working)
    assert 2 == done.returncode
    assert problem in done.stderr


async def test_without_a_broker_no_other_host_can_be_asked() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    done = await robometrics("ps", "--all-hosts", ROBOMETRICS_NATS_URL=url)
    assert 2 == done.returncode
    assert f"no broker answers at {url}" in done.stderr
