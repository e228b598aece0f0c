"""Which samples go out; pure."""

from __future__ import annotations

from itertools import groupby

from builders import SLOT, host_batch, process_batch
from hypothesis import given
from hypothesis import strategies as st

from robometrics.consumers.export.sources import Reading, Source
from robometrics.consumers.export.thinning import Thinning
from robometrics.schema import AnyBatch, Previous

from .exporting import NS, batches

STEP = 10
assert SLOT % STEP == 0


def thinning(step_seconds: int = STEP, **changes: tuple[str, ...]) -> Thinning:
    values: dict[str, tuple[str, ...]] = {"include": ("*",), "exclude": ()}
    return Thinning(step_seconds=step_seconds, **values | changes)


def chosen(*found: AnyBatch, by: Thinning | None = None) -> list[Reading]:
    source = Source(found[0])
    by = by or thinning()
    return [reading for batch in found for reading in by.choose(source, batch)]


def seconds(readings: list[Reading]) -> list[int]:
    return [reading.at_ns // NS - SLOT for reading in readings]


def test_one_reading_goes_out_for_each_step() -> None:
    assert [0, 10, 20] == seconds(chosen(*batches(range(SLOT, SLOT + 30))))


def test_a_run_begins_at_once_wherever_in_a_step_it_begins() -> None:
    first, *more = batches(range(SLOT + 7, SLOT + 25))
    first.previous = None

    assert [7, 10, 20] == seconds(chosen(first, *more))


def test_after_a_gap_the_next_sample_goes_out() -> None:
    before = batches(range(SLOT, SLOT + 8))
    [after, *more] = batches(range(SLOT + 13, SLOT + 22))
    after.previous = Previous(offset_ns=-6 * NS, counters={})

    assert [0, 13, 20] == seconds(chosen(*before, after, *more))


def test_samples_farther_apart_than_a_step_all_go_out() -> None:
    far = Previous(offset_ns=-20 * NS, counters={})
    found = batches(range(SLOT + 3, SLOT + 90, 20), previous=far)

    assert [3, 23, 43, 63, 83] == seconds(chosen(*found))


def test_of_many_samples_in_a_second_the_last_goes_out() -> None:
    batch = process_batch(
        metrics={"cpu_time_ns": [1, 2], "thread_count": [3]}, previous=None
    )

    [reading] = chosen(batch)

    values = {"cpu_time_ns": 2, "thread_count": 3}
    assert (SLOT * NS + 500_000_000, values) == (reading.at_ns, reading.values)


def test_what_could_not_be_read_does_not_go_out() -> None:
    nothing = {"cpu_time_ns": [None], "thread_count": [None]}
    [batch] = batches([SLOT], metrics=nothing)

    assert [] == chosen(batch)
    assert [] == chosen(batch, by=thinning(0))


def test_what_is_read_seldom_goes_out_whenever_it_is_read() -> None:
    """Open files are counted every ten seconds, and seldom in a step's first one."""
    found = batches(range(SLOT, SLOT + 30))
    for batch in found[4::10]:
        batch.metrics["open_file_count"] = [batch.slot - SLOT]

    readings = chosen(*found)

    assert [0, 4, 10, 14, 20, 24] == seconds(readings)
    assert [{"open_file_count": at} for at in (4, 14, 24)] == [
        reading.values for reading in readings[1::2]
    ]


def test_what_is_read_seldom_and_in_a_first_second_goes_out_once() -> None:
    found = batches(range(SLOT, SLOT + 30))
    for batch in found[::5]:
        batch.metrics["open_file_count"] = [1]

    assert [0, 10, 20] == seconds(chosen(*found))


def test_patterns_are_of_names_without_their_part() -> None:
    metrics = {"disk_reads_total:sda": [1], "disk_writes_total": [2], "load_1m": [3]}
    batch = host_batch(metrics=metrics)

    [reading] = chosen(
        batch, by=thinning(include=("disk_*",), exclude=("disk_writes_*",))
    )

    assert {"disk_reads_total:sda": 1} == reading.values


def test_where_a_counter_fell_it_began_anew() -> None:
    batch = process_batch(
        metrics={"cpu_time_ns": [5, 7], "minor_faults_total": [9, 2], "up_total": [4]},
        previous=Previous(
            offset_ns=-NS,
            counters={"cpu_time_ns": 6, "minor_faults_total": 8, "up_total": 4},
        ),
    )
    source = Source(batch)

    list(thinning().choose(source, batch))

    assert {
        "cpu_time_ns": (SLOT - 1) * NS,
        "minor_faults_total": SLOT * NS,
    } == source.restarts_ns


@given(
    st.lists(st.integers(0, 299), unique=True, min_size=1).map(sorted),
    st.integers(1, 60),
    st.randoms(),
)
def test_any_batches_yield_each_step_once_and_the_same_in_any_order(
    slots: list[int], step: int, order: object
) -> None:
    """So a repeat of a message, or one that comes late, makes no other points."""
    found = batches(SLOT + slot for slot in slots)
    for before, batch in zip([None, *found], found, strict=False):
        distance = 0 if before is None else before.slot - batch.slot
        batch.previous = (
            Previous(offset_ns=distance * NS, counters={}) if distance else None
        )
    steps = groupby(slots, key=lambda slot: (SLOT + slot) // step)
    expected = [next(group) for _, group in steps]

    assert expected == seconds(chosen(*found, by=thinning(step)))
    shuffled = [*found, *found]
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    again = seconds(chosen(*shuffled, by=thinning(step)))
    assert sorted(expected * 2) == sorted(again)
