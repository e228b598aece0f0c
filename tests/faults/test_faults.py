"""A part of ``make chaos`` that every change must pass: no sample lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from faults import catalogue, disk
from faults.catalogue import Fault
from faults.reading import Reading
from faults.scenario import Report, Scenario, Window
from faults.stack import Stack, running_stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PROCESSES = 20
DRAIN_SECONDS = 30.0  # what the killed consumers held is redelivered by then
NO_DISK = disk.why_not()


CUT, HALF_OPEN, _ = catalogue.network("worker-nats")
FULL_DISK = catalogue.full_outbox()
SUBSET = [*catalogue.kills(), CUT, HALF_OPEN, FULL_DISK, catalogue.garbage()]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Report]:
    """What became of every sample, after all faults on one running stack."""
    folder = tmp_path_factory.mktemp("faults")
    with (
        running_stack(Stack(folder), PROCESSES, small_disks=not NO_DISK) as stack,
        closing(Reading(stack)) as reading,
    ):
        scenario = Scenario(stack, reading)
        scenario.begin()
        for fault in SUBSET:
            if fault is not FULL_DISK or not NO_DISK:
                scenario.inflict(fault)
        yield scenario.finish(DRAIN_SECONDS)


@pytest.mark.parametrize("fault", SUBSET, ids=lambda fault: fault.name)
def test_a_fault_costs_no_sample_and_the_pipeline_recovers(
    fault: Fault, report: Report
) -> None:
    if fault is FULL_DISK and NO_DISK:
        pytest.skip(NO_DISK)
    window = _window_of(fault, report)
    account = window.account

    assert account is not None
    assert account.fed
    assert [] == account.duplicated
    assert [] == account.unexplained
    assert fault.stops_worker or [] == account.missing
    assert window.recovered_seconds is not None


def test_nothing_is_stored_that_was_never_fed(report: Report) -> None:
    assert [] == report.account.invented


def test_a_gap_tells_of_every_second_without_a_sample(report: Report) -> None:
    assert [] == report.untold_slots


def test_the_rollups_are_those_of_the_stored_batches(report: Report) -> None:
    assert [] == report.rollup_differences


def _window_of(fault: Fault, report: Report) -> Window:
    return next(each for each in report.windows if each.name == fault.name)
