"""A service drains on a signal, is cut at its deadline, and at a second signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

SERVICE = """
import sys, anyio
from robometrics.service import run_until_signalled

async def service(stop):
    print("up", flush=True)
    await stop.wait()
    print("draining", flush=True)
    await anyio.sleep({drain})
    print("drained", flush=True)

print(anyio.run(lambda: run_until_signalled(service, drain_seconds={deadline})))
"""


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    drain, deadline = request.param
    code = SERVICE.format(drain=drain, deadline=deadline)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        assert "up\n" == service.stdout.readline()
        yield service
        service.kill()


def said(service: subprocess.Popen[str]) -> str:
    assert service.stdout is not None
    return service.stdout.readline().strip()


@pytest.mark.parametrize("started", [(0, 30)], indirect=True)
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_service_finish(
    started: subprocess.Popen[str], signum: int
) -> None:
    started.send_signal(signum)
    assert ["draining", "drained", "True"] == [said(started) for _ in range(3)]
    assert 0 == started.wait(20)


@pytest.mark.parametrize("started", [(1_000, 0.2)], indirect=True)
def test_after_its_deadline_it_is_cut_and_says_so(
    started: subprocess.Popen[str],
) -> None:
    started.terminate()
    assert ["draining", "False"] == [said(started) for _ in range(2)]


@pytest.mark.parametrize("started", [(1_000, 1_000)], indirect=True)
def test_a_later_second_signal_cuts_it_at_once(
    started: subprocess.Popen[str],
) -> None:
    started.terminate()
    assert "draining" == said(started)
    while started.poll() is None:  # those of the first half second count as the first
        os.kill(started.pid, signal.SIGTERM)
        try:
            started.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    assert "False" == said(started)
