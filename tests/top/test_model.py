"""The model: newest values and trails of what is followed, and bounded."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest
from builders import SLOT, gpu_batch, host_batch, process_batch

from robometrics.schema import NS_PER_SECOND, Previous, ProcessBatch
from robometrics.top.model import SERIES_MAX, Model
from robometrics.top.rows import HostRow, ProcessRow
from robometrics.top.series import SeriesId

from .fleets import NOW_MS, fleet, gpu, host, process

PLANNER = SeriesId("robot", "process", "planner")


def cpu_batch(slot: int, percent: float, **changes: Any) -> ProcessBatch:
    used_ns = int(percent * 1e7)
    values: dict[str, Any] = {
        "slot": slot,
        "interval_ns": NS_PER_SECOND,
        "offset_ns": [0],
        "metrics": {"cpu_time_ns": [used_ns]},
        "previous": Previous(offset_ns=-NS_PER_SECOND, counters={"cpu_time_ns": 0}),
    }
    return process_batch(**values | changes)


def model_of(*rows: Any) -> Model:
    model = Model()
    model.update(fleet(*rows))
    return model


def only(model: Model) -> ProcessRow:
    [row] = model.rows(NOW_MS).processes
    return row


def trail(model: Model, count: int) -> list[float | None]:
    """Return the CPU of the last seconds, ``None`` where it is not known."""
    row = only(model)
    values = row.trails["cpu_percent"].until(row.end_slot, count)
    return [None if isnan(each) else round(each) for each in values]


def test_a_row_has_the_newest_values() -> None:
    model = model_of(host(), process())
    model.accept([host_batch(), process_batch()])
    row = only(model)
    assert ("running", 60.0) == (row.state_text, row.running_seconds)
    # From 0.9 s of CPU half a second before the slot to 1.25 s half a second after.
    assert pytest.approx(35.0) == row.values["cpu_percent"]
    assert (12_000_000, 3) == (row.memory_bytes, row.values["thread_count"])
    assert SLOT * 1_000 + 500 == model.newest_ms


def test_a_late_batch_fills_the_trail_and_changes_no_value() -> None:
    model = model_of(host(), process())
    model.accept([cpu_batch(SLOT, 10), cpu_batch(SLOT + 2, 30)])
    model.accept([cpu_batch(SLOT + 1, 20), host_batch(slot=SLOT + 2)])
    assert pytest.approx(30) == only(model).values["cpu_percent"]
    assert [10, 20, 30] == trail(model, 3)


def test_a_silent_process_shows_as_a_gap_beside_its_host() -> None:
    model = model_of(host(), process())
    model.accept([cpu_batch(SLOT, 10), host_batch(slot=SLOT + 2)])
    assert [10, None, None] == trail(model, 3)


def test_a_clock_that_is_set_back_begins_a_new_trail() -> None:
    model = model_of(host(), process())
    later = host_batch(slot=SLOT - 900, generation=1)
    model.accept([host_batch(), cpu_batch(SLOT, 10)])
    model.accept([later, cpu_batch(SLOT - 900, 20, generation=1)])
    assert pytest.approx(20) == only(model).values["cpu_percent"]
    assert [None, 20] == trail(model, 2)


def test_of_a_new_run_nothing_old_is_told() -> None:
    model = model_of(host(), process())
    model.accept([process_batch()])
    model.accept([cpu_batch(SLOT + 1, 10, run="ab12cd34-43-800", previous=None)])
    assert {"cpu_time_ns"} == set(only(model).values)


def test_a_value_that_is_long_not_told_goes() -> None:
    """Sensors are read every few seconds; one that is lost must not stand for ever."""
    model = model_of(host(), gpu())
    model.accept([host_batch(metrics={"temperature_celsius:cpu": [50]})])

    def temperature(slot: int) -> object:
        model.accept([host_batch(slot=slot)])
        return model.rows(NOW_MS).hosts[0].temperature_celsius

    assert 50 == temperature(SLOT + 14)
    assert temperature(SLOT + 15) is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"state": "exited", "exit_code": -9}, "SIGKILL"),
        ({"state": "exited", "exit_code": 1}, "exit 1"),
        ({"state": "stale"}, "stale"),
    ],
)
def test_what_does_not_run_uses_nothing(changes: dict[str, Any], text: str) -> None:
    model = model_of(host(), process())
    model.accept([process_batch()])
    model.update(fleet(host(), process(**changes)))
    assert (text, {}) == (only(model).state_text, only(model).values)


def test_a_host_has_the_cpu_of_its_cores_and_the_mean_of_its_gpus() -> None:
    model = model_of(host(), process(), gpu(0), gpu(1))
    counters = {"cpu_time_ns": 1_000_000_000}
    metrics = {
        "cpu_time_ns": [3_000_000_000],
        "cpu_count": [4],
        "memory_used_bytes": [2],
        "memory_total_bytes": [8],
    }
    model.accept(
        [
            host_batch(
                metrics=metrics,
                previous=Previous(offset_ns=-NS_PER_SECOND, counters=counters),
            ),
            gpu_batch(index=0, metrics={"gpu_utilization_percent": [20]}),
            gpu_batch(index=1, metrics={"gpu_utilization_percent": [60]}),
        ]
    )
    above, first, second = model.rows(NOW_MS).hosts
    assert (200, 25, 40, 1) == (
        above.cpu_percent,
        above.memory_percent,
        above.gpu_percent,
        above.running,
    )
    assert [20, 60] == [first.gpu_percent, second.gpu_percent]
    assert "GPU 1 Stand-in" == second.label


def test_a_model_of_a_pattern_knows_no_other_host() -> None:
    model = Model("robot-*")
    rows = [host("robot-1"), host("server"), process(host="robot-1"), process(host="x")]
    model.update(fleet(*rows))
    assert {"robot-1"} == {each.host for each in model.series}
    assert ["robot-1"] == [row.id.host for row in model.rows(NOW_MS).processes]


def test_what_is_not_followed_is_dropped() -> None:
    model = model_of(host(), process())
    model.accept([process_batch(process="other"), process_batch(host="elsewhere")])
    assert 0 == model.newest_ms


def test_no_more_series_are_followed_than_a_server_takes() -> None:
    count = SERIES_MAX + 100
    model = model_of(host(), *(process(f"p{i}") for i in range(count)), gpu())
    rows = model.rows(NOW_MS)
    assert (SERIES_MAX, 102, count) == (
        len(model.series),
        rows.left_out,
        len(rows.processes),
    )
    assert SeriesId("robot", "gpu", "0") in model.series


def test_ended_processes_and_offline_hosts_are_not_followed_unless_looked_at() -> None:
    rows = [host(), host("gone", state="offline"), process(state="exited")]
    model = model_of(*rows, process(host="gone", state="stale"))
    assert [SeriesId("robot", "host")] == list(model.series)
    model.pin(PLANNER)
    assert PLANNER in model.series
    model.pin(None)
    assert PLANNER not in model.series


def test_it_is_complete_once_all_that_runs_has_told_something() -> None:
    model = model_of(host(), process(), process("sleeper", state="stale"))
    assert not model.is_complete()
    model.accept([host_batch()])
    assert not model.is_complete()
    model.accept([process_batch()])
    assert model.is_complete()


def test_frozen_rows_stay_as_they_were() -> None:
    model = model_of(host(), process())
    model.accept([host_batch(), cpu_batch(SLOT, 10)])
    frozen = model.rows(NOW_MS).frozen()
    model.accept([cpu_batch(SLOT + 300, 99), host_batch(slot=SLOT + 300)])
    [row] = frozen.processes
    assert pytest.approx(10) == row.values["cpu_percent"]
    assert [10] == row.trails["cpu_percent"].until(row.end_slot, 1)
    assert isinstance(frozen.hosts[0], HostRow)


def test_rows_come_by_host_and_name_as_people_count() -> None:
    found = [process(f"p{i}", host=f"r{j}") for j in (10, 2) for i in (11, 3)]
    model = model_of(host("r10"), host("r2"), *found)
    rows = model.rows(NOW_MS)
    assert ["r2", "r10"] == [row.label for row in rows.hosts]
    assert [("r2", "p3"), ("r2", "p11"), ("r10", "p3"), ("r10", "p11")] == [
        (row.id.host, row.label) for row in rows.processes
    ]
