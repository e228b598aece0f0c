"""What is told of each series is what is stored of it."""

from __future__ import annotations

from collections import defaultdict

import pytest
from audited import Audited
from bson import encode
from builders import event, gpu_batch, host_batch, process_batch
from servers import MongoServer

from robometrics.keeping import SECONDS_PER_DAY, Policy, Retain
from robometrics.store import Series, Store, open_store, sizes
from robometrics.store.kept import KEPT
from robometrics.store.metering import measure, part_of
from robometrics.store.usage import Usage, narrowed

HOUR, DAY = 3_600, SECONDS_PER_DAY
START = 1_790_000_000 - 1_790_000_000 % DAY
NOW = START + 2 * DAY
MONTH = Policy({"raw": 30.0, "10s": 30.0, "1m": 30.0, "1h": 30.0}, ())
Bytes = dict[tuple[str, Series], int]


async def filled(store: Store) -> None:
    """Two days of three series, all but the last hours compacted."""
    robot = Audited(store)
    for hour in range(0, 48, 2):
        at = START + hour * HOUR
        await robot.keep(
            *(host_batch(slot=at + n) for n in range(5)),
            *(gpu_batch(slot=at + n) for n in range(3)),
            *(process_batch(slot=at + n) for n in range(20)),
            *(process_batch(slot=at + n, host="b", process="a/b") for n in range(9)),
        )
    async for _ in store.compactor.compact(NOW - 6 * HOUR):
        pass
    while await store.rollups.seal(NOW, 1_000):
        pass


async def stored(store: Store) -> Bytes:
    """Return the size of all documents, the slow and simple way."""
    found: Bytes = defaultdict(int)
    for kept in KEPT:
        async for document in store._database[kept.collection].find({}):
            series = Series(document["host"], document["kind"], document["name"])
            found[part_of(kept), series] += len(encode(document))
    return dict(found)


async def told(store: Store) -> Bytes:
    found: Bytes = {}
    for kept in KEPT:
        count = (await store.sizes.collection(kept.collection)).documents
        shares = await store.sizes.shares(kept, count, NOW)
        for share in shares.found:
            found[part_of(kept), share.series] = round(share.bson_bytes)
    return found


async def test_the_bytes_of_each_series_and_part_are_those_of_its_documents(
    store: Store,
) -> None:
    await filled(store)

    expected = await stored(store)

    assert expected == await told(store)
    usage = await measure(store, MONTH, NOW)
    by_part: dict[str, int] = defaultdict(int)
    for (part, _), count in expected.items():
        by_part[part] += count
    assert by_part == {
        part.part: part.bson_bytes for part in usage.parts if part.part in by_part
    }


async def test_samples_are_counted_wherever_they_are(store: Store) -> None:
    await filled(store)

    usage = await measure(store, MONTH, NOW)

    samples = {(each.host, each.kind, each.name): each.samples for each in usage.series}
    assert {
        ("robot", "host", ""): 24 * 5,
        ("robot", "gpu", "0"): 24 * 3,
        ("robot", "process", "planner"): 24 * 20 * 2,
        ("b", "process", "a/b"): 24 * 9 * 2,
    } == samples
    assert {"robot": 24 * 48, "b": 24 * 18} == {
        each.host: each.samples for each in usage.hosts
    }
    assert not usage.is_estimate


async def test_hosts_are_the_sums_of_their_series(store: Store) -> None:
    await filled(store)

    usage = await measure(store, MONTH, NOW)

    for host in usage.hosts:
        mine = [each for each in usage.series if each.host == host.host]
        assert host.bytes == sum(each.bytes for each in mine)
        assert set(host.parts) == {"fresh", "blocks", "pages", "10s", "1m", "1h"}
        assert host.bytes == sum(host.parts.values())
        assert host.bytes_per_day == pytest.approx(
            sum(each.bytes_per_day for each in mine)
        )
    ordered = [each.bytes for each in usage.series]
    assert sorted(ordered, reverse=True) == ordered


async def test_it_grows_by_what_came_a_day_until_retention_holds_it(
    store: Store,
) -> None:
    await filled(store)
    blocks = sum(
        n for (part, _), n in (await stored(store)).items() if part == "blocks"
    )

    usage = await measure(store, MONTH, NOW)

    [part] = [part for part in usage.parts if part.part == "blocks"]
    # 21 of 24 hours with samples are compacted: one more at the end of each other hour.
    days = (41 * HOUR) / DAY
    size = await store.sizes.collection("blocks")
    assert part.bytes_per_day == pytest.approx(blocks * size.disk_per_bson / days)
    assert part.most_bytes == pytest.approx(30 * part.bytes_per_day, abs=2)
    assert part.keep_days == 30
    [fresh] = [part for part in usage.parts if part.part == "fresh"]
    assert 0 == fresh.bytes_per_day  # it becomes blocks
    assert None is usage.full_in_days


