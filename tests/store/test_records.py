"""Records: any batches come back, whatever they are packed with; nothing hurts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from builders import SLOT, host_batch, process_batch
from hypothesis import example, given
from hypothesis import strategies as st
from sequences import KINDS, exactly, sequences, series_of

from robometrics.errors import DiscardMessageError
from robometrics.schema import (
    METRICS_PER_BATCH_MAX,
    SAMPLES_PER_BATCH_MAX,
    AnyBatch,
    Previous,
)
from robometrics.store.assembly import batches_of
from robometrics.store.batch_documents import strips_of
from robometrics.store.batch_encoding import to_documents
from robometrics.store.layouts import keys_of, read_layout, write_layout
from robometrics.store.records import Record, pack_all
from robometrics.store.strips import Label, Strip
from robometrics.store.unpacking import unpack

ANYTHING = st.lists(sequences(kinds=(*KINDS,), max_size=4), min_size=1, max_size=4)


def returned(batches: list[AnyBatch]) -> list[AnyBatch]:
    """Pack *batches* together; unpack those of each series and run together."""
    documents = to_documents(batches)
    found = []
    for series in dict.fromkeys(map(series_of, batches)):
        mine = [
            document
            for batch, document in zip(batches, documents, strict=True)
            if series_of(batch) == series
        ]
        for run, generation, strip in strips_of(mine):
            found += batches_of(strip, series, run, generation)
    return found


def records_of(batches: Sequence[AnyBatch]) -> list[Record]:
    return [
        Record(document["layout"], document["data"])
        for document in to_documents(batches)
    ]


def unpacked(record: Record) -> Strip:
    return unpack([record], np.array([SLOT]), np.array([1]), [Label()])


@given(ANYTHING)
def test_any_batches_come_back_exactly(runs: list[list[AnyBatch]]) -> None:
    """Integers as integers to the last digit, floats to the last bit."""
    batches = [
        process_batch(run=f"run-{number}", **_fields(batch))
        for number, run in enumerate(runs)
        for batch in run
    ]
    random.Random(len(batches)).shuffle(batches)  # noqa: S311

    found = {(batch.run, batch.slot): exactly(batch) for batch in returned([*batches])}

    assert {(batch.run, batch.slot): exactly(batch) for batch in batches} == found


def _fields(batch: AnyBatch) -> dict[str, Any]:
    names = ("slot", "interval_ns", "offset_ns", "metrics", "previous", "generation")
    return {name: getattr(batch, name) for name in names}


@given(sequences(kinds=(*KINDS,)))
def test_packed_alone_or_together_is_the_same_to_who_reads(
    batches: list[AnyBatch],
) -> None:
    alone = [document for batch in batches for document in to_documents([batch])]

    [found] = strips_of(alone)
    assert [*map(exactly, batches)] == [
        *map(exactly, batches_of(found.strip, series_of(batches[0]), *found[:2]))
    ]


LOW, HIGH = -(2**63), 2**63 - 1
COLUMNS: list[list[Any]] = [
    *([None, None, None], [None, 1, None], [LOW, HIGH, LOW], [HIGH, LOW, 0]),
    *([0, 127, -1], [0, 128, 0], [0, -129, 0], [0, 2**15 - 1, -1], [0, 2**31, 0]),
    *([0.0, -0.0, 5e-324], [1e280, -1e280, None], [1, 0.5, None], [None], [LOW]),
    *([7], [-0.0], [7, 7, 7], [None, None, 0.0]),
]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("before", [None, {}, {"a": 5}, {"a": LOW}, {"b": HIGH}])
def test_a_column_of_any_form_comes_back_with_what_was_before_it(
    column: list[Any], before: dict[str, int] | None
) -> None:
    previous = None if before is None else Previous(offset_ns=-1, counters=before)
    batch = process_batch(
        offset_ns=[0, 1, 999_999_999], metrics={"a": column}, previous=previous
    )

    [found] = returned([batch])

    assert batch == found
    assert repr([*map(float, filter(None, column))]) == repr(
        [*map(float, filter(None, found.metrics["a"]))]
    )


def test_the_largest_batch_comes_back() -> None:
    samples = SAMPLES_PER_BATCH_MAX
    batch = host_batch(
        offset_ns=[*range(samples)],
        metrics={
            "a": [None, *range(samples - 1)],
            **{f"c{n}": [n] for n in range(METRICS_PER_BATCH_MAX - 1)},
        },
        previous=Previous(
            offset_ns=-1, counters={f"d{n}": n for n in range(METRICS_PER_BATCH_MAX)}
        ),
    )

    assert [batch] == returned([batch])


def test_a_batch_without_metrics_comes_back() -> None:
    batch = process_batch(metrics={}, previous=None)

    assert [batch] == returned([batch])


def test_what_no_schema_lets_in_is_told_and_not_cut() -> None:
    with pytest.raises(OverflowError):
        pack_all([process_batch(metrics={"a": [2**63, 0]})])


def test_only_the_metrics_that_are_asked_for_are_unpacked() -> None:
    [found] = strips_of(to_documents([process_batch()]), ["thread_count", "unknown"])

    assert ["thread_count"] == [*found.strip.columns]
    assert [] == [*strips_of(to_documents([process_batch()]), [])[0].strip.columns]


@pytest.mark.parametrize(
    ("step", "bytes_each"), [(0, 0), (1, 1), (127, 1), (128, 2), (2**15, 4), (2**31, 8)]
)
def test_small_steps_take_few_bytes(step: int, bytes_each: int) -> None:
    batch = process_batch(
        offset_ns=[*range(101)],
        metrics={"a": [10**12 + step * i for i in range(101)]},
        previous=None,
    )

    [record] = records_of([batch])

    assert (8 + 100) + (8 + 100 * bytes_each) == len(record.data)


def test_a_layout_can_be_read_by_people_and_stays_as_it_is() -> None:
    """Documents with it stay for years."""
    batch = process_batch(
        offset_ns=[0, 500, 1_000],
        metrics={
            "cpu_time_ns": [100, 400, 700],
            "load_1m": [0.5, 0.25, 1.0],
            "memory_rss_bytes": [4096, 4096, 4096],
            "fd_count": [None, 7, 9],
            "rate": [None, 0.5, None],
            "thread_count": [3],
            "pss": [0.5],
            "unreadable": [None],
        },
        previous=Previous(offset_ns=-500, counters={"cpu_time_ns": 50, "old_total": 9}),
    )

    [record] = records_of([batch])

    assert (
        "1 3 p2 cpu_time_ns/p2 load_1m/f memory_rss_bytes/i0 fd_count/i1?6 rate/f?2 "
        "thread_count/i0. pss/f. unreadable/n. old_total/o"
    ) == record.layout
    assert GOLDEN == record.data.hex()
    assert {*batch.metrics, "old_total"} == keys_of(record.layout)


GOLDEN = (
    "0cfeffffffffffff"  # before the first sample, and from one to the next
    "f401f401f401"
    "3200000000000000"
    "32002c012c01"
    "000000000000e03f000000000000d03f000000000000f03f"
    "0010000000000000"
    "0700000000000000"
    "02"
    "000000000000e03f"
    "0300000000000000"
    "000000000000e03f"
    "0900000000000000"
)


@given(sequences())
def test_a_layout_says_itself_again(batches: list[AnyBatch]) -> None:
    for record in records_of(batches):
        layout = read_layout(record.layout)
        assert record.layout == write_layout(layout.samples, [*layout.fields])
        assert len(record.data) == layout.record_bytes


def test_layouts_that_differ_in_more_than_widths_are_of_different_shapes() -> None:
    """A key may look like a codec."""
    same = ["1 2 i0 p4_a/i1", "1 2 i1 p4_a/i8"]
    texts = [same[0], "1 2 i0 p_a/i1", "1 2 i0 p4_a/p1", "1 2 i0 p4_a/i1.", "1 1 i0"]
    texts += ["1 2 i0 p4_a/i1?1", "1 2 i0 p4_a/i1?2", "1 2 i0 p4/i1", "1 2 i0 p/i1"]

    assert len(texts) == len({read_layout(text).shape for text in texts})
    assert 1 == len({read_layout(text).shape for text in same})


DAMAGED = [
    *("", " ", "1", "1 ", "1 2", "1 2 ", "2 1 i0", "01 1 i0", "1 0 i0", "1 -1 i0"),
    *("1 10001 i0", "1 1e3 i0", "1 ٣ i0", "1 " + "9" * 5_000 + " i0", "1 1 i0 "),
    *("1 1 a/i0", "1 1 i0 i0", "1 1 f", "1 1 n", "1 1 o", "1 1 i0.", "1 1 i0?1"),
    *("1 1 i3", "1 1 i", "1 1 x", "1 1 i0 a", "1 1 i0 a/", "1 1 i0 a/z"),
    *("1 1 i0 a/i0?0", "1 1 i0 a/i0?2", "1 2 i0 a/f?8", "1 1 i0 a/i0?g", "1 1 i0\n"),
    "1 10000 i0" + " a/n" * 5_000,
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_what_is_no_layout_is_told(text: str) -> None:
    with pytest.raises(DiscardMessageError, match="not a"):
        unpacked(Record(text, bytes(100)))


@given(st.text(max_size=40) | st.from_regex(r"1 [1-9] [ip][0-8]( a/[a-z?.0-9]{1,4})*"))
@example("1 2 i1 a/o?1")
def test_arbitrary_layouts_raise_nothing_but_discard(text: str) -> None:
    for size in (0, 8, 16, 64):
        try:
            strip = unpacked(Record(text, bytes(size)))
        except DiscardMessageError:
            continue
        list(batches_of(strip, KINDS["process"][0], "r", 0))


@given(sequences(), st.data())
def test_damaged_documents_raise_nothing_but_discard(
    batches: list[AnyBatch], data: st.DataObject
) -> None:
    documents = [dict(each) for each in to_documents(batches)]
    spoiled = data.draw(st.sampled_from(documents))
    name = data.draw(st.sampled_from([*spoiled.keys() - {"_id"}]))
    if data.draw(st.booleans()):
        del spoiled[name]
    elif name == "layout":
        spoiled[name] = spoiled[name].replace(data.draw(st.sampled_from(" 1pf/")), "i")
    else:
        spoiled[name] = data.draw(
            st.sampled_from([None, [], {}, "x", b"", 2**70, {"a": []}])
        )
    try:
        for run, generation, strip in strips_of(documents):
            list(batches_of(strip, series_of(batches[0]), run, generation))
    except DiscardMessageError:
        return


def test_records_whose_lengths_are_wrong_one_for_the_other_are_told() -> None:
    records = records_of([process_batch(), process_batch()])
    shifted = [
        records[0]._replace(data=records[0].data[:-1]),
        records[1]._replace(data=records[1].data + b"\0"),
    ]

    with pytest.raises(DiscardMessageError, match="not a record"):
        unpack(shifted, np.array([1, 2]), np.array([1, 1]), [Label(), Label()])
