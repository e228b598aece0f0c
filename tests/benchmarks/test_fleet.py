"""The fleet that is looked at sends what workers would, and goes on from its past."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise

import pytest
from servers import MongoServer

from benchmarks import databases, storage
from benchmarks.fleet.cast import HOSTILE, MACHINES, Machine
from benchmarks.fleet.story import Story
from robometrics.metrics import METRICS, split_key
from robometrics.schema import AnyBatch, Event, decode_batch, decode_note, encode
from robometrics.store import RESOLUTIONS

NOW = 1_789_992_000  # a whole hour
MACHINE_NAMES = [machine.name for machine in MACHINES]


def batches_of(story: Story, *stops: int, hz: int = 1) -> Iterator[AnyBatch]:
    for stop in stops:
        for stint in story.tell(stop, hz)[0]:
            yield from storage.of_stint(stint).batches()


def events_of(machine: Machine, hours: int) -> list[Event]:
    story = Story(machine, MACHINES.index(machine), NOW, 3_600 * hours)
    return story.tell(story.present)[1]


@pytest.mark.parametrize("machine", MACHINES, ids=MACHINE_NAMES)
def test_what_it_sends_keeps_the_schema(machine: Machine) -> None:
    story = Story(machine, MACHINES.index(machine), NOW, 10)
    sent = list(batches_of(story, story.present))

    assert [decode_batch(encode(batch)) for batch in sent] == sent
    used = {split_key(key)[0] for batch in sent for key in batch.metrics}
    assert set() == used - METRICS.keys()
    for event in events_of(machine, 1):
        assert decode_note(encode(event)) == event


@pytest.mark.parametrize("hz", [1, 10])
def test_each_batch_names_the_one_before(hz: int) -> None:
    stops = (NOW, NOW + 10, NOW + 400)
    sent = list(batches_of(Story(MACHINES[2], 2, NOW, 300), *stops, hz=hz))
    sent.sort(key=lambda batch: (batch.kind, batch.name, batch.run, batch.slot))
    chains = 0
    for _, run in groupby(sent, lambda batch: (batch.kind, batch.name, batch.run)):
        for before, after in pairwise(run):
            if before.slot + 1 < after.slot or after.previous is None:
                continue
            chains += 1
            assert len(after.offset_ns) == (hz if after.kind == "process" else 1)
            assert before.offset_ns[-1] - 10**9 == after.previous.offset_ns
            for key, value in after.previous.counters.items():
                assert value == before.metrics[key][-1]
                assert value <= after.metrics[key][0]
    assert chains > 6_000


def test_all_that_happens_to_processes_happens_in_it() -> None:
    events = [event for machine in MACHINES for event in events_of(machine, 6)]

    assert len(events) == len({event.id for event in events})
    assert {0, 1, -9, -11} == {e.exit_code for e in events if e.event == "exited"}
    assert {"worker_killed", "outbox_full", "process_unreadable", "host_asleep"} == {
        event.cause for event in events if event.event == "gap"
    }
    assert HOSTILE in {event.process for event in events}
    assert (10, 100) == (len(MACHINES), sum(len(each.programs) for each in MACHINES))


async def test_its_past_reads_like_what_consumers_stored(
    shared_mongo: MongoServer, database_name: str
) -> None:
    """On the machine that has everything: a GPU, floats, and runs that end."""
    machine = next(each for each in MACHINES if each.name == "jetson-1")
    stints, _ = Story(machine, 7, NOW, 900).tell(NOW)
    url, span = shared_mongo.url, (NOW - 900, NOW)
    async with (
        databases.opened(url, f"{database_name}_loaded") as (loaded, database),
        databases.opened(url, f"{database_name}_consumed") as (consumed, _),
    ):
        for stint in stints:
            kept = storage.of_stint(stint)
            await storage.load(loaded, database, [kept])
            batches = list(kept.batches())
            await consumed.batches.insert(batches)
            await consumed.rollups.fold(batches)
        for series in {stint.series for stint in stints}:
            found = [batch async for batch in loaded.batches.read(series, *span)]
            assert [
                each async for each in consumed.batches.read(series, *span)
            ] == found
            for name in RESOLUTIONS:
                windows = [x async for x in loaded.rollups.read(series, name, *span)]
                expected = [x async for x in consumed.rollups.read(series, name, *span)]
                assert expected == windows
