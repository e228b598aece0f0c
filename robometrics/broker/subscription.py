"""A subject that is listened to, on whichever client there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as ClientSubscription

from robometrics.broker.client import LastingClient
from robometrics.broker.parsing import Receive

Message = Msg
Handler = Callable[[Msg], Awaitable[None]]


class Subscription:
    """One subject of a ``Link``; made anew on every new client."""

    def __init__(
        self, subject: str, handler: Handler, pending_messages: int, group: str
    ) -> None:
        self.subject = subject
        self.handler = handler
        self.group = group
        self.pending_messages = pending_messages
        self.active: ClientSubscription | None = None

    async def attach(self, client: LastingClient) -> None:
        self.active = await client.subscribe(
            self.subject,
            queue=self.group,
            cb=self.handler,
            pending_msgs_limit=self.pending_messages,
            pending_bytes_limit=64 * 1024 * 1024,
        )


class DirectSubscription(Subscription):
    """One whose messages are handed over as they come, before anything is parsed."""

    def __init__(self, subject: str, receive: Receive) -> None:
        super().__init__(subject, _ignore, 1, "")
        self._receive = receive

    async def attach(self, client: LastingClient) -> None:
        await super().attach(client)
        if self.active is not None:
            client.receivers[self.active._id] = self._receive  # noqa: SLF001  no other


async def _ignore(_: Msg) -> None:
    return None
