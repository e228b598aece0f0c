"""The durables of exports: made, changed and removed, and nothing held by one gone."""

from __future__ import annotations

import anyio
import pytest
from builders import process_batch
from nats.js import JetStreamContext
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import (
    EXPORTS,
    AckedPublisher,
    Link,
    Puller,
    add_exports,
    measure_depth,
    remove_export,
    remove_unused_exports,
)
from robometrics.broker.provisioning import STREAM
from robometrics.errors import RetryLaterError
from robometrics.schema import encode

ONE = EXPORTS[0]


def js_of(link: Link) -> JetStreamContext:
    return link.require_client().jetstream()


async def publish(link: Link, count: int) -> None:
    async with AckedPublisher.open(link, max_in_flight=4) as publisher:
        for number in range(count):
            future = await publisher.publish(
                subjects.process_samples("robot", "planner"),
                encode(process_batch()),
                message_id=f"m-{number}",
            )
            assert await future


async def consume_all(link: Link, durable: str) -> None:
    puller = Puller(link, durable)
    while await puller.pending():
        for delivery in await puller.fetch(100):
            await delivery.ack()


async def test_without_an_export_there_is_no_durable_for_one(link: Link) -> None:
    assert {"persist", "rollup"} == set((await measure_depth(link)).durables)


async def test_making_one_again_changes_its_age_and_keeps_its_place(link: Link) -> None:
    await add_exports(link, EXPORTS, max_age_seconds=60)
    await publish(link, 2)

    await add_exports(link, EXPORTS, max_age_seconds=120)

    info = await js_of(link).consumer_info(STREAM, ONE)
    assert (120, 2) == (info.config.inactive_threshold, info.num_pending)
    assert set(EXPORTS) < set((await measure_depth(link)).durables)


async def test_what_came_before_it_is_not_for_it(link: Link) -> None:
    await publish(link, 2)

    await add_exports(link, [ONE], max_age_seconds=60)

    assert 0 == (await measure_depth(link)).durables[ONE].waiting


async def test_removing_one_lets_go_what_it_alone_held(link: Link) -> None:
    await add_exports(link, [ONE], max_age_seconds=60)
    await publish(link, 3)
    for durable in ("persist", "rollup"):
        await consume_all(link, durable)

    async def messages() -> int:
        return (await js_of(link).stream_info(STREAM)).state.messages

    assert 3 == await messages()
    await remove_export(link, ONE)
    await remove_export(link, ONE)  # and again, when it is gone

    async def is_empty() -> bool:
        return 0 == await messages()

    await eventually(is_empty)


async def test_an_unused_one_is_removed_and_one_in_use_is_kept(link: Link) -> None:
    used, unused = EXPORTS
    await add_exports(link, EXPORTS, max_age_seconds=60)
    puller = Puller(link, used)

    async def pull_for_ever() -> None:
        while True:
            await puller.fetch(10)

    async with anyio.create_task_group() as tg:
        tg.start_soon(pull_for_ever)

        async def pulls() -> bool:
            return bool((await measure_depth(link)).durables[used].pulls)

        await eventually(pulls)
        found = await remove_unused_exports(link, keep=())
        tg.cancel_scope.cancel()

    assert {used: False, unused: True} == found
    assert {} == await remove_unused_exports(link, keep=[used])


async def test_without_a_broker_each_asks_to_try_later(
    link: Link, nats_server: NatsServer
) -> None:
    nats_server.kill()
    await eventually(lambda: not link.is_up)

    for attempt in (
        add_exports(link, [ONE], max_age_seconds=60),
        remove_export(link, ONE),
        remove_unused_exports(link, keep=()),
    ):
        with pytest.raises(RetryLaterError):
            await attempt
