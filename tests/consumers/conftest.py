"""Consumers that wait for nothing which is there already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import MongoServer, NatsServer

from robometrics.broker import Link
from robometrics.consumers.export.exporter import Exporter
from robometrics.consumers.export.options import make_exporters
from robometrics.settings import ServerSettings
from robometrics.store import Store, open_store

from .exporting import Make
from .receivers import OtlpServer, PrometheusServer


@pytest.fixture(autouse=True)
def _no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to come is there already."""
    monkeypatch.setattr("robometrics.consumers.rollup.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.broker.consumer.FETCH_SECONDS", 0.1)


@pytest.fixture
async def breakable(
    mongo_server: MongoServer, database_name: str
) -> AsyncIterator[Store]:
    """The store in a database that a test may kill."""
    async with open_store(
        f"{mongo_server.url}/?serverSelectionTimeoutMS=300", database_name
    ) as store:
        await store.prepare()
        yield store


@pytest.fixture
def otlp() -> Iterator[OtlpServer]:
    server = OtlpServer()
    server.start()
    yield server
    server.stop()
    assert [] == server.mistakes


@pytest.fixture
def prom(tmp_path: Path) -> Iterator[PrometheusServer]:
    server = PrometheusServer(tmp_path / "prometheus")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def exporters(
    link: Link, store: Store, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> Make:
    """Make exporters of options; they wait for nothing that does not come."""
    monkeypatch.setattr("robometrics.consumers.export.exporter.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.consumers.loop.LAST_DELAY_SECONDS", 0.3)

    def make(**options: Any) -> list[Exporter]:
        settings = ServerSettings(
            nats_url=nats_server.url, roles=("export",), **options
        )
        return make_exporters(settings, link, store)

    return make
