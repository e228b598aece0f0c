"""Copies of a consumer come, leave and die under load: no sample is lost or doubled.

``python -m benchmarks.autoscaler`` has an autoscaler decide on that, and draws it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from servers import MongoServer, NatsServer

from benchmarks.autoscaler.copies import GRACE_SECONDS, Copies

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
HOSTS, PROCESSES = 30, 9
LOAD_SECONDS = 12
COPIES = (1, 3, 2, 4, 1, 3)
"""How many there are, one after the other."""


class Outcome(NamedTuple):
    """What is left when all is over."""

    copies: Copies
    simulated: dict[str, object]
    reports: list[dict[str, object]]
    audit_code: int


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Play a fleet, and have ever other copies of persist store it."""
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
        words = [f"--hosts={HOSTS}", f"--processes={PROCESSES}", "--json"]
        words.append(f"--for={LOAD_SECONDS}s")
        with subprocess.Popen(
            [*ROBOMETRICS, "simulate", *servers, *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        ) as load:
            change(persist)
            said, _ = load.communicate()
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


ROBOMETRICS = [sys.executable, "-m", "robometrics"]


def run_robometrics(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*ROBOMETRICS, *words], cwd=ROOT, capture_output=True, check=False
    )


def change(copies: Copies) -> None:
    """Have so many copies after each other, and kill one of each that are several."""
    for count in COPIES:
        copies.scale(count)
        time.sleep(LOAD_SECONDS / len(COPIES) / 2)  # as long as they are to be there
        if count > 1:
            copies.kill()
        time.sleep(LOAD_SECONDS / len(COPIES) / 2)
        copies.reap()


def test_everything_that_was_acknowledged_is_stored_once(outcome: Outcome) -> None:
    assert 0 == outcome.audit_code, outcome.reports
    assert HOSTS == len(outcome.reports)
    assert {"clean"} == {report["state"] for report in outcome.reports}
    assert 0 == outcome.simulated["unacknowledged"]
    assert outcome.simulated["sent"] == outcome.simulated["acknowledged"]


def test_copies_did_come_leave_and_die_meanwhile(outcome: Outcome) -> None:
    assert sum(count > 1 for count in COPIES) == outcome.copies.killed
    assert len(outcome.copies.drains_seconds) >= 4


def test_who_is_asked_to_stop_drains_within_the_grace_period(outcome: Outcome) -> None:
    assert max(outcome.copies.drains_seconds) < GRACE_SECONDS
    assert {0} == set(outcome.copies.exit_codes)
