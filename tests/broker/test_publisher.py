"""Every message has an outcome, in bounded time, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import signal
import time

import anyio
import pytest
from servers import NatsServer
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, Puller, provision
from robometrics.broker import publisher as module
from robometrics.errors import RetryLaterError

SUBJECT = subjects.host_samples("robot")


def thaw(server: NatsServer) -> None:
    assert server.process is not None
    server.process.send_signal(signal.SIGCONT)


async def outcome(future: asyncio.Future[bool]) -> bool | str:
    try:
        return await future
    except RetryLaterError as exc:
        return str(exc)


async def test_a_message_in_the_stream_is_acknowledged(link: Link) -> None:
    async with AckedPublisher.open(link, max_in_flight=2) as publisher:
        future = await publisher.publish(SUBJECT, b"data", message_id="m-1")

        with anyio.fail_after(5):
            assert True is await future

    [delivery] = await Puller(link, "persist").fetch(1)
    assert (SUBJECT, b"data") == (delivery.subject, delivery.data)


async def test_the_same_message_id_is_told_as_a_duplicate(link: Link) -> None:
    async with AckedPublisher.open(link, max_in_flight=2) as publisher:
        sent = [
            await (await publisher.publish(SUBJECT, b"x", message_id=name))
            for name in ("m-1", "m-1", "m-2")
        ]

    assert [True, False, True] == sent
    assert 2 == await Puller(link, "persist").pending()


async def test_more_than_the_permits_go_through_in_order(link: Link) -> None:
    count = 500
    async with AckedPublisher.open(link, max_in_flight=16) as publisher:
        futures = []
        for number in range(count):
            futures.append(
                await publisher.publish(SUBJECT, b"x", message_id=f"m-{number}")
            )
            assert publisher.in_flight <= 16

        assert [True] * count == [await future for future in futures]
        assert 0 == publisher.in_flight


async def test_a_full_stream_refuses_and_takes_again_once_there_is_room(
    link: Link,
) -> None:
    await provision(link, max_bytes=1 << 20, replicas=1)
    puller = Puller(link, "persist"), Puller(link, "rollup")
    data = bytes(200_000)
    async with AckedPublisher.open(link, max_in_flight=2) as publisher:
        results: list[bool | str] = []
        for number in range(8):
            future = await publisher.publish(SUBJECT, data, message_id=f"m-{number}")
            results.append(await outcome(future))
        refused = results.index("maximum bytes exceeded (10077)")
        assert [True] * refused == results[:refused]
        assert 4 <= refused <= 6

        for one in puller:
            for delivery in await one.fetch(10):
                await delivery.ack()
        await eventually(lambda: _is_empty(link))

        again = await publisher.publish(SUBJECT, data, message_id=f"m-{refused}")
        assert True is await outcome(again)


async def _is_empty(link: Link) -> bool:
    info = await link.require_client().jetstream().stream_info("ROBOMETRICS")
    return not info.state.messages


async def test_a_message_too_large_is_refused_and_costs_no_permit(link: Link) -> None:
    async with AckedPublisher.open(link, max_in_flight=1) as publisher:
        for number in range(3):
            large = await publisher.publish(
                SUBJECT, bytes(300_000), message_id=f"m-{number}"
            )
            assert "message size exceeds" in str(await outcome(large))
            huge = await publisher.publish(SUBJECT, bytes(2 << 20), message_id="h")
            assert "not sent: MaxPayloadError()" == await outcome(huge)

            # Headers count as well: for one byte more the server hangs up for good.
            edge = await publisher.publish(
                SUBJECT, bytes((1 << 20) - 8), message_id="edge"
            )
            assert "not sent: MaxPayloadError()" == await outcome(edge)

        good = await publisher.publish(SUBJECT, b"x", message_id="good")
        assert True is await outcome(good)
        assert 1 == link.sessions


async def test_a_message_no_stream_takes_is_refused(link: Link) -> None:
    async with AckedPublisher.open(link, max_in_flight=1) as publisher:
        for _ in range(2):
            future = await publisher.publish(
                "robometrics.v2.samples.robot", b"x", message_id="m-1"
            )

            with anyio.fail_after(5):
                assert "no stream takes this subject: is the server provisioned?" == (
                    await outcome(future)
                )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> float:
    """Wait half a second for acknowledgements instead of five."""
    monkeypatch.setattr(module, "ACK_WITHIN_SECONDS", 0.5)
    return 0.5


async def test_a_killed_server_resolves_every_future_and_keeps_every_permit(
    link: Link, nats_server: NatsServer, quick: float
) -> None:
    """nats-py's own publisher loses a permit for each, until nothing moves."""
    in_flight = 8
    async with AckedPublisher.open(link, max_in_flight=in_flight) as publisher:
        for round_ in range(2):
            nats_server.freeze()
            futures = [
                await publisher.publish(SUBJECT, b"x", message_id=f"{round_}-{n}")
                for n in range(in_flight)
            ]
            assert in_flight == publisher.in_flight
            nats_server.kill()

            began = time.monotonic()
            with anyio.fail_after(10):
                results = [await outcome(future) for future in futures]
            assert time.monotonic() - began < 3 * quick
            assert {"no acknowledgement in time"} == set(results)
            assert 0 == publisher.in_flight

            nats_server.start()
            await eventually(lambda: link.is_up)
            again = []
            with anyio.fail_after(10):  # a lost permit would hang here
                for number in range(in_flight):
                    name = f"again-{round_}-{number}"
                    future = await publisher.publish(SUBJECT, b"x", message_id=name)
                    again.append(future)
                assert [True] * in_flight == [await outcome(f) for f in again]


async def test_without_a_connection_it_fails_at_once_and_costs_no_permit(
    link: Link, nats_server: NatsServer
) -> None:
    nats_server.kill()
    await eventually(lambda: not link.is_up)

    async with AckedPublisher.open(link, max_in_flight=1) as publisher:
        with anyio.fail_after(1):
            for _ in range(3):
                future = await publisher.publish(SUBJECT, b"x", message_id="m-1")
                assert "no connection" in str(await outcome(future))


async def test_a_publisher_waiting_for_a_permit_can_be_cancelled(
    link: Link, nats_server: NatsServer
) -> None:
    async with AckedPublisher.open(link, max_in_flight=1) as publisher:
        nats_server.freeze()
        held = await publisher.publish(SUBJECT, b"x", message_id="m-1")
        with anyio.move_on_after(0.05) as scope:
            await publisher.publish(SUBJECT, b"x", message_id="m-2")
        assert scope.cancelled_caught

        thaw(nats_server)
        with anyio.fail_after(5):
            assert True is await outcome(held)
            third = await publisher.publish(SUBJECT, b"x", message_id="m-3")
            assert True is await outcome(third)


async def test_what_is_in_flight_at_the_end_fails(
    link: Link, nats_server: NatsServer
) -> None:
    async with AckedPublisher.open(link, max_in_flight=4) as publisher:
        nats_server.freeze()
        futures = [
            await publisher.publish(SUBJECT, b"x", message_id=f"m-{n}")
            for n in range(4)
        ]
    thaw(nats_server)

    assert {"no acknowledgement in time"} == {await outcome(f) for f in futures}
