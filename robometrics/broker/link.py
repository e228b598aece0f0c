"""A NATS connection that outlives what nats-py itself does not.

nats-py closes for good on most server errors, and can stay connected but deaf (its
read loop dies on a late PONG). So a supervisor builds a new client whenever one
closed, and a watchdog sends an echo through the server and forces a reconnect when it
does not come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from robometrics.address import BrokerAddress, as_address
from robometrics.broker.access import (
    connect_options,
    explained,
    inbox_of,
    is_refusal,
    is_violation,
)
from robometrics.broker.client import LastingClient
from robometrics.broker.parsing import Receive
from robometrics.broker.subscription import DirectSubscription, Handler, Subscription
from robometrics.errors import RetryLaterError, SettingsError

log = logging.getLogger(__name__)

ECHO_EVERY_SECONDS = 5.0
ECHO_WITHIN_SECONDS = 4.0
LAST_RETRY_SECONDS = 1.0
REBUILD_SECONDS = 60.0
CANCEL_AGAIN_SECONDS = 0.1
VIOLATION_SECONDS = 600.0
"""What is not permitted is tried again every second, on one subject and another."""

REFUSED_RETRY_FACTOR = 5.0
"""Hosts that are not let in any more must not keep the broker busy."""

DOWN_ERRORS = (NatsError, OSError, TimeoutError, asyncio.TimeoutError, EOFError)
"""What any call on a client may raise while the server is away."""


class Link:
    """One supervised connection. Use ``open_link``; ``client`` may change any time."""

    def __init__(self, where: BrokerAddress | str, name: str) -> None:
        self._address = as_address(where)
        self.url = self._address.shown
        """For messages: without a password."""

        self.name = name
        self.client: LastingClient | None = None
        self.inbox = f"{inbox_of(self._address)}.{random.getrandbits(96):x}"
        self.sessions = 0
        """Connections made so far: a new one may be to a server that lost its disk."""

        self.last_error = ""
        self._up = asyncio.Event()
        self._closed = asyncio.Event()
        self._subscriptions: set[Subscription] = set()
        self._attempt = 0
        self._is_refused = False
        self._violation_at = -VIOLATION_SECONDS

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    @property
    def has_identity(self) -> bool:
        """Whether the broker is told who this is."""
        return bool(self._address.credentials_file)

    async def wait_up(self) -> LastingClient:
        """Wait until connected; return the client that is."""
        while True:
            await self._up.wait()
            if self.client is not None:
                return self.client

    def require_client(self) -> LastingClient:
        """Return the connected client.

        Raises:
            RetryLaterError: There is none now.
        """
        if self.client is None or not self._up.is_set():
            where = self.url or "a broker"
            raise RetryLaterError(f"no connection to {where}: {self.last_error}")
        return self.client

    async def subscribe(
        self,
        subject: str,
        handler: Handler,
        *,
        pending_messages: int = 65_536,
        group: str = "",
    ) -> Subscription:
        """Call *handler* for every message on *subject*, across reconnects.

        Of the members of a *group* one gets each message. *handler* must only enqueue:
        nats-py drops what piles up behind it.
        """
        subscription = Subscription(subject, handler, pending_messages, group)
        return await self._attach(subscription)

    async def subscribe_directly(self, subject: str, receive: Receive) -> Subscription:
        """Call *receive* for every message on *subject*, across reconnects.

        It is called inside the read loop: it must return at once, and never raise.
        """
        return await self._attach(DirectSubscription(subject, receive))

    async def _attach(self, subscription: Subscription) -> Subscription:
        self._subscriptions.add(subscription)
        if self.client is not None and not self.client.is_closed:  # it may reconnect
            with contextlib.suppress(*DOWN_ERRORS):
                await subscription.attach(self.client)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        if subscription.active is not None:
            with contextlib.suppress(*DOWN_ERRORS):
                await subscription.active.unsubscribe()

    async def request(
        self, subject: str, data: bytes, *, timeout_seconds: float
    ) -> bytes | None:
        """Return the first reply, or ``None`` if nobody listens on *subject*.

        Raises:
            RetryLaterError: Not connected, or no reply in time.
        """
        client = self.require_client()
        try:
            reply = await client.request(subject, data, timeout=timeout_seconds)
        except NoRespondersError:
            return None
        except DOWN_ERRORS as exc:
            raise RetryLaterError(f"no reply on {subject}: {exc!r}") from exc
        return reply.data

    async def gather(self, subject: str, data: bytes, *, seconds: float) -> list[bytes]:
        """Ask everybody who listens on *subject*; return what came within *seconds*.

        Raises:
            RetryLaterError: Not connected.
        """
        replies: list[bytes] = []

        async def note(message: Msg) -> None:
            if message.data:  # empty: nobody listens
                replies.append(message.data)

        inbox = f"{self.inbox}.all.{random.getrandbits(64):x}"
        subscription = await self.subscribe(inbox, note)
        try:
            await self.require_client().publish(subject, data, reply=inbox)
            await asyncio.sleep(seconds)
        except DOWN_ERRORS as exc:
            raise RetryLaterError(f"cannot ask on {subject}: {exc!r}") from exc
        finally:
            await self.unsubscribe(subscription)
        return replies

    async def supervise(self) -> None:
        """Connect and stay connected until cancelled; if there is a broker at all."""
        if not self._address.url:
            self.last_error = "nats_url is empty"
            await asyncio.get_running_loop().create_future()
        try:
            while True:
                self._closed.clear()
                try:
                    await self._serve_one_client()
                except DOWN_ERRORS as exc:
                    if not self._is_refused:  # else it is said already
                        self._note(f"connecting failed: {explained(exc)}")
                except SettingsError as exc:  # a file may be mended while this runs
                    self._note(str(exc))
                self._up.clear()
                await self._close_client()
                factor = REFUSED_RETRY_FACTOR if self._is_refused else 1.0
                await asyncio.sleep(factor * random.uniform(0.2, 1.0))  # noqa: S311
        finally:
            self._up.clear()
            await self._close_client()

    async def _serve_one_client(self) -> None:
        self._attempt = 0
        if not self.inbox.startswith(f"{inbox_of(self._address)}."):
            raise SettingsError(
                "nats_credentials_file is another identity's now: start this program "
                "again"
            )
        client = LastingClient()
        connecting = client.connect(
            self._address.url.split(","),
            name=self.name,
            **connect_options(self._address),
            inbox_prefix=self.inbox.encode(),
            max_reconnect_attempts=-1,
            reconnect_to_server_handler=self._pick_server,
            connect_timeout=5,
            ping_interval=10,
            max_outstanding_pings=2,
            flush_timeout=5,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
        )
        try:
            await connecting
        except BaseException:
            client.drop_transport()
            raise
        self.client = client
        for subscription in list(self._subscriptions):
            await subscription.attach(client)
        self.sessions += 1
        self._is_refused = False
        self._up.set()
        log.info("connected to %s", self.url)
        watchdog = asyncio.create_task(self._watch(client))
        try:
            await self._closed.wait()
        finally:
            watchdog.cancel()
            await asyncio.gather(watchdog, return_exceptions=True)

    async def _close_client(self) -> None:
        client, self.client = self.client, None
        if client is not None and not client.is_closed:
            with contextlib.suppress(*DOWN_ERRORS):
                await asyncio.wait_for(client.close(), 5)

    async def _watch(self, client: Client) -> None:
        heard = asyncio.Event()

        async def on_echo(_: Msg) -> None:
            heard.set()

        inbox = f"{self.inbox}.echo.{random.getrandbits(64):x}"
        await client.subscribe(inbox, cb=on_echo)
        away = 0
        while True:
            await asyncio.sleep(ECHO_EVERY_SECONDS)
            if not client.is_connected:
                away += 1
                if away * ECHO_EVERY_SECONDS > REBUILD_SECONDS:
                    self._closed.set()  # its own reconnecting may have died
                continue
            away = 0
            heard.clear()
            try:
                await client.publish(inbox, b"")
                await asyncio.wait_for(heard.wait(), ECHO_WITHIN_SECONDS)
            except DOWN_ERRORS:
                if client.is_connected:
                    self._note("the server does not answer: reconnecting")
                    self._up.clear()
                    with contextlib.suppress(*DOWN_ERRORS):
                        await client.force_reconnect()
                    if client.is_connected:
                        self._up.set()

    def _pick_server(self, pool: list[Any], _: Any) -> tuple[Any, float]:
        """Choose a server, and wait longer each time, with jitter against storms."""
        self._attempt += 1
        if self._attempt == 1:
            return random.choice(pool), 0.0  # noqa: S311
        delay = min(LAST_RETRY_SECONDS, 0.1 * 2 ** min(self._attempt, 6))
        return random.choice(pool), delay * random.uniform(0.5, 1.5)  # noqa: S311

    async def _on_error(self, error: Exception) -> None:
        # Refused permissions and slow consumers show up here and nowhere else.
        if is_violation(error):
            self._note_violation(explained(error))
        else:
            self._note(explained(error))
        self._is_refused = is_refusal(error)
        if self.has_identity and self._is_refused:
            # nats-py would try the same again; the file may hold others by now.
            if self.client is None:
                raise error
            self._closed.set()

    async def _on_disconnected(self) -> None:
        self._up.clear()

    async def _on_reconnected(self) -> None:
        self._attempt = 0
        self.sessions += 1
        self._up.set()
        log.info("reconnected to %s", self.url)

    async def _on_closed(self) -> None:
        self._up.clear()
        self._closed.set()

    def _note(self, problem: str) -> None:
        if problem != self.last_error:
            log.warning("broker %s: %s", self.url, problem)
        self.last_error = problem

    def _note_violation(self, problem: str) -> None:
        now = time.monotonic()
        if now - self._violation_at >= VIOLATION_SECONDS:
            self._violation_at = now
            log.warning("broker %s: %s", self.url, problem)
        self.last_error = problem


@contextlib.asynccontextmanager
async def open_link(where: BrokerAddress | str, name: str) -> AsyncIterator[Link]:
    """Yield a ``Link`` to *where*, maybe a mere URL; close it at the end.

    It does not wait for the connection: a server that is away is weather.

    Raises:
        SettingsError: Credentials or certificates cannot be used.
    """
    link = Link(where, name)
    connect_options(as_address(where))  # what cannot work is told at once
    supervisor = asyncio.create_task(link.supervise())
    try:
        yield link
    finally:
        # Again and again: on Python 3.11 a connect that is just done swallows it.
        while not supervisor.done():
            supervisor.cancel()
            await asyncio.wait([supervisor], timeout=CANCEL_AGAIN_SECONDS)
