"""How far the consumers are: what of the stream is not acknowledged by all of them."""

from __future__ import annotations

from nats.js.errors import APIError

from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.broker.provisioning import STREAM, consumer_configs
from robometrics.errors import RetryLaterError


async def last_sequence(link: Link) -> int:
    """Return the number of the newest message in the stream.

    Raises:
        RetryLaterError: The broker is away, or the stream is not provisioned.
    """
    try:
        js = link.require_client().jetstream()
        info = await js.stream_info(STREAM)
    except (*DOWN_ERRORS, APIError) as exc:
        raise RetryLaterError(f"no info of stream {STREAM}: {exc!r}") from exc
    return info.state.last_seq


async def unacknowledged(link: Link, up_to: int) -> int:
    """Return how many messages up to number *up_to* some consumer has yet to store.

    Of all consumers the one that is furthest behind counts; at most, as a consumer
    tells only the first of them.

    Raises:
        RetryLaterError: The broker is away, or a durable is not provisioned.
    """
    most = 0
    try:
        js = link.require_client().jetstream()
        for config in consumer_configs():
            info = await js.consumer_info(STREAM, str(config.durable_name))
            outstanding = (info.num_pending or 0) + (info.num_ack_pending or 0)
            done = info.ack_floor.stream_seq if info.ack_floor else 0
            most = max(most, min(outstanding, up_to - done))
    except (*DOWN_ERRORS, APIError) as exc:
        raise RetryLaterError(f"no info of the consumers: {exc!r}") from exc
    return most
