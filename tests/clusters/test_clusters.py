"""Both leaders die under load; no sample is lost, none is there twice."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from clusters.cluster_stack import ELECTION_SECONDS, ClusterStack
from faults.catalogue import DOWN_SECONDS, Fault
from faults.reading import Reading
from faults.scenario import Scenario
from faults.stack import Stack, running_stack
from waiting import poll_until

pytestmark = [pytest.mark.clusters, pytest.mark.timeout(300)]

PROCESSES = 50


def test_the_leader_of_the_stream_and_the_primary_die_under_load(
    tmp_path: Path,
) -> None:
    """A consumer starts anew each time, and finds its way without the dead one."""
    with (
        running_stack(ClusterStack(tmp_path), PROCESSES) as stack,
        closing(Reading(stack)) as reading,
    ):
        scenario = Scenario(stack, reading)
        scenario.begin()
        for leader, consumer in (
            (stack.stream_leader, "persist"),
            (stack.primary, "rollup"),
        ):
            poll_until(leader, ELECTION_SECONDS)
            dead = leader()
            scenario.inflict(_without(dead, consumer))
            stack.parts[dead].start()
        report = scenario.finish()

    assert [] == report.account.duplicated
    assert [] == report.account.missing
    assert [] == report.account.invented
    assert [] == report.rollup_differences
    assert all(window.recovered_seconds is not None for window in report.windows)


def _without(dead: str, consumer: str) -> Fault:
    def begin(stack: Stack) -> None:
        stack.parts[consumer].stop()  # killed, it would hold some back for a minute
        stack.parts[dead].kill()

    return Fault(
        f"{dead} away, {consumer} anew",
        dead,
        DOWN_SECONDS,
        begin,
        lambda stack: stack.parts[consumer].start(),
    )
