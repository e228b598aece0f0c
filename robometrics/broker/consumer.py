"""Fetch from a shared durable: any number of copies, each message to one of them.

nats-py's own fetch costs a task's turn, a timer and a parsed header for each message:
several times what storing it costs. Here messages are taken as they come.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import deque

import msgspec
from nats.js.errors import APIError

from robometrics.broker.delivery import ACK_PREFIX, Delivery
from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.broker.provisioning import STREAM
from robometrics.broker.subscription import Subscription
from robometrics.errors import RetryLaterError

FETCH_SECONDS = 1.0
FETCH_BYTES_MAX = 16 << 20
"""Of one fetch: a thousand of the largest messages would be a quarter of a GB."""

_ANSWER_SECONDS = 1.0
"""How long an answer may take beyond the time that the broker itself waits."""

_STATUS = re.compile(rb"NATS/1\.0 (\d{3})\s?([^\r\n]*)")
_NOTHING = (404, 408)
"""No messages; the request's time is over."""

_NS_PER_SECOND = 1_000_000_000
_encode = msgspec.json.Encoder().encode


class Puller:
    """Fetches from one durable, one fetch at a time."""

    def __init__(self, link: Link, durable: str, stream: str = STREAM) -> None:
        self._link = link
        self._stream = stream
        self.durable = durable
        self._inbox = f"{link.inbox}.pull.{random.getrandbits(64):x}"
        self._subscription: Subscription | None = None
        self._asked = 0
        self._ready: deque[Delivery] = deque()
        self._ending: tuple[int, str] | None = None
        """How the last request ended, by the broker's word: code and reason."""

        self._heard = asyncio.Event()

    async def fetch(self, count: int) -> list[Delivery]:
        """Return what is there, at most *count*; wait a second for the first.

        Raises:
            RetryLaterError: The broker is away, or the durable is not provisioned.
        """
        self._link.require_client()
        if self._subscription is None:
            self._subscription = await self._link.subscribe_directly(
                f"{self._inbox}.*", self._receive
            )
        await self._ask(count, {"no_wait": True})
        if not self._ready:
            await self._ask(1, {"expires": int(FETCH_SECONDS * _NS_PER_SECOND)})
            if self._ready and count > 1:
                await self._ask(count, {"no_wait": True})
        return [self._ready.popleft() for _ in range(min(count, len(self._ready)))]

    async def pending(self) -> int:
        """Return how many messages of the durable are not yet acknowledged.

        Raises:
            RetryLaterError: The broker is away, or the durable is not provisioned.
        """
        try:
            info = (
                await self._link.require_client()
                .jetstream()
                .consumer_info(self._stream, self.durable)
            )
        except (*DOWN_ERRORS, APIError) as exc:
            raise RetryLaterError(f"no info of {self.durable}: {exc!r}") from exc
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def _ask(self, count: int, how: dict[str, int | bool]) -> None:
        """Ask for messages until *count* are ready, or no more will come.

        What comes late, for an earlier request, is as good.

        Raises:
            RetryLaterError: The broker says why it gives nothing.
        """
        wanted = count - len(self._ready)
        if wanted <= 0:
            return
        self._asked += 1
        self._ending = None
        request = _encode({"batch": wanted, "max_bytes": FETCH_BYTES_MAX, **how})
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self.durable}"
        head = f"PUB {subject} {self._inbox}.{self._asked} {len(request)}\r\n"
        deadline = time.monotonic() + FETCH_SECONDS + _ANSWER_SECONDS
        try:
            client = self._link.require_client()
            client.send(b"%b%b\r\n" % (head.encode("ascii"), request), len(request))
            while len(self._ready) < count and not self._has_ended():
                self._heard.clear()
                left = deadline - time.monotonic()
                await asyncio.wait_for(self._heard.wait(), max(0.0, left))
        except asyncio.TimeoutError:  # a broker that dies says nothing
            return
        except DOWN_ERRORS as exc:
            raise self._failed(repr(exc)) from exc
        if not self._ready:
            self._check_ending()

    def _has_ended(self) -> bool:
        return self._ending is not None

    def _check_ending(self) -> None:
        if self._ending is not None and self._ending[0] not in _NOTHING:
            raise self._failed("{} {}".format(*self._ending))

    def _failed(self, why: str) -> RetryLaterError:
        return RetryLaterError(
            f"cannot fetch from {self.durable} of {self._stream}: {why}"
        )

    def _receive(
        self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        """Take what the broker sends: a message, or how a request ended."""
        if reply.startswith(ACK_PREFIX):
            self._ready.append(Delivery(self._link, subject, reply, data))
            self._heard.set()
        elif subject.endswith(b".%d" % self._asked):
            found = _STATUS.match(headers or b"")
            if found:
                self._ending = int(found[1]), found[2].decode(errors="replace")
                self._heard.set()
