"""Questions without a lasting connection, for programs that end soon."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
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
)
from robometrics.broker.client import LastingClient
from robometrics.broker.link import DOWN_ERRORS
from robometrics.errors import RetryLaterError, SettingsError

log = logging.getLogger(__name__)


async def ask_once(
    where: BrokerAddress | str,
    subjects: list[str],
    data: bytes,
    *,
    timeout_seconds: float,
) -> bytes | None:
    """Connect, ask on each of *subjects* until somebody answers, and disconnect.

    Returns:
        The reply, or ``None`` if there is no broker or nobody listens.

    Raises:
        SettingsError: Credentials or certificates cannot be used, or are refused.
    """
    try:
        async with _connected(where, timeout_seconds) as client:
            for subject in subjects:
                with contextlib.suppress(NoRespondersError):
                    reply = await client.request(subject, data, timeout=timeout_seconds)
                    return bytes(reply.data)
    except DOWN_ERRORS as exc:
        why = f"{as_address(where).shown}: {explained(exc)}"
        if is_refusal(exc) or isinstance(exc, ssl.SSLError):
            raise SettingsError(why) from exc  # asking again would not help
        log.debug("no answer by way of %s", why)
    return None


async def ask_all(
    where: BrokerAddress | str, subject: str, data: bytes, *, seconds: float
) -> list[bytes]:
    """Connect, ask everybody on *subject*, and return what came within *seconds*.

    Raises:
        RetryLaterError: No broker answers there.
        SettingsError: Credentials or certificates cannot be used.
    """
    replies: list[bytes] = []

    async def note(message: Msg) -> None:
        if message.data:  # empty: nobody listens
            replies.append(message.data)

    try:
        async with _connected(where, seconds) as client:
            inbox = client.new_inbox()
            await client.subscribe(inbox, cb=note)
            await client.publish(subject, data, reply=inbox)
            await client.flush()
            await asyncio.sleep(seconds)
    except DOWN_ERRORS as exc:
        address = as_address(where)
        raise RetryLaterError(
            f"no broker answers at {address.shown}: {explained(exc)}"
        ) from exc
    return replies


@contextlib.asynccontextmanager
async def _connected(
    where: BrokerAddress | str, timeout_seconds: float
) -> AsyncIterator[Client]:
    address = as_address(where)

    async def ignore(_: Exception) -> None:
        return None

    if not address.url:
        raise NatsError("nats_url is empty")
    client = LastingClient()
    options: dict[str, Any] = {
        **connect_options(address),
        "inbox_prefix": inbox_of(address).encode(),
        "allow_reconnect": False,
        "connect_timeout": timeout_seconds,
        # nats-py tries a refusing server this often even so, by default for minutes
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0.01,
        "error_cb": ignore,
    }
    try:
        await client.connect(address.url.split(","), **options)
    except BaseException:
        client.drop_transport()
        raise
    try:
        yield client
    finally:
        with contextlib.suppress(*DOWN_ERRORS):
            await client.close()
