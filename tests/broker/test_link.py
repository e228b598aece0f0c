"""A connection that comes back, whatever it died of."""

from __future__ import annotations

import asyncio

import anyio
import psutil
import pytest
from nats.aio.client import Client
from servers import NatsServer
from waiting import eventually

from robometrics.broker import Link, Message, ask_once, open_link
from robometrics.errors import RetryLaterError


class Heard:
    """Remembers the data of messages."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    async def note(self, message: Message) -> None:
        self.data.append(message.data)
        if message.reply:
            await message.respond(b"re:" + message.data)


async def heard_again(link: Link, heard: Heard, subject: str, data: bytes) -> None:
    """Publish *data* until it is heard: the first may meet a broken connection."""

    async def once() -> bool:
        try:
            await link.require_client().publish(subject, data)
            await link.require_client().flush(2)
        except Exception:
            return False
        return data in heard.data

    await eventually(once)


async def test_a_server_absent_at_the_start_is_waited_for(
    nats_server: NatsServer,
) -> None:
    nats_server.kill()
    heard = Heard()
    async with open_link(nats_server.url, "test") as link:
        await link.subscribe("early", heard.note)
        with pytest.raises(RetryLaterError, match="no connection to nats://"):
            link.require_client()
        await eventually(lambda: link.last_error)
        assert not link.is_up

        nats_server.start()

        with anyio.fail_after(20):
            await link.wait_up()
        await heard_again(link, heard, "early", b"hello")


async def test_after_a_kill_and_restart_subscriptions_work_again(
    nats_server: NatsServer,
) -> None:
    heard, late = Heard(), Heard()
    async with open_link(nats_server.url, "test") as link:
        client = await link.wait_up()
        await link.subscribe("before", heard.note)
        await heard_again(link, heard, "before", b"1")

        nats_server.kill()
        await eventually(lambda: not link.is_up)
        with pytest.raises(RetryLaterError):
            await link.request("before", b"x", timeout_seconds=1)
        await link.subscribe("meanwhile", late.note)
        nats_server.start()
        await eventually(lambda: link.is_up)

        await heard_again(link, heard, "before", b"2")
        await heard_again(link, late, "meanwhile", b"3")
        assert link.client is client


async def test_a_client_closed_by_a_server_error_is_replaced(
    nats_server: NatsServer,
) -> None:
    """nats-py gives up for good: it checks the payload's size without its headers."""
    heard = Heard()
    async with open_link(nats_server.url, "test") as link:
        first = await link.wait_up()
        await link.subscribe("subject", heard.note)

        too_much = bytes(first.max_payload)
        await first.publish("subject", too_much, headers={"Nats-Msg-Id": "x"})
        await eventually(lambda: first.is_closed)
        await eventually(lambda: link.is_up and link.client is not first)

        await heard_again(link, heard, "subject", b"after")


async def test_a_deaf_client_is_noticed_and_reconnects(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connected by its own account, and reading nothing: only an echo tells."""
    monkeypatch.setattr("robometrics.broker.link.ECHO_EVERY_SECONDS", 0.05)
    monkeypatch.setattr("robometrics.broker.link.ECHO_WITHIN_SECONDS", 0.2)
    heard = Heard()
    async with open_link(nats_server.url, "test") as link:
        client: Client = await link.wait_up()
        await link.subscribe("subject", heard.note)
        assert client._reading_task is not None
        client._reading_task.cancel()

        await eventually(lambda: "does not answer" in link.last_error)

        await eventually(lambda: link.is_up)
        await heard_again(link, heard, "subject", b"after")


async def test_an_unsubscribed_handler_hears_nothing_more(link: Link) -> None:
    gone, stays = Heard(), Heard()
    subscription = await link.subscribe("subject", gone.note)
    await link.subscribe("subject", stays.note)

    await link.unsubscribe(subscription)

    await heard_again(link, stays, "subject", b"1")
    assert [] == gone.data


async def test_a_request_brings_the_reply_or_none(link: Link) -> None:
    await link.subscribe("there", Heard().note)

    assert b"re:x" == await link.request("there", b"x", timeout_seconds=5)
    assert None is await link.request("nobody", b"x", timeout_seconds=5)


async def test_a_request_nobody_replies_to_is_to_be_tried_again(link: Link) -> None:
    async def silent(_: Message) -> None:
        return

    await link.subscribe("silent", silent)

    with pytest.raises(RetryLaterError, match="no reply on silent"):
        await link.request("silent", b"x", timeout_seconds=0.05)


async def test_asking_once_brings_the_first_reply(link: Link) -> None:
    await link.subscribe("second", Heard().note)

    answer = await ask_once(
        link.url, ["first", "second", "third"], b"x", timeout_seconds=2
    )

    assert b"re:x" == answer


async def test_asking_once_with_nobody_there_brings_none_at_once(
    nats_server: NatsServer,
) -> None:
    with anyio.fail_after(2):
        assert None is await ask_once(
            nats_server.url, ["a", "b"], b"x", timeout_seconds=10
        )


async def test_asking_once_without_a_broker_brings_none(
    nats_server: NatsServer,
) -> None:
    nats_server.kill()

    with anyio.fail_after(5):
        assert None is await ask_once(nats_server.url, ["a"], b"x", timeout_seconds=1)


@pytest.mark.parametrize("url", ["nats://h:port", "nats://", "nats://h:99999"])
async def test_a_url_nobody_can_use_is_told_and_ends_nothing(url: str) -> None:
    async with open_link(url, "test") as link:
        await eventually(lambda: "invalid" in link.last_error)

        with pytest.raises(RetryLaterError, match="invalid"):
            link.require_client()


async def test_a_closed_link_leaves_no_task_behind(nats_server: NatsServer) -> None:
    before = asyncio.all_tasks()
    async with open_link(nats_server.url, "test") as link:
        await link.wait_up()
        await link.subscribe("subject", Heard().note)

    await eventually(lambda: asyncio.all_tasks() == before)
    assert not link.is_up


async def test_a_connect_given_up_leaves_no_socket_open(
    nats_server: NatsServer,
) -> None:
    """A frozen server takes the connection and says nothing; warnings are errors."""
    nats_server.freeze()
    try:
        async with open_link(nats_server.url, "test") as link:
            supervised = asyncio.create_task(link.wait_up())
            await eventually(lambda: connections_to(nats_server.port))
            supervised.cancel()
        await eventually(lambda: not connections_to(nats_server.port))
    finally:
        nats_server.thaw()


def connections_to(port: int) -> int:
    """Return how many sockets of this process are connected to *port*."""
    found = psutil.Process().net_connections("tcp")
    return sum(1 for each in found if each.raddr and each.raddr.port == port)


async def test_a_link_closed_while_it_connects_is_closed(
    nats_server: NatsServer,
) -> None:
    """A connect that is just done swallows the first cancellation, on Python 3.11."""
    with anyio.fail_after(20):
        for turns in range(300):
            async with open_link(nats_server.url, "test"):
                for _ in range(turns // 4):
                    await asyncio.sleep(0)
