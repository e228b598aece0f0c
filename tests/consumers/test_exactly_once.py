"""However often a message comes, from however many outboxes: stored and folded once."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
from builders import SLOT, process_batch
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link, Puller
from robometrics.broker.provisioning import STREAM
from robometrics.consumers.persist import persist
from robometrics.consumers.rollup import rollup
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.uplink import Uplink
from robometrics.schema import encode
from robometrics.store import Series, Store

PLANNER = Series("robot", "process", "planner")
SUBJECT = subjects.process_samples("robot", "planner")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robometrics.consumers.rollup.LINGER_SECONDS", 0.0)
    monkeypatch.setattr("robometrics.broker.consumer.FETCH_SECONDS", 0.1)


async def drain(link: Link, store: Store) -> None:
    """Run both consumers until nothing is left."""
    stop = anyio.Event()
    loops = [make(link, store, fetch_batches=100) for make in (persist, rollup)]
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tg:
            for loop in loops:
                tg.start_soon(loop.run, stop)
            for loop in loops:
                while await Puller(link, loop.name).pending():
                    await anyio.sleep(0.02)
            stop.set()


async def stored_and_folded(store: Store) -> tuple[list[int], int]:
    """Return the slots stored, and how many samples were folded."""
    slots = [b.slot async for b in store.batches.read(PLANNER, SLOT, SLOT + 60)]
    windows = store.rollups.read(PLANNER, "10s", SLOT, SLOT + 60)
    return slots, sum([window.stats.count async for window in windows])


async def test_sent_again_after_the_stream_forgot_it(link: Link, store: Store) -> None:
    """After an outage longer than the stream remembers what it holds."""
    stream = link.require_client().jetstream()
    config = (await stream.stream_info(STREAM)).config
    await stream.update_stream(config.evolve(duplicate_window=0.1))
    data = encode(process_batch())
    async with AckedPublisher.open(link, max_in_flight=8) as publisher:

        async def taken_as_new() -> bool:
            return await (await publisher.publish(SUBJECT, data, message_id="same"))

        assert await taken_as_new()
        await drain(link, store)
        await eventually(taken_as_new)
    await drain(link, store)
    assert ([SLOT], 2) == await stored_and_folded(store)


async def send_all(link: Link, outbox: Outbox) -> None:
    """Empty *outbox* into the stream, as a worker does."""
    with ThreadPoolExecutor(1) as disk:
        async with (
            AckedPublisher.open(link, max_in_flight=64) as publisher,
            anyio.create_task_group() as tg,
        ):
            uplink = Uplink(link, publisher, outbox, disk, backlog_share=1.0)
            tg.start_soon(uplink.run)
            await eventually(lambda: outbox.messages == 0)
            tg.cancel_scope.cancel()
    outbox.close()


async def test_a_cloned_outbox_doubles_nothing_and_loses_nothing(
    link: Link, store: Store, tmp_path: Path
) -> None:
    """A disk image put on a second robot: same id, same numbers, then other contents.

    An id made of outbox and number would have the stream drop what the second one
    takes as repeats of the first.
    """
    outbox = Outbox(tmp_path / "one.db", max_bytes=1 << 20)
    batches = [process_batch(slot=SLOT + i) for i in range(5)]
    for batch in batches:
        outbox.put(batch.slot, 0, [(SUBJECT, encode(batch))])
    outbox.close()
    shutil.copy(tmp_path / "one.db", tmp_path / "two.db")

    for number, name in enumerate(("one.db", "two.db")):
        clone = Outbox(tmp_path / name, max_bytes=1 << 20)
        own = process_batch(slot=SLOT + 10 + number)
        clone.put(own.slot, 0, [(SUBJECT, encode(own))])
        await send_all(link, clone)
    await drain(link, store)
    slots = [*(batch.slot for batch in batches), SLOT + 10, SLOT + 11]
    assert (slots, 2 * len(slots)) == await stored_and_folded(store)
