"""Documents of each release are read, gone on with, and never guessed at."""

from __future__ import annotations

from typing import Any

import pytest
from audited import Audited
from rollup_oracle import recomputed

from robometrics.errors import DiscardMessageError
from robometrics.schema import AnyBatch
from robometrics.store import RESOLUTIONS, Series, Store
from robometrics.store.report import Report

from .fed import (
    BROWSER,
    HOUR,
    NOW,
    SCRAPPED,
    SERIES,
    TOKEN,
    events,
    fed,
    keep_house,
    of_hour,
)
from .golden_documents import VERSIONS, documents_of, read_golden

PLANNER = SERIES[1]
ALL_TIME = (HOUR - 86_400, NOW + 86_400)
LATE = HOUR + 1_800
"""A second of the first hour, of which nothing is stored."""


def of(series: Series, batches: list[AnyBatch]) -> list[AnyBatch]:
    found = [b for b in batches if series == (b.host, b.kind, b.name)]
    return sorted(found, key=lambda batch: (batch.slot, batch.generation))


async def assert_whole(store: Store, sent: list[AnyBatch]) -> None:
    """Check each batch, and each window of each resolution."""
    for series in SERIES:
        mine = of(series, sent)
        assert mine == [batch async for batch in store.batches.read(series, *ALL_TIME)]
        for resolution in RESOLUTIONS:
            windows = store.rollups.read(series, resolution, *ALL_TIME)
            found = sorted(
                [window async for window in windows],
                key=lambda each: (each.run, each.generation, each.start),
            )
            assert recomputed(mine, resolution) == found


async def audit(store: Store) -> Report:
    return await Audited(store).audit(HOUR, NOW)


async def test_what_a_release_stored_is_read_as_it_was_sent(old: Store) -> None:
    await assert_whole(old, fed())


async def test_it_is_audited_as_what_is_stored_today(old: Store, today: Store) -> None:
    found = await audit(old)

    assert await audit(today) == found
    assert (0, 0, 0, [], []) == (
        found.late - found.holes_slots,
        found.wrong,
        found.untallied,
        found.missing_tallies,
        found.missing_events,
    )
    assert 2 * len(of(PLANNER, of_hour(HOUR))) == sum(
        each.stored for each in found.runs if each.name == PLANNER.name
    )


async def test_its_fleet_events_and_letters_are_told_as_today(
    old: Store, today: Store
) -> None:
    async def told(store: Store) -> list[Any]:
        letters = await store.dead_letters.latest(9)
        held = await store.lease("housekeeping").read()
        assert held is not None
        return [
            await store.fleet.hosts(),
            await store.fleet.processes(),
            await store.fleet.gpus(),
            await store.fleet.runs("robot", limit=9),
            [tally async for tally in store.tallies.read("robot", *ALL_TIME)],
            [(each.id, each.subject, each.reason, each.data) for each in letters],
            (held.holder, held.said),
        ]

    found = await told(old)

    assert await told(today) == found
    assert all(found)
    assert len(events()) == await old._database["events"].count_documents({})


async def test_who_was_let_in_still_is(old: Store) -> None:
    token, session = await old.tokens.find(TOKEN), await old.sessions.find(BROWSER)
    [deed] = await old.deeds.latest(9)

    assert token
    assert session
    assert ("me", "admin") == (token.name, token.scope)
    assert (TOKEN, "login") == (session.token_digest, deed.what)


async def test_what_comes_again_counts_once_and_what_comes_late_is_added(
    old: Store,
) -> None:
    late = [batch for batch in of_hour(LATE) if batch.slot < LATE + 60]
    audited = Audited(old)

    await audited.keep(*fed())
    await audited.keep(*late)
    await assert_whole(old, [*fed(), *late])

    await keep_house(old)
    await keep_house(old, NOW + 3_600)
    await assert_whole(old, [*fed(), *late])
    assert 0 == await old._database["batches"].count_documents({})


async def test_what_a_release_deleted_is_not_taken_for_lost(old: Store) -> None:
    scrapped = Series(SCRAPPED, "host", "")
    slot = HOUR - 10 * 86_400

    assert [] == [b async for b in old.batches.read(scrapped, slot - 9, slot + 9)]
    marks = await old.marks.read(scrapped)
    assert marks.before("raw") > slot


async def test_every_collection_and_field_of_today_is_in_the_golden_documents(
    today: Store,
) -> None:
    """If not, record them as a new version; those of the older ones stay."""

    def shapes(documents: dict[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
        return {
            name: {field for each in found for field in each}
            for name, found in documents.items()
        }

    assert shapes(read_golden(VERSIONS[-1])) == shapes(await documents_of(today))


@pytest.mark.parametrize(
    ("collection", "change", "problem"),
    [
        ("blocks", {"version": 2}, "version 2; known is 1"),
        ("batches", {"layout": "2 1 p4 load_1m/f"}, "not a layout of version 1"),
    ],
)
async def test_a_document_of_a_later_version_is_named_and_left_alone(
    old: Store, collection: str, change: dict[str, Any], problem: str
) -> None:
    documents = old._database[collection]
    wanted = {"host": "robot", "kind": "process", "name": "planner"}
    await documents.update_one(wanted, {"$set": change})
    before = await documents.find_one(wanted | change)
    assert before is not None

    with pytest.raises(DiscardMessageError, match=problem):
        _ = [batch async for batch in old.batches.read(PLANNER, *ALL_TIME)]
    await Audited(old).keep(*fed())
    await keep_house(old, NOW + 3_600)

    assert before == await documents.find_one({"_id": before["_id"]})
    others = [series for series in SERIES if series != PLANNER]
    for series in others:
        found = [batch async for batch in old.batches.read(series, *ALL_TIME)]
        assert of(series, fed()) == found


async def test_rows_of_a_later_version_are_named_and_left_alone(old: Store) -> None:
    blocks = old._database["rollups_1m"]
    block = await blocks.find_one({"name": "planner"})
    [key, *_] = block["m"]
    later = bytes([2]) + bytes(block["m"][key])[1:]
    await blocks.update_one({"_id": block["_id"]}, {"$set": {f"m.{key}": later}})
    before = await blocks.find_one({"_id": block["_id"]})

    with pytest.raises(DiscardMessageError, match="version 2"):
        _ = [w async for w in old.rollups.read(PLANNER, "1m", *ALL_TIME)]

    assert before == await blocks.find_one({"_id": block["_id"]})
