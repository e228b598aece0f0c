"""A database is prepared once, however often, by how many, and whatever is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest
from nats.js.errors import NotFoundError
from servers import MongoServer, NatsServer

from robometrics.broker import open_link
from robometrics.broker.provisioning import STREAM
from robometrics.cli.server import server
from robometrics.errors import RetryLaterError, SettingsError
from robometrics.settings import ServerSettings
from robometrics.store import Store, open_store
from robometrics.store.formats import COLLECTION, FORMAT

from .golden_documents import documents_of, exactly, put, read_golden


@pytest.fixture
async def bare(shared_mongo: MongoServer, database_name: str) -> AsyncIterator[Store]:
    """A database that nobody has prepared."""
    async with open_store(shared_mongo.url, f"{database_name}_bare") as opened:
        yield opened


async def indexes(store: Store) -> dict[str, set[str]]:
    database = store._database
    return {
        name: {*await database[name].index_information()}
        for name in await database.list_collection_names()
    }


async def assert_prepared(store: Store, like: Store) -> None:
    assert [] == (await store.inspect()).missing
    assert await indexes(like) == {
        name: found
        for name, found in (await indexes(store)).items()
        if name in await indexes(like)
    }


async def test_twice_is_once(store: Store, bare: Store) -> None:
    await bare.prepare()
    await bare.prepare()

    await assert_prepared(bare, like=store)


async def test_many_servers_at_once_are_one(store: Store, bare: Store) -> None:
    await asyncio.gather(*(bare.prepare() for _ in range(4)))

    await assert_prepared(bare, like=store)
    assert 1 == await bare._database[COLLECTION].count_documents({})


async def test_cut_short_anywhere_it_is_finished_by_the_next(
    store: Store, bare: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Store._create_clustered

    async def dies(self: Store, name: str) -> None:
        if name in await self._database.list_collection_names():
            return
        await create(self, name)
        raise RetryLaterError("the server was killed")

    steps = 0
    with monkeypatch.context() as patch:
        patch.setattr(Store, "_create_clustered", dies)
        while (await bare.inspect()).missing:
            with pytest.raises(RetryLaterError):
                await bare.prepare()
            steps += 1
    await bare.prepare()

    assert steps > 3
    await assert_prepared(bare, like=store)


async def test_what_an_older_release_left_stays_as_it_is(
    store: Store, bare: Store
) -> None:
    """Documents without indexes, and without a mark: it knew of none."""
    documents = read_golden("v1")
    del documents[COLLECTION]
    await bare.prepare()
    for name in await bare._database.list_collection_names():
        await bare._database[name].drop_indexes()
    await put(bare, documents)
    await bare._database[COLLECTION].drop()

    await bare.prepare()
    await bare.prepare()

    await assert_prepared(bare, like=store)
    found = await documents_of(bare)
    assert [{"_id": "format", "version": FORMAT}] == found.pop(COLLECTION)
    for each in (documents, found):
        del each["trials"]  # these MongoDB deletes by their age
    assert documents.keys() == found.keys()
    for name, as_left in documents.items():
        assert exactly(as_left) == exactly(found[name])


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(
    bare: Store,
) -> None:
    mark: dict[str, Any] = {"_id": "format", "version": FORMAT + 1, "more": "of it"}
    await bare._database[COLLECTION].insert_one(mark)

    with pytest.raises(SettingsError, match=r"newer release \(format 2, this"):
        await bare.prepare()

    assert {COLLECTION: [mark]} == await documents_of(bare)


async def test_an_older_server_refuses_it_before_it_touches_the_stream(
    site: ServerSettings, nats_server: NatsServer
) -> None:
    async with open_store(site.mongo_url, site.mongo_database) as newer:
        mark = {"_id": "format", "version": FORMAT + 1}
        await newer._database[COLLECTION].insert_one(mark)

    with (
        anyio.fail_after(20),
        pytest.RaisesGroup(SettingsError, flatten_subgroups=True),
    ):
        await server(msgspec.structs.replace(site, roles=("persist",)), anyio.Event())

    async with open_link(nats_server.url, "test") as link:
        await link.wait_up()
        with pytest.raises(NotFoundError):
            await link.require_client().jetstream().stream_info(STREAM)


async def test_the_mark_of_an_older_release_grows(bare: Store) -> None:
    await bare._database[COLLECTION].insert_one({"_id": "format", "version": 0})

    await bare.prepare()

    [mark] = await bare._database[COLLECTION].find().to_list(None)
    assert FORMAT == mark["version"]
