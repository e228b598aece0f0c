"""A report's numbers are those of the outbox, and the outbox stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import SLOT, event, gap, host_batch, process_batch
from outboxes import filled, opened, put

from robometrics.errors import OutboxError
from robometrics.publisher.outbox import Held, Note
from robometrics.publisher.report import SeriesReport, report
from robometrics.publisher.usage import Chart, Rate, rate
from robometrics.schema import NS_PER_SECOND, Previous, encode
from robometrics.subjects import events


def planner(slot: int, use: float, **changes: Any) -> Any:
    """Return a batch of a process that used *use* cores in its second."""
    start = slot * 10**9
    return process_batch(
        slot=slot,
        offset_ns=[0, 500_000_000],
        metrics={
            "cpu_time_ns": [start, start + round(use * 5e8)],
            "memory_rss_bytes": [1_000, 1_000 + slot - SLOT],
        },
        previous=Previous(
            offset_ns=-500_000_000,
            counters={"cpu_time_ns": start - round(use * 5e8)},
        ),
        **changes,
    )


def series(path: Path, columns: int = 4) -> dict[str, SeriesReport]:
    return {each.name: each for each in report(path, columns=columns).series}


def test_the_numbers_are_those_of_the_batches(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    box = opened(path)
    for slot in (*range(SLOT, SLOT + 40), *range(SLOT + 80, SLOT + 160)):
        use, run = (0.5, "a-1") if slot < SLOT + 40 else (2.0, "a-2")
        put(box, slot, [host_batch(slot=slot), planner(slot, use, run=run)])
    told = (
        gap(SLOT + 40, SLOT + 79, "host_off"),
        gap(SLOT, SLOT + 1, "overrun", missing_samples=3),
        gap(SLOT + 9, SLOT + 9, "overrun", missing_samples=4),
        event(),
    )
    notes = [Note(events("robot"), encode(each), each.id) for each in told]
    box.put(SLOT + 160, 0, [], notes=notes)
    box.close()
    before = path.read_bytes()

    found = report(path, columns=4)
    process = series(path)["planner"]

    assert (SLOT, SLOT + 159, ["robot"]) == (
        found.from_slot,
        found.to_slot,
        found.hosts,
    )
    assert (360 + 4, 360, 0) == (found.messages, found.samples, found.held)
    assert [("host_off", 1, 40, 0), ("overrun", 2, 3, 7)] == [
        (each.cause, each.count, each.seconds, each.missing_samples)
        for each in found.gaps
    ]
    assert (2, 240, 120, 1_159) == (
        process.runs,
        process.samples,
        process.seconds,
        process.memory_max_bytes,
    )
    assert pytest.approx(150.0) == process.cpu_mean_percent
    assert pytest.approx(200.0) == process.cpu_max_percent
    # What was used just before the gap ended is known from the sample before it.
    assert [pytest.approx(50.0), pytest.approx(200.0)] == process.chart[::2]
    assert pytest.approx(200.0) == process.chart[3]
    assert before == path.read_bytes()


def test_where_nothing_was_taken_the_chart_has_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    box = opened(path)
    for slot in (*range(SLOT, SLOT + 40), *range(SLOT + 81, SLOT + 160)):
        put(box, slot, [planner(slot, 1.0)])
    box.close()

    chart = series(path, 8)["planner"].chart

    assert [100] * 2 + [None, None] + [100] * 4 == [
        None if value is None else round(value) for value in chart
    ]


def test_a_rate_needs_two_readings_that_grow() -> None:
    alone = {"metrics": {"cpu_time_ns": [5]}, "offset_ns": [7], "previous": None}
    before = Previous(offset_ns=-NS_PER_SECOND, counters={"cpu_time_ns": 6})
    assert rate(process_batch(**alone)) is None
    assert rate(process_batch(**alone | {"previous": before})) is None
    assert rate(process_batch(metrics={"thread_count": [3]})) is None
    missing = {"metrics": {"cpu_time_ns": [None, 5]}, "previous": None}
    assert rate(process_batch(**missing)) is None


def test_a_value_read_once_is_that_of_the_last_sample() -> None:
    before = Previous(offset_ns=-500_000_000, counters={"cpu_time_ns": 0})
    found = rate(process_batch(metrics={"cpu_time_ns": [250_000_000]}, previous=before))
    base = SLOT * NS_PER_SECOND
    half = 500_000_000
    assert Rate(base - half, base + half, 25.0, is_bridging=False) == found


def test_use_over_a_gap_counts_and_is_not_drawn() -> None:
    before = Previous(offset_ns=-60 * NS_PER_SECOND, counters={"cpu_time_ns": 0})
    found = rate(
        process_batch(
            offset_ns=[0],
            metrics={"cpu_time_ns": [6 * NS_PER_SECOND]},
            previous=before,
        )
    )
    assert found is not None
    chart = Chart(SLOT - 60, SLOT, 4)
    chart.add(found)
    assert (pytest.approx(10.0), None) == (chart.mean_percent, chart.max_percent)
    assert [None] * 4 == chart.values()


def test_what_waits_for_the_clock_is_counted_apart(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    box = opened(path)
    put(box, SLOT, [host_batch()])
    box.put(70, 0, [("s", b"x")], held=Held("boot", 0))
    box.put(SLOT + 1, 0, [("s", b"\xc1")])
    box.close()

    found = report(path, columns=4)

    assert (4, 1, 1, 1) == (
        found.messages,
        found.samples,
        found.held,
        found.unreadable,
    )


def test_of_a_damaged_file_comes_what_is_readable(tmp_path: Path) -> None:
    path = filled(tmp_path / "outbox.damaged-1", range(SLOT, SLOT + 300))
    whole = report(path, columns=4)
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 4096 // 2 * 4096
    damaged[middle : middle + 4 * 4096] = b"\xff" * 4 * 4096
    path.write_bytes(damaged)

    found = report(path, columns=4)

    assert (True, False) == (found.is_damaged, whole.is_damaged)
    assert whole.samples / 2 < found.samples < whole.samples
    assert (SLOT, SLOT + 299) == (found.from_slot, found.to_slot)


@pytest.mark.parametrize("content", [b"", b"no database" * 500, None])
def test_what_is_no_outbox_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "outbox.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OutboxError):
        report(path, columns=4)


def test_an_outbox_in_use_is_reported(tmp_path: Path) -> None:
    box = opened(tmp_path / "outbox.db")
    put(box, SLOT, [host_batch()])
    assert 1 == report(box.path, columns=4).samples
    put(box, SLOT + 1, [host_batch(slot=SLOT + 1)])
    assert 2 == report(box.path, columns=4).samples
    box.close()
    found = report(box.path, columns=4)
    assert [1] == [each.runs for each in found.series]
    assert 2 == found.samples
