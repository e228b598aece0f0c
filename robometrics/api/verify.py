"""What hosts ask a server by way of the broker: is this stored, and what time is it?"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from robometrics import subjects
from robometrics.broker import Link, Message
from robometrics.errors import DiscardMessageError, InvalidNameError, RetryLaterError
from robometrics.requests import Now, Verdict, encode_request
from robometrics.schema import Tally, decode_note, encode
from robometrics.store import Store
from robometrics.store.verdict import verdict

log = logging.getLogger(__name__)

WAITING_MAX = 64
AT_ONCE = 4
GROUP = "verify"
"""Of several servers one answers; to tell the time the first is the best."""


@contextlib.asynccontextmanager
async def answering(link: Link, store: Store) -> AsyncIterator[None]:
    """Answer until the block ends."""
    waiting: asyncio.Queue[Message] = asyncio.Queue(WAITING_MAX)

    async def tell_time(message: Message) -> None:
        await _reply(message, encode_request(Now(now_ns=time.time_ns())))

    async def take(message: Message) -> None:
        try:
            waiting.put_nowait(message)
        except asyncio.QueueFull:
            busy = Verdict(problem="the server is busy: ask again later")
            await _reply(message, encode(busy))

    async def judge() -> None:
        while True:
            message = await waiting.get()
            await _reply(message, encode(await _judged(store, message)))

    subscriptions = [
        await link.subscribe(subjects.TIME, tell_time),
        await link.subscribe(subjects.ANY_VERIFY, take, group=GROUP),
    ]
    if not link.has_identity:
        # Workers of the release before ask here, about any host. They had no identity:
        # whoever reaches a broker without may read everything anyway.
        old = await link.subscribe(subjects.VERIFY, take, group=GROUP)
        subscriptions.append(old)
    judges = [asyncio.create_task(judge()) for _ in range(AT_ONCE)]
    try:
        yield
    finally:
        for subscription in subscriptions:
            await link.unsubscribe(subscription)
        for each in judges:
            each.cancel()
        await asyncio.gather(*judges, return_exceptions=True)


async def _judged(store: Store, message: Message) -> Verdict:
    try:
        asked = decode_note(message.data)
        if not isinstance(asked, Tally):
            return Verdict(problem="not a tally")
        # The broker lets a worker speak on the subject of its own host alone.
        if message.subject not in (subjects.VERIFY, subjects.verify(asked.host)):
            return Verdict(problem="the tally is another host's than its subject")
        return await verdict(store, asked)
    except (DiscardMessageError, InvalidNameError, RetryLaterError) as exc:
        return Verdict(problem=str(exc))
    except Exception:
        log.exception("a tally could not be verified")
        return Verdict(problem="a bug; the server's log has the details")


async def _reply(message: Message, data: bytes) -> None:
    if message.reply:
        with contextlib.suppress(Exception):  # the asker has gone, or the link
            await message.respond(data)