@pytest.mark.parametrize(("days", "hours_apart"), [(1, 1), (25, 3)])
async def test_growth_is_that_of_lately_however_young_and_long_documents_are(
    store: Store, days: int, hours_apart: int
) -> None:
    """A block of 1 h spans ten days, and raw samples may be kept for a shorter time."""
    robot = Audited(store)
    begin = NOW - days * DAY
    await robot.keep(
        *(
            process_batch(slot=begin + at)
            for at in range(0, days * DAY, hours_apart * HOUR)
        )
    )
    while await store.rollups.seal(NOW, 1_000):
        pass
    one_day = Policy({"raw": 1.0, "10s": 0.0, "1m": 0.0, "1h": 0.0}, ())
    async for _ in store.retention.apply(one_day, NOW):
        pass

    usage = await measure(store, MONTH, NOW)

    parts = {part.part: part for part in usage.parts}
    for name in ("10s", "1m", "1h"):
        size = await store.sizes.collection(f"rollups_{name}")
        total = size.bson_bytes * size.disk_per_bson
        assert parts[name].bytes_per_day == pytest.approx(total / days, rel=0.35)


async def test_rules_and_tags_are_reckoned_with(store: Store) -> None:
    await filled(store)
    await store.fleet.record(
        [
            event(
                event="registered",
                process="planner",
                run="ab12cd34-42-777",
                pid=1,
                at_ns=START * 10**9,
                tags={"robot": "arm"},
            )
        ]
    )
    forever = Retain(tags={"robot": "arm"}, keep_raw_days=0)
    policy = Policy({"raw": 1.0, "10s": 1.0, "1m": 1.0, "1h": 1.0}, [forever])

    usage = await measure(store, policy, NOW)

    most = {part.part: part.most_bytes for part in usage.parts}
    assert (None, None) == (usage.most_bytes, most["blocks"])
    assert None is not most["10s"]
    assert usage.full_in_days is not None
    assert usage.full_in_days > 1_000


async def test_a_large_collection_is_sampled_and_it_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Audited(store).keep(
        *(process_batch(slot=NOW - 2_000 + n) for n in range(1_500)),
        *(host_batch(slot=NOW - 2_000 + n) for n in range(500)),
    )
    exact = await measure(store, MONTH, NOW)
    monkeypatch.setattr(sizes, "EXACT_DOCUMENTS_MAX", 1_000)
    monkeypatch.setattr(sizes, "SAMPLE_DOCUMENTS", 400)

    about = await measure(store, MONTH, NOW)

    def samples(usage: Usage) -> list[int]:
        return [each.samples for each in usage.series]

    assert (False, True) == (exact.is_estimate, about.is_estimate)
    assert [3_000, 500] == samples(exact)
    assert samples(exact) == pytest.approx(samples(about), rel=0.35)


async def test_one_host_and_the_largest_can_be_asked_for(store: Store) -> None:
    await filled(store)
    usage = await measure(store, MONTH, NOW)

    found = narrowed(usage, "robot", 2)

    assert ["robot"] == [each.host for each in found.hosts]
    assert ["robot", "robot"] == [each.host for each in found.series]
    assert (usage.bytes, usage.parts) == (found.bytes, found.parts)


async def test_an_empty_database_and_one_that_is_not_there_are_small(
    store: Store, shared_mongo: MongoServer
) -> None:
    async with open_store(shared_mongo.url, "test_never_made") as nowhere:
        for each in (store, nowhere):
            usage = await measure(each, MONTH, NOW)
            assert ([], [], None, 0) == (
                usage.hosts,
                usage.series,
                usage.full_in_days,
                usage.bytes_per_day,
            )
            assert (each is store) == usage.disk.is_known
    assert usage.disk.total_bytes == usage.disk.free_bytes == 0


async def test_what_the_files_take_is_what_the_database_says(store: Store) -> None:
    await filled(store)
    await store._database.client.admin.command("fsync")

    usage = await measure(store, MONTH, NOW)

    said = await store._database.command("dbStats")
    assert usage.bytes == pytest.approx(said["totalSize"], rel=0.05)
