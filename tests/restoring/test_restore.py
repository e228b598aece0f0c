"""What a backup holds is whole after a restore, and what it lacks is named."""

from __future__ import annotations

import pytest
from audited import MINUTE, minutes
from builders import tally
from consumers.consuming import publish, run_until_drained
from servers import NatsServer
from upgrades.golden_documents import Documents, documents_of, put

from robometrics import subjects
from robometrics.broker import Link, provision
from robometrics.broker.provisioning import STREAM
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.schema import encode
from robometrics.store import Store
from robometrics.store.auditing import audit
from robometrics.store.report import Report

from .snapshots import bring_back, save_stream


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to come is there already."""
    monkeypatch.setattr("robometrics.consumers.rollup.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.broker.consumer.FETCH_SECONDS", 0.1)


class Site:
    """A host, a broker, a server and a database; each minute is one message more."""

    def __init__(self, link: Link, store: Store) -> None:
        self.link = link
        self.store = store

    async def measure(self, minute: int) -> None:
        """Have the stream acknowledge what a host took in *minute*, and its account."""
        taken = minutes(1, MINUTE + 60 * minute)
        samples = [
            (subjects.samples(each.host, each.kind, each.name), encode(each))
            for each in taken
        ]
        account = encode(tally(*taken, sequence=minute + 1))
        await publish(self.link, *samples, (subjects.events("robot"), account))

    async def consume(self) -> None:
        await run_until_drained(self.link, self.store, persist, rollup)

    async def dump(self) -> Documents:
        return await documents_of(self.store)

    async def load(self, dump: Documents) -> None:
        for name in await self.dump():
            await self.store._database[name].drop()
        await self.store.prepare()
        await put(self.store, dump)

    async def lose_stream(self) -> None:
        await self.link.require_client().jetstream().delete_stream(STREAM)

    async def provision(self) -> None:
        await provision(self.link, max_bytes=64 << 20, replicas=1)

    async def audit(self, minutes: int) -> Report:
        return await audit(
            self.store, "robot", MINUTE, MINUTE + 60 * minutes, on_its_way=0
        )


@pytest.fixture
def site(link: Link, store: Store) -> Site:
    return Site(link, store)


async def test_database_and_stream_saved_while_consumers_rest_lack_nothing(
    site: Site, nats_server: NatsServer
) -> None:
    await site.measure(0)
    await site.consume()
    await site.measure(1)
    dump, snapshot = await site.dump(), await save_stream(nats_server.url)
    await site.measure(2)
    await site.consume()
    assert "clean" == (await site.audit(3)).state

    await site.lose_stream()
    await site.load(dump)
    await bring_back(nats_server.url, snapshot)
    await site.provision()
    await site.consume()

    found = await site.audit(2)
    assert ("clean", 2) == (found.state, found.tallies)
    # What was acknowledged since, nobody has. The host goes on, and that shows it.
    await site.measure(3)
    await site.consume()
    found = await site.audit(4)
    [missing] = found.missing_tallies
    assert ("unexplained", 3, 3, 60) == (
        found.state,
        missing.first,
        missing.last,
        found.holes_slots,
    )


async def test_of_a_database_without_its_stream_what_waited_there_is_named(
    site: Site,
) -> None:
    await site.measure(0)
    await site.consume()
    await site.measure(1)
    dump = await site.dump()

    await site.lose_stream()
    await site.load(dump)
    await site.provision()
    assert "clean" == (await site.audit(1)).state
    await site.measure(2)
    await site.consume()

    found = await site.audit(3)
    [missing] = found.missing_tallies
    assert ("unexplained", 2, 2) == (found.state, missing.first, missing.last)


async def test_a_stream_older_than_the_database_counts_nothing_twice(
    site: Site, nats_server: NatsServer
) -> None:
    await site.measure(0)
    snapshot = await save_stream(nats_server.url)
    await site.consume()
    await site.measure(1)
    await site.consume()
    before = await site.audit(2)

    await site.lose_stream()
    await bring_back(nats_server.url, snapshot)
    await site.provision()
    await site.consume()

    assert "clean" == before.state
    assert before == await site.audit(2)
