"""Create the stream and its durable consumers, whatever is there already.

On a stream with interest retention a message nobody is interested in is acknowledged
and dropped. So the durables exist before the stream takes the real subjects, and the
filter of ``persist`` covers all of them.
"""

from __future__ import annotations

import logging

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, BadRequestError, NotFoundError

from robometrics import subjects
from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.errors import RetryLaterError
from robometrics.schema import MESSAGE_BYTES_MAX

log = logging.getLogger(__name__)

STREAM = "ROBOMETRICS"
ADVISORIES = "ROBOMETRICS_ADVISORIES"
ADVISORIES_DURABLE = "abandoned"
EXPORTS = ("export_otlp", "export_remote_write")
"""Durables that are there only while something is exported, see ``exports``."""

MAX_DELIVER = 100
"""A backstop: consumers set poison aside after twenty."""

_NOT_YET = f"{subjects.PREFIX}.provisioning"
ACK_WITHIN_SECONDS = 30
"""What a killed consumer held, or a dead broker had sent, is delivered again then. A
write that takes longer is repeated, which changes nothing."""

_HEADERS_BYTES_MAX = 1024
_NAME_IN_USE = 10058  # by a stream of another configuration


def stream_config(*, max_bytes: int, replicas: int) -> StreamConfig:
    """Return the stream as DESIGN §5 has it; back-pressure instead of loss."""
    return StreamConfig(
        name=STREAM,
        description="Samples and events of all hosts, until every consumer has them",
        subjects=[subjects.SAMPLES, subjects.EVENTS],
        storage=StorageType.FILE,
        retention=RetentionPolicy.INTEREST,
        discard=DiscardPolicy.NEW,
        max_bytes=max_bytes,
        max_msg_size=MESSAGE_BYTES_MAX + _HEADERS_BYTES_MAX,
        num_replicas=replicas,
        duplicate_window=120,
    )


def consumer_configs() -> list[ConsumerConfig]:
    """Return the durables; each is shared by any number of copies of its consumer."""
    filters = {
        "persist": [subjects.SAMPLES, subjects.EVENTS],
        "rollup": [subjects.SAMPLES],
    }
    return [
        ConsumerConfig(
            durable_name=durable,
            filter_subjects=wanted,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WITHIN_SECONDS,
            max_deliver=MAX_DELIVER,
            max_ack_pending=50_000,
        )
        for durable, wanted in filters.items()
    ]


def advisories_config(*, replicas: int) -> StreamConfig:
    """Return the stream that remembers which messages the broker gave up."""
    return StreamConfig(
        name=ADVISORIES,
        description="Messages that a durable was given too often; see dead letters",
        subjects=[f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{STREAM}.*"],
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_bytes=4 << 20,
        max_age=30 * 86_400,
        num_replicas=replicas,
    )


def advisories_consumer_config() -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=ADVISORIES_DURABLE,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=60,
        max_deliver=-1,
    )


async def provision(link: Link, *, max_bytes: int, replicas: int) -> None:
    """Bring stream and durables to their wanted state; safe to repeat, and in parallel.

    Raises:
        RetryLaterError: The broker is away, or has JetStream off.
    """
    js = link.require_client().jetstream()
    config = stream_config(max_bytes=max_bytes, replicas=replicas)
    advisories = advisories_config(replicas=replicas)
    try:
        # First, so that no advisory finds nobody who remembers it.
        await _create_if_missing(js, advisories)
        await js.update_stream(advisories)
        await js.add_consumer(ADVISORIES, advisories_consumer_config())
        await _create_if_missing(js, config.evolve(subjects=[_NOT_YET]))
        for consumer in consumer_configs():
            await js.add_consumer(STREAM, consumer)
        await js.update_stream(config)
    except (*DOWN_ERRORS, APIError) as exc:
        raise RetryLaterError(
            f"provisioning stream {STREAM} at {link.url} failed: {exc!r}; "
            "does nats-server run with JetStream enabled?"
        ) from exc


async def _create_if_missing(js: JetStreamContext, config: StreamConfig) -> None:
    if await _exists(js, config.name or ""):
        return
    try:
        await js.add_stream(config)
        log.info("created stream %s", config.name)
    except BadRequestError as exc:
        if exc.err_code != _NAME_IN_USE:  # else somebody beside us was faster
            raise


async def _exists(js: JetStreamContext, name: str) -> bool:
    try:
        await js.stream_info(name)
    except NotFoundError:
        return False
    return True
