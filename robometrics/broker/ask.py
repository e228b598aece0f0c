"""One question without a lasting connection, for programs that end soon."""

from __future__ import annotations

import contextlib
import logging

import nats
from nats.errors import NoRespondersError

from robometrics.broker.link import DOWN_ERRORS

log = logging.getLogger(__name__)


async def ask_once(
    url: str, subjects: list[str], data: bytes, *, timeout_seconds: float
) -> bytes | None:
    """Connect, ask on each of *subjects* until somebody answers, and disconnect.

    Returns:
        The reply, or ``None`` if there is no broker or nobody listens.
    """

    async def ignore(_: Exception) -> None:
        return None

    client = None
    try:
        client = await nats.connect(
            url.split(","),
            allow_reconnect=False,
            connect_timeout=timeout_seconds,
            # nats-py tries a refusing server this often even so, by default for minutes
            max_reconnect_attempts=1,
            reconnect_time_wait=0.01,
            error_cb=ignore,
        )
        for subject in subjects:
            with contextlib.suppress(NoRespondersError):
                reply = await client.request(subject, data, timeout=timeout_seconds)
                return bytes(reply.data)
    except DOWN_ERRORS as exc:
        log.debug("no answer by way of %s: %r", url, exc)
    finally:
        if client is not None:
            with contextlib.suppress(*DOWN_ERRORS):
                await client.close()
    return None
