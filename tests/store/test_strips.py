"""Strips: they are joined, cut and read as lists of batches would be."""

from __future__ import annotations

import numpy as np
import pytest
from builders import SLOT, process_batch
from hypothesis import given
from hypothesis import strategies as st
from sequences import COUNTERS, KEYS, exactly, sequences, series_of

from robometrics.schema import NS_PER_SECOND, AnyBatch, Previous
from robometrics.store.assembly import batches_of
from robometrics.store.batch_documents import strips_of
from robometrics.store.batch_encoding import to_documents
from robometrics.store.fold import points, rates
from robometrics.store.strips import Strip, joined


def strip_of(batches: list[AnyBatch]) -> Strip:
    [found] = strips_of(to_documents(batches))
    return found.strip


def listed(strip: Strip, like: AnyBatch) -> list[AnyBatch]:
    return [*batches_of(strip, series_of(like), like.run, like.generation)]


@given(sequences(), st.lists(st.integers(1, 3), max_size=9))
def test_strips_are_joined_by_slot_however_they_were_dealt_out(
    batches: list[AnyBatch], hands: list[int]
) -> None:
    dealt: dict[int, list[AnyBatch]] = {}
    for index, batch in enumerate(batches):
        hand = hands[index] if index < len(hands) else 0
        dealt.setdefault(hand, []).append(batch)

    whole = joined([strip_of(mine) for mine in dealt.values()])

    assert [*map(exactly, batches)] == [*map(exactly, listed(whole, batches[0]))]


@given(sequences(), sequences())
def test_of_two_batches_of_one_slot_the_first_counts(
    first: list[AnyBatch], second: list[AnyBatch]
) -> None:
    kept = {batch.slot: batch for batch in second} | {
        batch.slot: batch for batch in first
    }
    expected = [kept[slot] for slot in sorted(kept)]
    if first[0].kind != second[0].kind:
        return

    whole = joined([strip_of(first), strip_of(second), strip_of(first)])

    assert [*map(exactly, expected)] == [*map(exactly, listed(whole, first[0]))]


@given(sequences(), st.data())
def test_rows_are_taken_in_any_order(
    batches: list[AnyBatch], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(st.integers(0, len(batches) - 1), unique=True))

    found = strip_of(batches).take(np.array(rows, np.int64))

    assert [exactly(batches[row]) for row in rows] == [
        *map(exactly, listed(found, batches[0]))
    ]
    assert found.columns.keys() == {
        key for row in rows for key in (*batches[row].metrics, *counters(batches[row]))
    }


def counters(batch: AnyBatch) -> dict[str, int]:
    return {} if batch.previous is None else batch.previous.counters


@given(sequences(), st.integers(-2, 23), st.integers(-2, 23))
def test_a_range_holds_its_start_and_not_its_stop(
    batches: list[AnyBatch], start: int, stop: int
) -> None:
    expected = [b for b in batches if SLOT + start <= b.slot < SLOT + stop]

    found = strip_of(batches).between(SLOT + start, SLOT + stop)

    assert [*map(exactly, expected)] == [*map(exactly, listed(found, batches[0]))]


@given(sequences())
def test_samples_are_those_that_are_folded_with_the_same_rates(
    batches: list[AnyBatch],
) -> None:
    """What the rollups count, and what a query of raw samples shows, is one thing."""
    strip = strip_of(batches)
    for key in KEYS:
        expected = [point for batch in batches for point in points(batch, key)]
        found = strip.samples(key)
        if found is None:
            assert [] == expected
            continue
        assert expected == [*zip(found.time_ns.tolist(), found.values.tolist())]  # noqa: B905
        assert [
            batch.interval_ns for batch in batches for _ in points(batch, key)
        ] == found.interval_ns.tolist()
        wanted = [
            (at_ns, pytest.approx(rate, rel=1e-12))
            for batch in batches
            for at_ns, rate in rates(batch, key)
        ]
        assert wanted == _own_rates(found)


def _own_rates(found: object) -> list[tuple[int, float]]:
    columns = (
        getattr(found, name).tolist()
        for name in ("has_before", "time_ns", "values", "before_ns", "before")
    )
    return [
        (at_ns, (value - before) * NS_PER_SECOND / (at_ns - before_ns))
        for has_before, at_ns, value, before_ns, before in zip(*columns, strict=True)
        if has_before and value >= before
    ]


def test_a_break_has_no_rate_and_a_gap_has_one() -> None:
    """After a gap the counter before it is known; after a step of the clock not."""
    batches = [
        process_batch(offset_ns=[0], metrics={"a": [1]}, previous=None),
        process_batch(
            slot=SLOT + 10,
            offset_ns=[0],
            metrics={"a": [21]},
            previous=Previous(offset_ns=-10 * NS_PER_SECOND, counters={"a": 1}),
        ),
        process_batch(
            slot=SLOT + 11, offset_ns=[0], metrics={"a": [40]}, previous=None
        ),
    ]

    found = strip_of([*batches]).samples("a")

    assert found is not None
    assert [False, True, False] == found.has_before.tolist()
    assert [((SLOT + 10) * NS_PER_SECOND, 2.0)] == _own_rates(found)


def test_a_counter_before_a_batch_without_the_metric_is_not_one_of_its_samples() -> (
    None
):
    batch = process_batch(
        metrics={"a": [None, None]},
        previous=Previous(offset_ns=-1, counters={"a": 1, "b": 2}),
    )
    strip = strip_of([batch])

    assert {"a", "b"} == strip.columns.keys()
    assert [None, None, None] == [strip.samples(key) for key in ("a", "b", "c")]


@given(sequences(), sequences())
def test_generations_and_runs_are_strips_of_their_own(
    first: list[AnyBatch], second: list[AnyBatch]
) -> None:
    """Their clocks say different times, and their counters begin anew."""
    for batch in second:
        batch.generation = 1

    found = strips_of(to_documents([*first, *second]))

    expected = [(first[0].run, 0, len(first)), (second[0].run, 1, len(second))]
    assert expected == [(run, number, len(strip)) for run, number, strip in found]
    for batches, each in zip((first, second), found, strict=True):
        for key in COUNTERS:
            alone, beside = strip_of(batches).samples(key), each.strip.samples(key)
            assert (alone is None) == (beside is None)
            if alone is not None and beside is not None:
                assert alone.before_ns.tolist() == beside.before_ns.tolist()
