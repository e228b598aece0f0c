"""Copies of a consumer come, leave and die under load: no sample is lost or doubled.

``python -m benchmarks.autoscaler`` has an autoscaler decide on that, and draws it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from servers import MongoServer, NatsServer
from waiting import eventually

from benchmarks.autoscaler.copies import GRACE_SECONDS, Copies
from robometrics.broker import Link, measure_depth, open_link
from robometrics.consumers.loop import LANES

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
ROBOMETRICS = [sys.executable, "-m", "robometrics"]
HOSTS, PROCESSES = 30, 9
COPIES = (1, 3, 2)
"""How many there are, one after the other."""

PULL_SECONDS = 1.5
"""What a killed consumer has asked for is forgotten by then."""


class Outcome(NamedTuple):
    """What is left when all is over."""

    copies: Copies
    simulated: dict[str, object]
    reports: list[dict[str, object]]
    audit_code: int


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Play a fleet until ever other copies of persist have stored of it."""
    folder = tmp_path_factory.mktemp("scaling")
    (folder / "nats").mkdir()
    nats, mongo = NatsServer(folder / "nats"), MongoServer(folder / "mongo")
    servers = [f"--nats-url={nats.url}", f"--mongo-url={mongo.url}"]
    nats.start()
    mongo.start()
    persist = Copies(folder, ["server", "--roles=persist", *servers])
    rollup = Copies(folder, ["server", "--roles=rollup", *servers])
    try:
        run_robometrics("provision", *servers)
        rollup.scale(1)
        words = [f"--hosts={HOSTS}", f"--processes={PROCESSES}", "--json", "--for=1h"]
        with subprocess.Popen(
            [*ROBOMETRICS, "simulate", *servers, *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        ) as load:
            try:
                asyncio.run(change(persist, nats.url))
                load.send_signal(signal.SIGINT)
                said, _ = load.communicate()
            finally:
                load.kill()
        audit = run_robometrics("audit", "--json", "--wait-seconds=90", *servers)
        persist.stop()
        rollup.stop()
        reports = json.loads(audit.stdout)["hosts"]
        yield Outcome(persist, json.loads(said), reports, audit.returncode)
    finally:
        persist.stop()
        rollup.stop()
        mongo.stop()
        nats.stop()


def run_robometrics(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*ROBOMETRICS, *words], cwd=ROOT, capture_output=True, check=False
    )


async def change(copies: Copies, url: str) -> None:
    """Have so many copies after each other, and kill one of those that are several."""
    async with open_link(url, "test") as link:
        await link.wait_up()
        for count in COPIES:
            copies.scale(count)
            await all_at_work(link, count)
            if count > 1:
                copies.kill()
                await all_at_work(link, count)
            copies.reap()


async def all_at_work(link: Link, count: int) -> None:
    """Wait until as many copies ask for messages, and none that is gone."""
    since = time.monotonic() + PULL_SECONDS

    async def ask() -> bool:
        pulls = (await measure_depth(link)).durables["persist"].pulls
        return time.monotonic() > since and pulls >= count * LANES

    await eventually(ask, 60.0)


def test_everything_that_was_acknowledged_is_stored_once(outcome: Outcome) -> None:
    assert 0 == outcome.audit_code, outcome.reports
    assert HOSTS == len(outcome.reports)
    assert {"clean"} == {report["state"] for report in outcome.reports}
    assert 0 == outcome.simulated["unacknowledged"]
    assert outcome.simulated["sent"] == outcome.simulated["acknowledged"]


def test_copies_did_come_leave_and_die_meanwhile(outcome: Outcome) -> None:
    assert sum(count > 1 for count in COPIES) == outcome.copies.killed
    assert len(outcome.copies.drains_seconds) >= 3


def test_who_is_asked_to_stop_drains_within_the_grace_period(outcome: Outcome) -> None:
    assert max(outcome.copies.drains_seconds) < GRACE_SECONDS
    assert {0} == set(outcome.copies.exit_codes)
