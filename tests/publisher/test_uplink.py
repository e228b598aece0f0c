"""From the outbox to the stream: once each, live first, whatever the disk does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from waiting import eventually

from robometrics import subjects
from robometrics.broker import AckedPublisher, Link
from robometrics.broker.provisioning import STREAM
from robometrics.publisher.outbox import Outbox
from robometrics.publisher.uplink import Uplink

SUBJECT = subjects.host_samples("robot")


@asynccontextmanager
async def sending(
    link: Link, outbox: Outbox, share: float = 0.8
) -> AsyncIterator[tuple[Uplink, AckedPublisher]]:
    with ThreadPoolExecutor(1) as disk:
        async with (
            AckedPublisher.open(link, max_in_flight=64) as publisher,
            anyio.create_task_group() as tg,
        ):
            uplink = Uplink(link, publisher, outbox, disk, backlog_share=share)
            tg.start_soon(uplink.run)
            yield uplink, publisher
            tg.cancel_scope.cancel()


def opened(folder: Path) -> Outbox:
    return Outbox(folder / "o.db", max_bytes=16 << 20)


def messages(first: int, count: int) -> list[tuple[str, bytes]]:
    return [(SUBJECT, f"{number}".encode()) for number in range(first, first + count)]


async def in_stream(link: Link) -> list[bytes]:
    """Return the bodies in the stream, in order."""
    stream = link.require_client().jetstream()
    state = (await stream.stream_info(STREAM)).state
    sequences = range(state.first_seq, state.last_seq + 1)
    return [(await stream.get_msg(STREAM, seq=n)).data or b"" for n in sequences]


async def test_what_cannot_be_deleted_is_not_sent_again_and_again(
    link: Link, tmp_path: Path
) -> None:
    """A full disk refuses to delete too; the stream must not pay for that."""
    outbox = opened(tmp_path)
    rows = outbox.put(1, 0, messages(0, 50))
    db = outbox._file.db
    db.execute(
        "CREATE TRIGGER no BEFORE DELETE ON messages "
        "BEGIN SELECT raise(abort, 'no room'); END"
    )
    async with sending(link, outbox) as (uplink, publisher):
        uplink.offer(rows)
        await eventually(lambda: "no room" in uplink._problem)
        await eventually(lambda: len(uplink._acknowledged) == 50)
        assert 50 == outbox.messages
        db.execute("DROP TRIGGER no")
        await eventually(lambda: outbox.messages == 0)
        assert 50 == publisher._count
    outbox.close()


async def test_live_messages_pass_a_backlog(link: Link, tmp_path: Path) -> None:
    """So that charts go on at once after an outage."""
    outbox = opened(tmp_path)
    for slot in range(10):
        outbox.put(slot, 0, messages(slot * 100, 100))
    async with sending(link, outbox, share=0.05) as (uplink, _):
        await eventually(lambda: outbox.messages < 1_000)
        live = outbox.put(99, 0, [(SUBJECT, b"live")])
        uplink.offer(live)
        await eventually(lambda: outbox.messages == 0, 60)
    outbox.close()
    found = await in_stream(link)
    assert 1_001 == len(set(found)) == len(found)
    assert found.index(b"live") < 800
    backlog = [int(body) for body in found if body != b"live"]
    assert sorted(backlog) == backlog, "the oldest first"


async def test_a_message_that_is_refused_for_ever_holds_back_no_other(
    link: Link, tmp_path: Path
) -> None:
    outbox = opened(tmp_path)
    outbox.put(1, 0, [(SUBJECT, b"x" * 300_000), *messages(0, 500)])
    async with sending(link, outbox, share=1.0):
        await eventually(lambda: outbox.messages == 1)
    assert [300_000] == [len(row.data) for row in outbox.read(0, 9)]
    outbox.close()
    assert 500 == len(await in_stream(link))


async def test_a_small_share_leaves_the_link_to_others(
    link: Link, tmp_path: Path
) -> None:
    """By its share of the messages that may be in flight."""
    outbox = opened(tmp_path)
    outbox.put(1, 0, messages(0, 500))
    most = 0
    async with sending(link, outbox, share=0.1) as (_, publisher):

        def sent() -> bool:
            nonlocal most
            most = max(most, publisher.in_flight)
            return outbox.messages == 0

        await eventually(sent)
    assert most <= 64 * 0.1
    outbox.close()
