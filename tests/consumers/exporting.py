"""What is exported in tests: a run that registered, and its batches."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

from builders import event, process_batch

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, add_exports, provisioning
from robometrics.consumers.export.exporter import Exporter
from robometrics.schema import AnyBatch, Previous, encode
from robometrics.store import Store

Make = Callable[..., list[Exporter]]

MAX_AGE_SECONDS = 600
NS = 1_000_000_000
_ids = itertools.count()


def first_slot() -> int:
    """Return the beginning of a step, lately: receivers take no old samples."""
    return int(time.time()) // 10 * 10 - 600


async def add_durables(link: Link, *exporters: Exporter) -> None:
    names = [each.name for each in exporters]
    await add_exports(link, names, max_age_seconds=MAX_AGE_SECONDS)


async def change_durable(link: Link, name: str, **changes: float) -> None:
    """Have a durable be as it is but for *changes*."""
    js = link.require_client().jetstream()
    found = (await js.consumer_info(provisioning.STREAM, name)).config
    await js.add_consumer(provisioning.STREAM, found.evolve(**changes))


async def register(store: Store, batch: Any, **changes: Any) -> None:
    """Have the database know the run of *batch*."""
    values = {
        "id": f"e-{batch.run}",
        "event": "registered",
        "process": batch.process,
        "run": batch.run,
        "pid": batch.pid,
        "at_ns": batch.slot * NS,
    }
    await store.fleet.record([event(**values | changes)])


def batches(slots: Iterable[int], **changes: Any) -> list[AnyBatch]:
    """Return a batch of one process for each of *slots*, CPU time as the slot's."""
    return [
        process_batch(
            **{
                "slot": slot,
                "interval_ns": NS,
                "offset_ns": [0],
                "metrics": {"cpu_time_ns": [slot], "thread_count": [slot % 7]},
                "previous": Previous(offset_ns=-NS, counters={"cpu_time_ns": slot - 1}),
            }
            | changes
        )
        for slot in slots
    ]


async def put(link: Link, *messages: AnyBatch) -> None:
    """Publish *messages*, also those that the stream had before."""
    async with AckedPublisher.open(link, max_in_flight=256) as publisher:
        for each in messages:
            future = await publisher.publish(
                subjects.samples(each.host, each.kind, each.name),
                encode(each),
                message_id=f"x-{next(_ids)}",
            )
            assert await future
