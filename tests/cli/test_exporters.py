"""Role export as its own process: provisioned, killed, started again, switched off."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from builders import event, process_batch
from consumers.receivers import Answer, OtlpServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, add_exports, measure_depth
from robometrics.broker.exports import export_config
from robometrics.broker.provisioning import STREAM
from robometrics.cli.server import server
from robometrics.errors import SettingsError
from robometrics.schema import encode
from robometrics.settings import ServerSettings
from robometrics.store import Store

DURABLE = "export_otlp"


@pytest.fixture
def otlp() -> Iterator[OtlpServer]:
    taker = OtlpServer()
    taker.start()
    yield taker
    taker.stop()
    assert [] == taker.mistakes


@contextlib.contextmanager
def started(command: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "robometrics", command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def flags(site: ServerSettings) -> list[str]:
    return [
        f"--nats-url={site.nats_url}",
        f"--mongo-url={site.mongo_url}",
        f"--mongo-database={site.mongo_database}",
        f"--stream-max-bytes={site.stream_max_bytes}",
    ]


async def publish(link: Link, store: Store, slot: int) -> None:
    batch = process_batch(slot=slot, run=f"ab12cd34-42-{slot}")
    await store.fleet.record(
        [
            event(
                id=f"e-{slot}",
                event="registered",
                process=batch.process,
                run=batch.run,
                at_ns=slot * 10**9,
            )
        ]
    )
    async with AckedPublisher.open(link, max_in_flight=1) as publisher:
        subject = subjects.process_samples(batch.host, batch.process)
        sent = await publisher.publish(subject, encode(batch), message_id=f"m-{slot}")
        assert await sent


async def has_durable(link: Link) -> bool:
    return DURABLE in (await measure_depth(link)).durables


@pytest.mark.timeout(120)
async def test_a_killed_exporter_process_loses_nothing(
    link: Link, store: Store, site: ServerSettings, otlp: OtlpServer
) -> None:
    slot = int(time.time()) // 10 * 10 - 100
    otlp.answers = [Answer(503)] * 10_000
    options = [*flags(site), "--roles=export", f"--export-otlp-url={otlp.url}"]

    with started("server", *options):
        await eventually(lambda: has_durable(link))
        # What it holds when it is killed comes back after a second, and not half a
        # minute.
        config = export_config(DURABLE, max_age_seconds=600).evolve(ack_wait=1)
        await link.require_client().jetstream().add_consumer(STREAM, config)
        await publish(link, store, slot)
        await eventually(lambda: otlp.request_times)
    # Killed, with the message in its hands; this one comes while nobody is there.
    await publish(link, store, slot + 10)
    otlp.answers = []
    assert [] == otlp.taken

    with started("server", *options):
        # It sets the durable's time right again: from then on half a minute, maybe.
        await eventually(
            lambda: len(otlp.points("robometrics.thread_count")) == 2, seconds=75
        )
    assert {slot, slot + 10} == {
        point.time_unix_nano // 10**9
        for _, _, point in otlp.points("robometrics.thread_count")
    }


@pytest.mark.parametrize("is_there", [False, True])
async def test_provision_makes_the_durable_that_is_wanted_and_removes_it_after(
    link: Link, store: Store, site: ServerSettings, is_there: bool
) -> None:
    if is_there:
        await add_exports(link, [DURABLE], max_age_seconds=60)
    wanted = ["--roles=export,persist", "--export-otlp-url=http://h/v1/metrics"]

    async def provision(*options: str) -> str:
        command = [sys.executable, "-m", "robometrics", "provision", *flags(site)]
        done = await anyio.run_process([*command, *options])
        return done.stdout.decode()

    assert DURABLE not in await provision(*wanted)
    assert await has_durable(link)
    assert f"{DURABLE}: removed" in await provision()
    assert not await has_durable(link)
    assert DURABLE not in await provision()


async def test_a_server_of_other_roles_leaves_the_durable_alone(
    link: Link, site: ServerSettings
) -> None:
    """Roles may be spread over processes, and each starts when it likes."""
    await add_exports(link, [DURABLE], max_age_seconds=60)

    with started("server", *flags(site), "--roles=persist"):

        async def persists() -> bool:
            return bool((await measure_depth(link)).durables["persist"].pulls)

        await eventually(persists)
        assert await has_durable(link)


async def test_a_role_without_a_target_refuses_to_start(site: ServerSettings) -> None:
    settings = ServerSettings(
        nats_url=site.nats_url, mongo_url=site.mongo_url, roles=("export",)
    )

    with pytest.RaisesGroup(
        pytest.RaisesExc(SettingsError, match="nowhere to send"), flatten_subgroups=True
    ):
        await server(settings, anyio.Event())
