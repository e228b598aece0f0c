"""The durables of what leaves for other systems: there while wanted, never in the way.

A durable on the stream holds messages back until it acknowledged them. Others must not
suffer from it, so it ends by itself: the broker removes one that nobody pulls from, and
``remove_export`` gives up all that it held.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import anyio
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError, NotFoundError

from robometrics import subjects
from robometrics.broker.link import DOWN_ERRORS, Link
from robometrics.broker.provisioning import ACK_WITHIN_SECONDS, EXPORTS, STREAM
from robometrics.errors import RetryLaterError

log = logging.getLogger(__name__)

LOOKS = 5
LOOK_SECONDS = 0.2
"""At an instant between two fetches nobody seems to consume."""


def export_config(durable: str, *, max_age_seconds: int) -> ConsumerConfig:
    """Return one durable; what came before it is not for it.

    Deliveries are not counted: the exporter gives up by age, and poison by its trials.
    What is held when it dies keeps the durable for some ``ACK_WITHIN_SECONDS`` longer.
    """
    return ConsumerConfig(
        durable_name=durable,
        deliver_policy=DeliverPolicy.NEW,
        filter_subjects=[subjects.SAMPLES],
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WITHIN_SECONDS,
        max_deliver=-1,
        max_ack_pending=50_000,
        inactive_threshold=max_age_seconds,
    )


async def add_exports(
    link: Link, durables: Iterable[str], *, max_age_seconds: int
) -> None:
    """Bring *durables* to their wanted state; safe to repeat, and in parallel.

    Raises:
        RetryLaterError: The broker is away, or the stream is not provisioned.
    """
    for durable in durables:
        config = export_config(durable, max_age_seconds=max_age_seconds)
        try:
            await link.require_client().jetstream().add_consumer(STREAM, config)
        except (*DOWN_ERRORS, APIError) as exc:
            raise RetryLaterError(f"cannot make {durable}: {exc!r}") from exc


async def remove_export(link: Link, durable: str) -> None:
    """Remove *durable*, if it is there, and let go what only it held.

    Raises:
        RetryLaterError: The broker is away.
    """
    try:
        await link.require_client().jetstream().delete_consumer(STREAM, durable)
    except NotFoundError:
        return
    except (*DOWN_ERRORS, APIError) as exc:
        raise RetryLaterError(f"cannot remove {durable}: {exc!r}") from exc


async def remove_unused_exports(link: Link, keep: Iterable[str]) -> dict[str, bool]:
    """Remove the export durables that are not in *keep*, and that nobody uses.

    Returns:
        Those that were found, and whether they are gone now.

    Raises:
        RetryLaterError: The broker is away.
    """
    found = {}
    for durable in EXPORTS:
        if durable in keep:
            continue
        is_used = await _is_used(link, durable)
        if is_used is None:
            continue
        if not is_used:
            await remove_export(link, durable)
        found[durable] = not is_used
    return found


async def _is_used(link: Link, durable: str) -> bool | None:
    """Return whether anybody consumes from *durable*; ``None`` if it is not there."""
    js = link.require_client().jetstream()
    for _ in range(LOOKS):
        try:
            info = await js.consumer_info(STREAM, durable)
        except NotFoundError:
            return None
        except (*DOWN_ERRORS, APIError) as exc:
            raise RetryLaterError(f"no info of {durable}: {exc!r}") from exc
        if info.num_waiting:
            return True
        await anyio.sleep(LOOK_SECONDS)
    return False
