"""Generated days look like what a worker would have sent."""

from __future__ import annotations

from itertools import pairwise

from servers import MongoServer

from benchmarks import databases, history, storage
from robometrics.schema import NS_PER_SECOND, decode_batch, encode
from robometrics.store import RESOLUTIONS, Series
from robometrics.store.assembly import batches_of
from robometrics.store.batches import document_strip


def test_two_runs_of_a_benchmark_have_the_same_history() -> None:
    first, second = history.History(range(2)), history.History(range(2))
    for one, other in zip(first.next_hour(), second.next_hour(), strict=True):
        assert one.metrics.keys() == other.metrics.keys()
        assert all(
            (one.metrics[key] == other.metrics[key]).all() for key in one.metrics
        )


def test_its_batches_name_the_one_before_over_the_end_of_an_hour() -> None:
    past = history.History([7])
    batches = [
        batch for _ in range(2) for hour in past.next_hour() for batch in hour.batches()
    ]
    assert 2 * history.HOUR_SECONDS == len(batches)
    for before, after in pairwise(batches):
        assert after == decode_batch(encode(after))
        assert before.slot + 1 == after.slot
        assert after.previous is not None
        assert before.offset_ns[0] - NS_PER_SECOND == after.previous.offset_ns
        for key, value in after.previous.counters.items():
            assert [value] == before.metrics[key]
            assert value <= after.metrics[key][0]


def test_its_blocks_hold_its_batches() -> None:
    past = history.History([7])
    for hour in [*past.next_hour(), *past.next_hour()]:
        series = Series(history.HOST, "process", hour.process)
        strip = document_strip(storage.of_hour(hour).block())
        assert list(hour.batches()) == list(batches_of(strip, series, hour.run, 0))


async def test_what_is_loaded_reads_like_what_consumers_stored(
    shared_mongo: MongoServer, database_name: str
) -> None:
    past = history.History([7])
    hours = [*past.next_hour(), *past.next_hour()]
    series = Series(history.HOST, "process", hours[0].process)
    span = (history.FIRST_SLOT, past.slot)
    url = shared_mongo.url
    async with (
        databases.opened(url, f"{database_name}_loaded") as (loaded, database),
        databases.opened(url, f"{database_name}_consumed") as (consumed, _),
    ):
        for hour in hours:  # the second one meets the blocks of the first
            await storage.load(loaded, database, [storage.of_hour(hour)])
            batches = list(hour.batches())
            await consumed.batches.insert(batches)
            await consumed.rollups.fold(batches)
        found = [batch async for batch in loaded.batches.read(series, *span)]
        assert [batch async for batch in consumed.batches.read(series, *span)] == found
        for name in RESOLUTIONS:
            windows = [each async for each in loaded.rollups.read(series, name, *span)]
            assert windows == [
                each async for each in consumed.rollups.read(series, name, *span)
            ]
            assert 2 * 3_600 // RESOLUTIONS[name].window == len(windows)
