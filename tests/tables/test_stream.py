"""A table is made in the memory of a few of its portions, however long it is."""

from __future__ import annotations

import tracemalloc

import pyarrow as pa
import pytest
from builders import process_batch
from histories import HOUR, keep, strip_of
from servers import MongoServer

from robometrics.errors import QueryTimeoutError, RetryLaterError
from robometrics.queries.span import Span
from robometrics.schema import NS_PER_SECOND
from robometrics.store import Series, Store, open_store
from robometrics.store.batch_documents import RunStrip
from robometrics.tables import patience
from robometrics.tables.asked import Asked, Format
from robometrics.tables.reading import _samples
from robometrics.tables.rows import Wide
from robometrics.tables.settling import Measured, as_stored, settle
from robometrics.tables.stream import stream

PLANNER = Series("robot", "process", "planner")
START = 1_789_999_200  # a whole hour


def asked(start: int, stop: int) -> Asked:
    span = Span(start * NS_PER_SECOND, stop * NS_PER_SECOND, 1_200)
    return Asked(found=[PLANNER], selected=None, span=span)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("wanted", ["csv", "parquet", "arrow"])
async def test_a_day_at_10_hz_needs_no_more_memory_than_a_few_hours(
    store: Store, wanted: Format
) -> None:
    await keep(store, PLANNER, START, hours=24, hz=10)

    async def peak_bytes(hours: int) -> tuple[int, int]:
        tracemalloc.reset_peak()
        before, size, arrow = tracemalloc.get_traced_memory()[0], 0, 0
        stop = START + hours * HOUR
        async for piece in stream(store, asked(START, stop), wanted, "iso", ""):
            size += len(piece)
            arrow = max(arrow, pa.total_allocated_bytes())
        return size, tracemalloc.get_traced_memory()[1] - before + arrow

    await peak_bytes(1)  # what is imported and made once
    tracemalloc.start()
    try:
        few, few_peak = await peak_bytes(6)
        whole, whole_peak = await peak_bytes(24)
    finally:
        tracemalloc.stop()

    assert few * 3.5 < whole
    assert whole_peak < 1.25 * few_peak
    assert whole_peak < 160 << 20


async def test_late_samples_that_fit_into_no_column_end_it_with_an_error(
    store: Store,
) -> None:
    """What a column is made of was said before the first row."""
    await store.batches.insert([process_batch(slot=START)])
    wanted = asked(START, START + HOUR)
    measured = await settle(store, wanted)
    late = strip_of(START, 1)
    late.columns["memory_rss_bytes"] = late.columns["load_1m"]
    chosen = [each.selected for each in measured]
    hour = [RunStrip("late", 0, late)]
    [portion] = _samples(wanted.span, PLANNER, hour, chosen)

    with pytest.raises(RetryLaterError, match="memory_rss_bytes"):
        Wide(wanted, measured).batch(portion)

    late.columns["memory_rss_bytes"].values[:] = 7.0
    [portion] = _samples(wanted.span, PLANNER, hour, chosen)
    batch = Wide(wanted, measured).batch(portion)
    assert {7} == set(batch["memory_rss_bytes"].to_pylist())


async def test_what_is_not_known_yet_is_settled_by_the_catalogue(store: Store) -> None:
    """A counter of which nothing is there is of integers, a gauge of floats."""
    selected = [as_stored("cpu_time_ns"), as_stored("load_1m")]
    span = Span(START * NS_PER_SECOND, (START + 1) * NS_PER_SECOND, 1)
    wanted = Asked(found=[PLANNER], selected=selected, span=span)

    assert [Measured(selected[0], True), Measured(selected[1], False)] == await settle(
        store, wanted
    )


async def test_a_database_that_hangs_is_waited_for_step_by_step(
    mongo_server: MongoServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the whole takes: each step has its own time."""
    monkeypatch.setattr(patience, "STEP_SECONDS", 3.0)
    async with open_store(mongo_server.url, database_name) as store:
        await store.prepare()
        await keep(store, PLANNER, START, hours=12, hz=10)
        pieces = stream(store, asked(START, START + 12 * HOUR), "csv", "iso", "")
        assert await anext(pieces)
        mongo_server.freeze()
        try:
            with pytest.raises(QueryTimeoutError, match="nothing within 3 s"):
                async for _ in pieces:
                    pass
        finally:
            mongo_server.thaw()
        whole = stream(store, asked(START, START + 12 * HOUR), "csv", "iso", "")
        lines = sum([piece.count(b"\n") async for piece in whole])
    assert 12 * HOUR * 10 + 1 == lines
